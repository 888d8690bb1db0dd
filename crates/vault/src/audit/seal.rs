//! The key of an audit and its head: kept in the user's configuration, so that who can write the
//! audit alone can neither add to it nor cut it unnoticed.
//!
//! The head is two slots of fixed length, written in turn: a power cut spoils at most the one that
//! was being written, and the other still holds.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::AuditFault;
use crate::{
    crypto::{self, KEY_LEN, Key},
    file::disk,
};

const KEY_PREFIX: &str = "blueprint-audit-key-1:";
const MAX_KEY_FILE_BYTES: usize = 64 << 10;
/// Bytes from one slot to the next.
const SLOT: usize = 256;
/// Bytes of a tip: count, end, hash.
const TIP: usize = 8 + 8 + KEY_LEN;
/// Bytes of a slot that count: its number, the start of the machine, two tips, and the hash over them.
const SLOT_USED: usize = 8 + 16 + 2 * TIP + KEY_LEN;

/// How far a file goes: lines, bytes, and the hash of the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tip {
    pub(super) count: u64,
    pub(super) end: u64,
    pub(super) mac: [u8; KEY_LEN],
}

/// One start of the machine; all zeros where that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Boot([u8; 16]);

impl Boot {
    /// Returns the start that this process runs in. Where there are none to tell apart, each lookup
    /// counts as another.
    pub(super) fn of_this_start() -> Self {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(pair[0] * 16 + pair[1]).unwrap_or_default();
        }
        Self(id)
    }

    #[cfg(test)]
    pub(super) fn of_test(number: u8) -> Self {
        Self([number; 16])
    }
}

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// Counts up with each write.
    number: u64,
    boot: Boot,
    /// How far the file goes as long as the machine runs.
    pub(super) written: Tip,
    /// How far it goes whatever happens.
    pub(super) synced: Tip,
}

impl Head {
    /// Returns whether the machine was not restarted since.
    pub(super) fn is_of(&self, boot: Boot) -> bool {
        self.boot == boot && boot != Boot::default()
    }

    /// Returns whether it was written by processes that know the same of the machine.
    pub(super) fn is_like(&self, boot: Boot) -> bool {
        self.boot == boot
    }

    /// Returns how far the file goes at least.
    pub(super) fn floor(&self, boot: Boot) -> Tip {
        if self.is_of(boot) { self.written } else { self.synced }
    }
}

/// The key of one audit, and where its head is.
pub(super) struct Seal {
    key: Key,
    audit: PathBuf,
    pub(super) key_path: PathBuf,
    head_path: PathBuf,
}

impl Seal {
    /// Makes key and head of a new audit: in the folder of keys where that can be written, else beside
    /// the audit.
    pub(super) fn make(id: &str, folder: Option<&Path>, audit: &Path) -> Result<Self, AuditFault> {
        let beside = audit.parent().unwrap_or(Path::new("."));
        let key = crypto::new_key();
        let mut made = Err(io::Error::from(io::ErrorKind::NotFound));
        for folder in [folder, Some(beside)].into_iter().flatten() {
            let seal = Self::at(folder, id, audit, key.clone());
            made = seal.write_new().map(|()| seal);
            if made.is_ok() {
                break;
            }
        }
        let path = beside.join(key_name(id));
        made.map_err(|source| AuditFault::Disk { action: "write", path, source })
    }

    /// Finds the key of an audit.
    pub(super) fn find(id: &str, folder: Option<&Path>, audit: &Path) -> Result<Self, AuditFault> {
        let beside = audit.parent().unwrap_or(Path::new("."));
        let first = folder.unwrap_or(beside).join(key_name(id));
        let fault = |why| AuditFault::NoKey { path: audit.into(), key: first.clone(), why };
        for folder in [folder, Some(beside)].into_iter().flatten() {
            let file = match File::open(folder.join(key_name(id))) {
                Ok(file) => file,
                Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => return Err(fault("it cannot be read")),
            };
            if disk::is_open_to_others(&file).unwrap_or(true) {
                return Err(fault("others can read it"));
            }
            let bytes = disk::read_open(&file, MAX_KEY_FILE_BYTES);
            let key = bytes.ok().and_then(|bytes| key_in(&bytes));
            let key = key.ok_or_else(|| fault("what is there is no key"))?;
            return Ok(Self::at(folder, id, audit, key));
        }
        Err(fault("there is no such file"))
    }

    /// Returns the key of the chain.
    pub(super) fn chain_key(&self) -> Key {
        crypto::subkey(&self.key, "blueprint-audit 1: chains the lines")
    }

    /// Returns what the head says.
    pub(super) fn head(&self) -> Result<Head, AuditFault> {
        self.slots().map(|(newest, _)| newest)
    }

