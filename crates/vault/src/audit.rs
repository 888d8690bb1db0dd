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
//! are kept elsewhere ([`seal`]): the head says how many lines there are at least, and the hash of
//! the last of them.
//!
//! A line is with the operating system before the value leaves, so it survives the end of this
//! process. Every second of use, and when the file is closed, the lines are forced to the disk and
//! put under the head: a power cut can cost the lines of a second, and then fewer lines are there
//! than were written, but the chain is whole.

mod read;
mod seal;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use blueprint_model::audit::{Audit, AuditError, Audited, SecretUse};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::read::{AuditFault, Verified, read};
use self::{
    read::Chain,
    seal::{Seal, Tip},
};
use crate::{crypto, file::disk};

/// How long lines may be without the head above them.
const SEAL_AFTER: SignedDuration = SignedDuration::from_secs(1);
/// How long a file is taken to be where it was.
const LOOK_AFTER: SignedDuration = SignedDuration::from_secs(1);
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
    /// What was asked for: `swap`, `derive` or `reveal`.
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
    open: Mutex<Option<Open>>,
}

/// The file, open, as far as it was read.
struct Open {
    file: File,
    seal: Seal,
    chain: Chain,
    tip: Tip,
    sealed: u64,
    sealed_at: Timestamp,
    looked_at: Timestamp,
}

