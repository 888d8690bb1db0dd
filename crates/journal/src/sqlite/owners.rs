//! Who is alive: each open store holds the lock of a file of its own for as long as its process lives.
//!
//! No clock is asked, so a process that stands still keeps its runs, and one that was ended loses them
//! at once. It needs a file system whose locks end with the process, as the database itself does: a network
//! file system is no place for a store.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use blueprint_model::JournalError;

use crate::sqlite::failure;

/// How often a name is tried before that is an error.
const MAX_TRIES: usize = 16;

/// Returns the folder of the lock files of a store.
pub(super) fn folder(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-owners");
    name.into()
}

/// A lock that is held until this is dropped.
pub(super) struct Owner {
    /// By which runs name it.
    pub(super) id: String,
    path: PathBuf,
    _lock: File,
}

impl Owner {
    /// Takes a new name, and removes the files of those who are gone.
    pub(super) fn take(folder: &Path) -> Result<Self, JournalError> {
        create_folder(folder).map_err(|err| failure::file(folder, &err))?;
        clear(folder);
        for _ in 0..MAX_TRIES {
            let id = random_name()?;
            let path = file(folder, &id);
            let lock = private_file(&path).map_err(|err| failure::file(&path, &err))?;
            match lock.try_lock() {
                // Somebody who clears up may have removed the file before it was locked.
                Ok(()) if path.exists() => return Ok(Self { id, path, _lock: lock }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(err)) => return Err(failure::file(&path, &err)),
            }
        }
        Err(JournalError::Write(format!("`{}` takes no lock", folder.display())))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Who looks for it finds it gone, which says the same as a free lock.
        drop(fs::remove_file(&self.path));
    }
}

/// Who is alive, as far as was asked.
pub(super) struct Alive<'f> {
    folder: &'f Path,
    known: BTreeMap<String, bool>,
}

impl<'f> Alive<'f> {
    pub(super) fn new(folder: &'f Path) -> Self {
        Self { folder, known: BTreeMap::new() }
    }

    /// Returns whether this owner's process still is.
    pub(super) fn is_alive(&mut self, owner: &str) -> bool {
        if let Some(known) = self.known.get(owner) {
            return *known;
        }
        let is_alive = is_locked(&file(self.folder, owner));
        self.known.insert(owner.into(), is_alive);
        is_alive
    }
}

/// Returns the lock under which a store is set up.
pub(super) fn setup_lock(folder: &Path) -> Result<File, JournalError> {
    let lock = || {
        create_folder(folder)?;
        let lock = private_file(&folder.join("setup"))?;
        lock.lock()?;
        Ok(lock)
    };
    lock().map_err(|err: io::Error| failure::file(folder, &err))
}

/// A file that cannot be looked at counts as locked: two must never work on the same run.
fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        // Shared, so that two who look at the same time do not take each other for its owner.
        Ok(file) => file.try_lock_shared().is_err(),
        Err(err) => err.kind() != io::ErrorKind::NotFound,
    }
}

/// Removes the files of owners that are gone. What cannot be removed does no harm.
fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_owner = path.extension().is_some_and(|ending| ending == "lock");
        let Ok(file) = File::open(&path) else { continue };
        if is_owner && file.try_lock().is_ok() {
            drop(fs::remove_file(&path));
        }
    }
}

fn file(folder: &Path, owner: &str) -> PathBuf {
    folder.join(format!("{owner}.lock"))
}

fn random_name() -> Result<String, JournalError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|err| JournalError::Write(format!("the system gives no random bytes: {err}")))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
