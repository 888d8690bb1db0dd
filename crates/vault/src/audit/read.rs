//! Reading the audit: its lines, and whether they are the ones that were written.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{AuditLine, Title, seal::Tip};
use crate::crypto::{Key, Keyed};

/// The version of the format.
pub(super) const VERSION: u32 = 1;
/// The longest line.
const MAX_LINE: u64 = 64 << 10;
/// What stands before a line's hash. A text inside JSON cannot hold it: its quotes are escaped.
const MAC: &str = ",\"mac\":\"";

/// What a check of the whole audit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many lines there are, the first, which holds no use, aside.
    pub lines: u64,
    /// How many of them the head covers.
    pub sealed: u64,
    /// How many lines were lost in a power cut, at least.
    pub lost: u64,
    /// How many bytes of a line that was never finished stand at the end, after a crash.
    pub torn: u64,
    /// How many earlier audits were at this path, by their keys: moved away, or deleted.
    pub earlier: usize,
}

/// What is wrong with an audit.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// There is none yet.
    #[error("there is no audit at `{path}` yet: no secret was used")]
    NotThere {
        /// Where it would be.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("cannot {action} `{path}`")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Its first line was never finished.
    #[error("the audit `{path}` has no whole line")]
    Torn {
        /// The audit.
        path: PathBuf,
    },
    /// A line is not as it was written, or not where it was.
    #[error(
        "line {line} of the audit `{path}` was changed, moved or put in, or one before it is \
         missing; keep the file as evidence and move it away to begin a new one"
    )]
    Broken {
        /// The audit.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// Lines at the end are missing.
    #[error(
        "the audit `{path}` was cut: it had at least {lines} lines of uses; keep what is left as \
         evidence and move it away to begin a new one"
    )]
    Cut {
        /// The audit.
        path: PathBuf,
        /// How many uses it had at least.
        lines: u64,
    },
    /// The key that it is checked with is not at hand.
    #[error(
        "the key of the audit `{path}` is not at hand: {why}; put `{key}` back, or move the audit \
         away to begin a new one"
    )]
    NoKey {
        /// The audit.
        path: PathBuf,
        /// Where its key belongs.
        key: PathBuf,
        /// What was found.
        why: &'static str,
    },
    /// A newer program wrote it.
    #[error("the audit `{path}` has a format that this program does not know; update it")]
    UnknownVersion {
        /// The audit.
        path: PathBuf,
    },
}

/// Hands every line to `each`, in order, without checking the chain.
///
/// # Errors
///
/// Returns an error if the file cannot be read or a line is none.
pub fn read(path: &Path, each: &mut dyn FnMut(AuditLine)) -> Result<(), AuditFault> {
    let mut file = File::open(path).map_err(|err| match err.kind() {
        io::ErrorKind::NotFound => AuditFault::NotThere { path: path.into() },
        _ => AuditFault::Disk { action: "read", path: path.into(), source: err },
    })?;
    title(&mut file, path)?;
    io::Seek::rewind(&mut file).map_err(|err| failed(path, err))?;
    let mut reader = BufReader::new(file);
    let mut at = 0;
    while let Some(line) = next_line(&mut reader, path, at + 1)? {
        at += 1;
        if at > 1 {
            let line = serde_json::from_str(&line);
            each(line.map_err(|_| AuditFault::Broken { path: path.into(), line: at })?);
        }
    }
    Ok(())
}

/// Reads the first line, unchecked: it says which key to check it with.
pub(super) fn title(file: &mut File, path: &Path) -> Result<Title, AuditFault> {
    let mut reader = BufReader::new(file);
    let line = next_line(&mut reader, path, 1)?;
    let line = line.ok_or_else(|| AuditFault::Torn { path: path.into() })?;
    let title: Title = serde_json::from_str(&line)
        .map_err(|_| AuditFault::Broken { path: path.into(), line: 1 })?;
    let is_id = title.id.len() == 16 && title.id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (title.audit, is_id) {
        (VERSION, true) => Ok(title),
        (VERSION, false) => Err(AuditFault::Broken { path: path.into(), line: 1 }),
        _ => Err(AuditFault::UnknownVersion { path: path.into() }),
    }
}