impl AuditFile {
    /// Returns the audit at a path, whose key and head are kept in the folder `keys`, or where there
    /// is none, beside it. Reads and makes nothing yet: that is left to the first use.
    pub fn new(path: impl Into<PathBuf>, keys: Option<PathBuf>, clock: fn() -> Timestamp) -> Self {
        Self { path: path.into(), keys, clock, open: Mutex::new(None) }
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
        if slot.as_mut().is_some_and(|open| open.is_elsewhere(&self.path, now)) {
            // Somebody moved it away: what comes now begins a new one.
            *slot = None;
        }
        let open = match &mut *slot {
            Some(open) => {
                open.file.lock().map_err(|err| self.disk("lock", err))?;
                open
            }
            None => slot.insert(self.begin(now)?),
        };
        let added = self.add(open, audited, now);
        let unlocked = open.file.unlock().map_err(|err| self.disk("unlock", err));
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
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let chain = Chain::new(&seal.chain_key(), &self.path);
        let (at_head, _) = chain.follow(&mut (&mut file).take(head.end), Tip::default())?;
        chain.judge_head(at_head, head)?;
        let (tip, torn) = chain.follow(&mut file, at_head)?;
        let others = seal::known(seal.key_path.parent().unwrap_or(Path::new(".")));
        let path = seal::absolute(&self.path);
        Ok(Verified {
            lines: tip.count.saturating_sub(1),
            sealed: head.count.saturating_sub(1),
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

    /// Opens the file, makes it where there is none, and reads what is not under the head yet. It is
    /// locked when it returns.
    fn begin(&self, now: Timestamp) -> Result<Open, AuditFault> {
        disk::make_folder_of(&self.path)
            .map_err(|err| self.disk("make the folder of", io::Error::other(err)))?;
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let mut file = disk::owner_only(&mut options)
            .open(&self.path)
            .map_err(|err| self.disk("open", err))?;
        file.lock().map_err(|err| self.disk("lock", err))?;
        let size = file.metadata().map_err(|err| self.disk("read", err))?.len();
        let title = match size {
            0 => None,
            // A power cut at the very first write leaves a part of the first line.
            _ => read::title(&mut file, &self.path).map(Some).or_else(|fault| match fault {
                AuditFault::Torn { .. } => Ok(None),
                fault => Err(fault),
            })?,
        };
        let Some(title) = title else { return self.make(file, now) };
        let seal = Seal::find(&title.id, self.keys.as_deref(), &self.path)?;
        let head = seal.head()?;
        let chain = Chain::new(&seal.chain_key(), &self.path);
        Ok(Open {
            file,
            seal,
            chain,
            tip: head,
            sealed: head.count,
            sealed_at: now,
            looked_at: now,
        })
    }

    fn make(&self, mut file: File, now: Timestamp) -> Result<Open, AuditFault> {
        let failed = |err| self.disk("write", err);
        let id = crypto::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let title = Title { audit: read::VERSION, id: id.clone(), time: format!("{now:.3}") };
        let seal = Seal::make(&id, self.keys.as_deref(), &self.path)?;
        let chain = Chain::new(&seal.chain_key(), &self.path);
        let (text, tip) = chain.next(&json(&title), Tip::default());
        file.set_len(0).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        disk::sync_folder(&self.path).map_err(failed)?;
        seal.put(tip)?;
        Ok(Open { file, seal, chain, tip, sealed: tip.count, sealed_at: now, looked_at: now })
    }

    fn add(
        &self,
        open: &mut Open,
        audited: &Audited<'_>,
        now: Timestamp,
    ) -> Result<(), AuditFault> {
        open.catch_up(&self.path)?;
        let mut text = String::new();
        let mut tip = open.tip;
        for used in audited.uses {
            let (line, next) = open.chain.next(&json(&line(tip.count, audited, used, now)), tip);
            text.push_str(&line);
            tip = next;
        }
        if let Err(err) = open.file.write_all(text.as_bytes()) {
            // Part of it may be there, as on a full disk. What cannot be cut now is cut next time.
            drop(open.file.set_len(open.tip.end));
            return Err(self.disk("write", err));
        }
        open.tip = tip;
        if now.duration_since(open.sealed_at) >= SEAL_AFTER {
            open.seal_tip(&self.path, now)?;
        }
        Ok(())
    }

    fn disk(&self, action: &'static str, source: io::Error) -> AuditFault {
        AuditFault::Disk { action, path: self.path.clone(), source }
    }
}

impl Drop for AuditFile {
    fn drop(&mut self) {
        let slot = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = slot.as_mut().filter(|open| open.sealed < open.tip.count) {
            // Nobody is left to tell: lines without a head are chained all the same.
            if open.file.lock().is_ok() && open.catch_up(&self.path).is_ok() {
                drop(open.seal_tip(&self.path, (self.clock)()));
            }
        }
    }
}

impl Open {
    /// Returns whether the path means another file by now; looks once a second. Until it looks, lines
    /// go to the file that was moved, behind those that are there.
    fn is_elsewhere(&mut self, path: &Path, now: Timestamp) -> bool {
        if now.duration_since(self.looked_at) < LOOK_AFTER {
            return false;
        }
        self.looked_at = now;
        !is_same(&self.file, path)
    }

    /// Reads what other processes have added, and cuts off what a crash left of a line.
    fn catch_up(&mut self, path: &Path) -> Result<(), AuditFault> {
        let failed = |source| AuditFault::Disk { action: "read", path: path.to_owned(), source };
        let metadata = self.file.metadata().map_err(failed)?;
        if is_deleted(&metadata) {
            let source = io::Error::new(io::ErrorKind::NotFound, "it was deleted just now");
            return Err(failed(source));
        }
        let size = metadata.len();
        if size == self.tip.end {
            return Ok(());
        }
        if size < self.tip.end {
            return Err(AuditFault::Cut { path: path.to_owned(), lines: self.tip.count - 1 });
        }
        self.file.seek(SeekFrom::Start(self.tip.end)).map_err(failed)?;
        let (tip, torn) =
            self.chain.follow(&mut (&mut self.file).take(size - self.tip.end), self.tip)?;
        if torn > 0 {
            self.file.set_len(tip.end).map_err(failed)?;
        }
        self.tip = tip;
        Ok(())
    }

    /// Forces the lines to the disk, then says in the head that they are there.
    fn seal_tip(&mut self, path: &Path, now: Timestamp) -> Result<(), AuditFault> {
        self.file.sync_data().map_err(|source| AuditFault::Disk {
            action: "write",
            path: path.to_owned(),
            source,
        })?;
        self.seal.put(self.tip)?;
        self.sealed = self.tip.count;
        self.sealed_at = now;
        Ok(())
    }
}

fn line(n: u64, audited: &Audited<'_>, used: &SecretUse, now: Timestamp) -> AuditLine {
    AuditLine {
        n,
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

/// Returns whether the open file is still the one at the path.
fn is_same(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        match (file.metadata(), fs::metadata(path)) {
            (Ok(open), Ok(there)) => open.ino() == there.ino() && open.dev() == there.dev(),
            _ => false,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        fs::metadata(path).is_ok()
    }
}

/// Returns whether an open file has no name any more.
fn is_deleted(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    let is_deleted = std::os::unix::fs::MetadataExt::nlink(metadata) == 0;
    #[cfg(not(unix))]
    let is_deleted = !metadata.is_file();
    is_deleted
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
