//! The audit as a process has it open: as far as it was read, and what is added to it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    AuditFault, AuditLine, Title, json,
    read::{self, Chain, Rest},
    seal::{Boot, Head, Seal, Tip},
};
use crate::{crypto, file::disk};

/// How long lines may be without the head above them.
const MARK_AFTER: SignedDuration = SignedDuration::from_secs(1);
/// How long lines may be with the operating system alone.
const SYNC_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// How many lines may be with the operating system alone, where processes live short.
const SYNC_AFTER_LINES: u64 = 65_536;
/// How long a file is taken to be where it was.
const LOOK_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// The file, open.
pub(super) struct Open {
    path: PathBuf,
    file: File,
    seal: Seal,
    chain: Chain,
    boot: Boot,
    tip: Tip,
    /// The head as it was last read or written.
    head: Head,
    marked_at: Timestamp,
    synced_at: Timestamp,
    looked_at: Timestamp,
}

impl Open {
    /// Opens the file, or makes it where there is none. It is locked when it returns.
    pub(super) fn begin(
        path: &Path,
        keys: Option<&Path>,
        boot: Boot,
        now: Timestamp,
    ) -> Result<Self, AuditFault> {
        let failed = |action| move |source| AuditFault::Disk { action, path: path.into(), source };
        disk::make_folder_of(path)
            .map_err(|err| failed("make the folder of")(io::Error::other(err)))?;
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let mut file = disk::owner_only(&mut options).open(path).map_err(failed("open"))?;
        file.lock().map_err(failed("lock"))?;
        let size = file.metadata().map_err(failed("read"))?.len();
        let title = match size {
            0 => None,
            // A power cut at the very first write leaves a part of the first line.
            _ => read::title(&mut file, path).map(Some).or_else(|fault| match fault {
                AuditFault::Torn { .. } => Ok(None),
                fault => Err(fault),
            })?,
        };
        let (seal, tip, head) = match title {
            None => make(path, keys, &mut file, boot, now)?,
            Some(title) => {
                let seal = Seal::find(&title.id, keys, path)?;
                let head = seal.head()?;
                (seal, head.floor(boot), head)
            }
        };
        let chain = Chain::new(&seal.chain_key(), path);
        let times = (now, now, now);
        let (marked_at, synced_at, looked_at) = times;
        let path = path.to_owned();
        Ok(Self { path, file, seal, chain, boot, tip, head, marked_at, synced_at, looked_at })
    }

    pub(super) fn lock(&self) -> Result<(), AuditFault> {
        self.file.lock().map_err(|err| self.failed("lock", err))
    }

    pub(super) fn unlock(&self) -> Result<(), AuditFault> {
        self.file.unlock().map_err(|err| self.failed("unlock", err))
    }

    /// Returns whether the path means another file by now; looks once a second. Until it looks, lines
    /// go to the file that was moved, behind those that are there.
    pub(super) fn is_elsewhere(&mut self, now: Timestamp) -> bool {
        if now.duration_since(self.looked_at) < LOOK_AFTER {
            return false;
        }
        self.looked_at = now;
        !is_same(&self.file, &self.path)
    }

    /// Adds lines. Callers hold the lock.
    pub(super) fn add(
        &mut self,
        lines: &mut dyn Iterator<Item = AuditLine>,
        now: Timestamp,
    ) -> Result<(), AuditFault> {
        let mended = self.catch_up()?.map(|why| mend(why, now));
        let mut text = String::new();
        let mut tip = self.tip;
        for line in mended.into_iter().chain(lines) {
            let (line, next) = self.chain.next(&json(&AuditLine { n: tip.count, ..line }), tip);
            text.push_str(&line);
            tip = next;
        }
        if let Err(err) = self.file.write_all(text.as_bytes()) {
            // Part of it may be there, as on a full disk. What cannot be cut now is cut next time.
            drop(self.file.set_len(self.tip.end));
            return Err(self.failed("write", err));
        }
        self.tip = tip;
        if now.duration_since(self.synced_at) >= SYNC_AFTER || self.is_long_unsynced() {
            self.sync(now)
        } else if now.duration_since(self.marked_at) >= MARK_AFTER || !self.head.is_like(self.boot)
        {
            self.mark(now, self.head.synced)
        } else {
            Ok(())
        }
    }

