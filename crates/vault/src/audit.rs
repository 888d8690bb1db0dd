//! The audit: every use of a secret and every refusal, one line each, chained so that no line can be
//! changed, moved or dropped unnoticed.
//!
//! ```text
//! {"audit":1,"id":"…","time":"…","mac":"…"}
//! {"n":1,"time":"…","run":"…","blueprint":"…","block":"…","key":"K","version":3,"use":"swap",
//!  "host":"api.acme.example","place":"header:authorization","decision":"allow","mac":"…"}
//! ```
//!
//! A line's `mac` is a keyed hash over the `mac` of the line before and its own text. Key and head
//! are kept elsewhere (`seal.rs`): the head says how many lines there are at least, and the hash of
//! the last of them.
//!
//! A line is with the operating system before the value leaves, so it survives the end of this
//! process. The head follows every second of use and when the file is closed; every five seconds of
//! use the lines are forced to the disk too. A power cut can cost the lines of those seconds: the
//! head knows which start of the machine it was written in, so that this is told from a cut by
//! somebody, and the line behind it says so.

mod open;
mod read;
mod seal;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use blueprint_model::audit::{Audit, AuditError, Audited, SecretUse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::read::{AuditFault, Verified, read};
use self::{
    open::Open,
    read::{Chain, Rest},
    seal::{Boot, Seal, Tip},
};

/// Most characters of a text in a line.
const MAX_TEXT: usize = 1_000;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Its place, from 1.
    pub n: u64,
    /// When it was written, as in RFC 3339.
    pub time: String,
    /// The run; empty outside one.
    pub run: String,
    /// The blueprint.
    pub blueprint: String,
    /// The block's path.
    pub block: String,
    /// The key.
    pub key: String,
    /// Its version; 0 where it has none.
    pub version: u64,
    /// What was asked for: `swap`, `derive` or `reveal`; `mend` where a power cut had cost lines.
    #[serde(rename = "use")]
    pub action: String,
    /// The function whose result was to leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Where to; empty for a script.
    pub host: String,
    /// Where in what leaves, or `script`.
    pub place: String,
    /// `allow` or `refuse`.
    pub decision: String,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Title {
    audit: u32,
    id: String,
    time: String,
}

/// The audit of a project. Several processes may write at once.
pub struct AuditFile {
    path: PathBuf,
    keys: Option<PathBuf>,
    clock: fn() -> Timestamp,
    boot: Boot,
    open: Mutex<Option<Open>>,
}

impl AuditFile {
    /// Returns the audit at a path, whose key and head are kept in the folder `keys`, or where there
    /// is none, beside it. Reads and makes nothing yet: that is left to the first use.
    pub fn new(path: impl Into<PathBuf>, keys: Option<PathBuf>, clock: fn() -> Timestamp) -> Self {
        Self { path: path.into(), keys, clock, boot: Boot::of_this_start(), open: Mutex::new(None) }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what a vault tells its uses to.
    pub fn sink(self: Arc<Self>) -> Audit {
        Arc::new(move |audited| self.append(audited).map_err(|err| AuditError(describe(&err))))
    }

    /// Adds a line for each use. They are written when it returns; on an error none is.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written, or is not as it was left.
    pub fn append(&self, audited: &Audited<'_>) -> Result<(), AuditFault> {
        let mut slot = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)();
        if slot.as_mut().is_some_and(|open| open.is_elsewhere(now)) {
            // Somebody moved it away: what comes now begins a new one.
            *slot = None;
        }
        let open = match &mut *slot {
            Some(open) => {
                open.lock()?;
                open
            }
            None => slot.insert(Open::begin(&self.path, self.keys.as_deref(), self.boot, now)?),
        };
        let added = open.add(&mut audited.uses.iter().map(|used| line(audited, used, now)), now);
        let unlocked = open.unlock();
        if added.is_err() {
            // What is wrong now may be mended outside: look anew next time.
            *slot = None;
        }
        added.and(unlocked)
    }

    /// Checks every line against the chain, and the end against the head.
    ///
    /// # Errors
    ///
    /// Returns the first thing that is wrong.
    pub fn verify(&self) -> Result<Verified, AuditFault> {
        let failed = |err| self.disk("read", err);
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return Err(AuditFault::NotThere { path: self.path.clone() });
            }
            Err(err) => return Err(failed(err)),
        };
        // A line that is being written is not a cut one.
        file.lock_shared().map_err(failed)?;
        let title = read::title(&mut file, &self.path)?;
        let seal = Seal::find(&title.id, self.keys.as_deref(), &self.path)?;
        let head = seal.head()?;
        let floor = head.floor(self.boot);
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let chain = Chain::new(&seal.chain_key(), &self.path);
        let (found, rest) = chain.follow(&mut (&mut file).take(floor.end), Tip::default())?;
        chain.judge_head(found, rest, floor)?;
        let (tip, rest) = chain.follow(&mut file, found)?;
        let torn = match rest {
            Rest::Nothing => 0,
            Rest::Torn(bytes) => bytes,
            Rest::Broken if head.is_of(self.boot) => return Err(chain.broken_after(tip)),
            Rest::Broken => file.metadata().map_err(failed)?.len().saturating_sub(tip.end),
        };
        let others = seal::known(seal.key_path.parent().unwrap_or(Path::new(".")));
        let path = seal::absolute(&self.path);
        Ok(Verified {
            lines: tip.count.saturating_sub(1),
            sealed: head.written.count.min(tip.count).saturating_sub(1),
            lost: head.written.count.saturating_sub(tip.count),
            torn,
            earlier: others.iter().filter(|(id, at)| *id != title.id && *at == path).count(),
        })
    }

    /// Returns the files that hold key and head, where there is an audit.
    ///
    /// # Errors
    ///
    /// Returns an error if the audit cannot be read or its key is not at hand.
    pub fn key_file(&self) -> Result<PathBuf, AuditFault> {
        let mut file = File::open(&self.path).map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => AuditFault::NotThere { path: self.path.clone() },
            _ => self.disk("read", err),
        })?;
        let title = read::title(&mut file, &self.path)?;
        Ok(Seal::find(&title.id, self.keys.as_deref(), &self.path)?.key_path)
    }

    fn disk(&self, action: &'static str, source: io::Error) -> AuditFault {
        AuditFault::Disk { action, path: self.path.clone(), source }
    }
}

impl Drop for AuditFile {
    fn drop(&mut self) {
        let slot = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = slot {
            open.close();
        }
    }
}

/// Returns the line of a use; its place is known where it is added.
fn line(audited: &Audited<'_>, used: &SecretUse, now: Timestamp) -> AuditLine {
    AuditLine {
        n: 0,
        time: format!("{now:.3}"),
        run: short(audited.run),
        blueprint: short(audited.blueprint),
        block: short(audited.block),
        key: short(&used.key),
        version: used.version,
        action: used.action.as_str().into(),
        function: used.function.as_deref().map(short),
        host: short(&used.host),
        place: short(&used.place),
        decision: if used.refused.is_some() { "refuse" } else { "allow" }.into(),
        why: used.refused.as_deref().map(short),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn describe(fault: &AuditFault) -> String {
    match std::error::Error::source(fault) {
        Some(cause) => format!("{fault}: {cause}"),
        None => fault.to_string(),
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers are JSON")
}