    /// Writes the head. Callers hold the lock of the audit and have its lines up to `written` with the
    /// operating system, those up to `synced` on the disk.
    pub(super) fn put(&self, written: Tip, synced: Tip, boot: Boot) -> Result<Head, AuditFault> {
        let failed =
            |source| AuditFault::Disk { action: "write", path: self.head_path.clone(), source };
        let (newest, place) = self.slots()?;
        let synced = if newest.synced.count > synced.count { newest.synced } else { synced };
        let head = Head { number: newest.number + 1, boot, written, synced };
        let mut file = OpenOptions::new().write(true).open(&self.head_path).map_err(failed)?;
        // Slots alternate, so the newest one is never the one written to.
        file.seek(SeekFrom::Start((SLOT - place) as u64)).map_err(failed)?;
        file.write_all(&self.slot_of(&head)).map_err(failed)?;
        Ok(head)
    }

    /// Returns the newest head and the place of its slot.
    fn slots(&self) -> Result<(Head, usize), AuditFault> {
        let mut bytes = Vec::new();
        let read = File::open(&self.head_path)
            .and_then(|file| file.take(2 * SLOT as u64).read_to_end(&mut bytes));
        let slots = bytes.chunks(SLOT).zip([0, SLOT]);
        let good = slots.filter_map(|(bytes, place)| Some((self.slot(bytes)?, place)));
        match (read, good.max_by_key(|(head, _)| head.number)) {
            (Ok(_), Some(newest)) => Ok(newest),
            _ => Err(AuditFault::NoKey {
                path: self.audit.clone(),
                key: self.head_path.clone(),
                why: "its head cannot be read",
            }),
        }
    }

    fn at(folder: &Path, id: &str, audit: &Path, key: Key) -> Self {
        Self {
            key,
            audit: audit.into(),
            key_path: folder.join(key_name(id)),
            head_path: folder.join(format!("{id}.audit-head")),
        }
    }

    fn write_new(&self) -> io::Result<()> {
        disk::make_folder_of(&self.key_path).map_err(io::Error::other)?;
        let path = absolute(&self.audit);
        let mut text = Zeroizing::new(format!("# The key of the audit {}.\n", path.display()));
        text.push_str(KEY_PREFIX);
        text.push_str(&Zeroizing::new(URL_SAFE_NO_PAD.encode(self.key.as_slice())));
        text.push('\n');
        let mut head = self.slot_of(&Head::default());
        head.resize(2 * SLOT, 0);
        for (path, bytes) in [(&self.key_path, text.as_bytes()), (&self.head_path, &head)] {
            let mut options = OpenOptions::new();
            options.create_new(true).write(true);
            let mut file = disk::owner_only(&mut options).open(path)?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        disk::sync_folder(&self.key_path)
    }

    fn slot_of(&self, head: &Head) -> Vec<u8> {
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend(head.number.to_le_bytes());
        slot.extend(head.boot.0);
        for tip in [head.written, head.synced] {
            slot.extend(tip.count.to_le_bytes());
            slot.extend(tip.end.to_le_bytes());
            slot.extend(tip.mac);
        }
        slot.extend(crypto::hmac_sha256(self.head_key().as_slice(), &slot));
        slot
    }

    fn slot(&self, bytes: &[u8]) -> Option<Head> {
        let (said, tag) = bytes.get(..SLOT_USED)?.split_at(SLOT_USED - KEY_LEN);
        if !crypto::is_mac(self.head_key().as_slice(), said, tag) {
            return None;
        }
        let number = |at: usize| Some(u64::from_le_bytes(said.get(at..at + 8)?.try_into().ok()?));
        let tip = |at: usize| {
            let mac = said.get(at + 16..at + TIP)?.try_into().ok()?;
            Some(Tip { count: number(at)?, end: number(at + 8)?, mac })
        };
        let boot = Boot(said[8..24].try_into().ok()?);
        Some(Head { number: number(0)?, boot, written: tip(24)?, synced: tip(24 + TIP)? })
    }

    fn head_key(&self) -> Key {
        crypto::subkey(&self.key, "blueprint-audit 1: seals the head")
    }
}

/// Returns a path that means the same from everywhere.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

fn key_name(id: &str) -> String {
    format!("{id}.audit-key")
}

fn key_in(bytes: &[u8]) -> Option<Key> {
    let text = str::from_utf8(bytes).ok()?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix(KEY_PREFIX))?;
    let bytes = URL_SAFE_NO_PAD.decode(line).map(Zeroizing::new).ok()?;
    let mut key = Key::default();
    if bytes.len() != key.len() {
        return None;
    }
    key.copy_from_slice(&bytes);
    Some(key)
}

/// Returns the audits whose keys are in a folder, by the path that they were made for.
pub(super) fn known(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(id) = name.strip_suffix(".audit-key") else { continue };
        let text = fs::read_to_string(entry.path()).map(Zeroizing::new).unwrap_or_default();
        let path = text.lines().find_map(|line| {
            line.strip_prefix("# The key of the audit ")?.strip_suffix('.').map(PathBuf::from)
        });
        found.extend(path.map(|path| (id.to_owned(), path)));
    }
    found.sort();
    found
}