    /// Puts what this process added under the head. Nobody is left to tell what fails: lines without
    /// a head are chained all the same.
    pub(super) fn close(&mut self) {
        if self.head.written.count < self.tip.count
            && self.lock().is_ok()
            && self.catch_up().is_ok_and(|mended| mended.is_none())
        {
            drop(self.mark(self.marked_at, self.head.synced));
        }
    }

    /// Reads what other processes have added, and cuts off what a crash left of a line. Returns what
    /// a power cut has cost.
    fn catch_up(&mut self) -> Result<Option<String>, AuditFault> {
        let metadata = self.file.metadata().map_err(|err| self.failed("read", err))?;
        if is_deleted(&metadata) {
            let source = io::Error::new(io::ErrorKind::NotFound, "it was deleted just now");
            return Err(self.failed("read", source));
        }
        let size = metadata.len();
        let was_of_this_start = self.head.is_of(self.boot);
        if size < self.tip.end {
            let lines = self.tip.count.saturating_sub(1);
            return Err(AuditFault::Cut { path: self.path.clone(), lines });
        }
        let mut garbage = 0;
        if size > self.tip.end {
            let seek = self.file.seek(SeekFrom::Start(self.tip.end));
            seek.map_err(|err| self.failed("read", err))?;
            let mut added = (&mut self.file).take(size - self.tip.end);
            let (tip, rest) = self.chain.follow(&mut added, self.tip)?;
            match rest {
                Rest::Nothing => {}
                Rest::Broken if was_of_this_start => return Err(self.chain.broken_after(tip)),
                Rest::Torn(_) | Rest::Broken => {
                    garbage = size - tip.end;
                    self.file.set_len(tip.end).map_err(|err| self.failed("write", err))?;
                }
            }
            self.tip = tip;
        }
        if was_of_this_start {
            return Ok(None);
        }
        let lost = self.head.written.count.saturating_sub(self.tip.count);
        Ok((lost > 0 || garbage > 0)
            .then(|| format!("after a restart of the machine at least {lost} lines were missing")))
    }

    fn is_long_unsynced(&self) -> bool {
        self.tip.count.saturating_sub(self.head.synced.count) >= SYNC_AFTER_LINES
    }

    /// Forces the lines to the disk, then says in the head that they are there.
    fn sync(&mut self, now: Timestamp) -> Result<(), AuditFault> {
        self.file.sync_data().map_err(|err| self.failed("write", err))?;
        self.synced_at = now;
        self.mark(now, self.tip)
    }

    /// Says in the head how far the file goes. Callers hold the lock and have caught up.
    fn mark(&mut self, now: Timestamp, synced: Tip) -> Result<(), AuditFault> {
        self.head = self.seal.put(self.tip, synced, self.boot)?;
        self.marked_at = now;
        Ok(())
    }

    fn failed(&self, action: &'static str, source: io::Error) -> AuditFault {
        AuditFault::Disk { action, path: self.path.clone(), source }
    }
}

/// Makes a new audit: its key, its head, its first line.
fn make(
    path: &Path,
    keys: Option<&Path>,
    file: &mut File,
    boot: Boot,
    now: Timestamp,
) -> Result<(Seal, Tip, Head), AuditFault> {
    let failed = |source| AuditFault::Disk { action: "write", path: path.into(), source };
    let id = crypto::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let title = Title { audit: read::VERSION, id: id.clone(), time: format!("{now:.3}") };
    let seal = Seal::make(&id, keys, path)?;
    let (text, tip) = Chain::new(&seal.chain_key(), path).next(&json(&title), Tip::default());
    file.set_len(0).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    disk::sync_folder(path).map_err(failed)?;
    let head = seal.put(tip, tip, boot)?;
    Ok((seal, tip, head))
}

fn mend(why: String, now: Timestamp) -> AuditLine {
    AuditLine {
        n: 0,
        time: format!("{now:.3}"),
        run: String::new(),
        blueprint: String::new(),
        block: String::new(),
        key: String::new(),
        version: 0,
        action: "mend".into(),
        function: None,
        host: String::new(),
        place: String::new(),
        decision: "note".into(),
        why: Some(why),
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