/// What is behind the part of a file that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// So many bytes of a line that was never finished.
    Torn(u64),
    /// A line that does not belong there.
    Broken,
}

/// The keyed hash that ties each line to the one before.
pub(super) struct Chain {
    key: Keyed,
    path: PathBuf,
}

impl Chain {
    pub(super) fn new(key: &Key, path: &Path) -> Self {
        Self { key: Keyed::new(key), path: path.into() }
    }

    /// Returns the line that holds `text`, an object in JSON, after the one at `tip`, and the tip
    /// behind it.
    pub(super) fn next(&self, text: &str, tip: Tip) -> (String, Tip) {
        let open = text.strip_suffix('}').unwrap_or(text);
        let mac = self.key.mac(&tip.mac, open.as_bytes());
        let line = format!("{open}{MAC}{}\"}}\n", STANDARD.encode(mac));
        let end = tip.end + line.len() as u64;
        (line, Tip { count: tip.count + 1, end, mac })
    }

    /// Follows the chain as far as it goes in a file, and returns the tip there and what is behind it.
    pub(super) fn follow(&self, file: &mut dyn Read, from: Tip) -> Result<(Tip, Rest), AuditFault> {
        let mut reader = BufReader::new(file);
        let mut tip = from;
        loop {
            let mut line = Vec::new();
            let size = (&mut reader)
                .take(MAX_LINE)
                .read_until(b'\n', &mut line)
                .map_err(|err| failed(&self.path, err))? as u64;
            if size == 0 {
                return Ok((tip, Rest::Nothing));
            }
            if line.last() != Some(&b'\n') && size < MAX_LINE {
                return Ok((tip, Rest::Torn(size)));
            }
            match self.check(&line, tip) {
                Some(next) => tip = next,
                None => return Ok((tip, Rest::Broken)),
            }
        }
    }

    /// Returns the fault of the line behind a tip.
    pub(super) fn broken_after(&self, tip: Tip) -> AuditFault {
        AuditFault::Broken { path: self.path.clone(), line: tip.count + 1 }
    }

    /// Checks how far a file is whole against how far the head says that it goes.
    pub(super) fn judge_head(&self, found: Tip, rest: Rest, head: Tip) -> Result<(), AuditFault> {
        match rest {
            _ if found == head => Ok(()),
            Rest::Nothing | Rest::Torn(_) if found.count < head.count => {
                Err(AuditFault::Cut { path: self.path.clone(), lines: head.count - 1 })
            }
            Rest::Nothing | Rest::Torn(_) | Rest::Broken => Err(self.broken_after(found)),
        }
    }

    fn check(&self, line: &[u8], tip: Tip) -> Option<Tip> {
        let (open, rest) = str::from_utf8(line).ok()?.rsplit_once(MAC)?;
        let mac: [u8; 32] = STANDARD.decode(rest.strip_suffix("\"}\n")?).ok()?.try_into().ok()?;
        let end = tip.end + line.len() as u64;
        let is_good = self.key.is_mac(&tip.mac, open.as_bytes(), &mac);
        is_good.then_some(Tip { count: tip.count + 1, end, mac })
    }
}

/// Returns the next whole line, without its end.
fn next_line(
    reader: &mut dyn BufRead,
    path: &Path,
    number: u64,
) -> Result<Option<String>, AuditFault> {
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line).map_err(|err| failed(path, err))?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    let broken = |_| AuditFault::Broken { path: path.into(), line: number };
    String::from_utf8(line).map(Some).map_err(broken)
}

fn failed(path: &Path, source: io::Error) -> AuditFault {
    AuditFault::Disk { action: "read", path: path.into(), source }
}
