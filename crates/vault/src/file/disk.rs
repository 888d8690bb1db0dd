//! Reading and writing: whole files, never half of one, one writer at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::error::FileError;

/// The largest file that is read or written.
pub(crate) const MAX_FILE_BYTES: usize = 64 << 20;

/// The right to write, held until dropped.
///
/// The lock is on a file beside the vault, which stays: the vault itself is replaced by each write.
pub(crate) struct Lock {
    #[expect(dead_code, reason = "the lock is held as long as this is open")]
    file: File,
    /// The vault, behind symbolic links: two names of it take the same lock.
    pub(crate) path: PathBuf,
}

/// Waits for the right to write.
pub(crate) fn lock(path: &Path) -> Result<Lock, FileError> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let lock_path = beside(&path, ".lock");
    let failed = |source| FileError::Disk { action: "lock", path: lock_path.clone(), source };
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = owner_only(&mut options).open(&lock_path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(Lock { file, path })
}

/// Returns the whole text of a file, at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let failed = |source| FileError::Disk { action: "read", path: path.into(), source };
    read_open(&File::open(path).map_err(failed)?, limit).map_err(failed)
}

/// Returns the whole content of an open file, at most `limit` bytes.
pub(crate) fn read_open(file: &File, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let size = usize::try_from(file.metadata()?.len().min(limit)).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Puts `bytes` in the place of the file: after a crash it is the old one or the new one, whole.
///
/// Callers hold a [`Lock`], so what lies under the temporary name was left behind by a crash.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = beside(path, ".tmp");
    let failed = |source| FileError::Disk { action: "write", path: path.into(), source };
    match step("clean").and_then(|()| fs::remove_file(&temporary)) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(failed(err)),
        Ok(()) | Err(_) => {}
    }
    let written = write_new(&temporary, bytes)
        .and_then(|()| step("rename"))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(err) = written {
        // What matters is the first error; the next write removes what is left.
        drop(step("clean").and_then(|()| fs::remove_file(&temporary)));
        return Err(failed(err));
    }
    step("sync folder").and_then(|()| sync_folder(path)).map_err(failed)
}

/// Makes the folder of a file, for its owner only, where it does not exist.
pub(crate) fn make_folder_of(path: &Path) -> Result<(), FileError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| FileError::Disk {
        action: "make the folder",
        path: folder.into(),
        source,
    })
}

/// Returns whether others than the owner can read an open file.
pub(crate) fn is_open_to_others(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    #[cfg(unix)]
    let is_open = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    let is_open = !metadata.is_file();
    Ok(is_open)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    step("create")?;
    let mut file = owner_only(&mut options).open(path)?;
    let power = step("write");
    #[cfg(test)]
    if power.is_err() {
        file.write_all(&bytes[..tests::written_before_the_cut(bytes.len())])?;
    }
    power?;
    file.write_all(bytes)?;
    step("sync")?;
    file.sync_all()
}

/// Fails where a test has the power cut off before this step.
#[cfg(test)]
fn step(name: &'static str) -> io::Result<()> {
    tests::step(name)
}

#[cfg(not(test))]
#[inline]
fn step(_name: &'static str) -> io::Result<()> {
    Ok(())
}

/// A rename lasts only once the folder is on the disk too.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

pub(crate) fn owner_only(options: &mut OpenOptions) -> &OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
pub(super) mod tests {
    //! Power cuts: from a chosen step on, nothing reaches the disk any more.

    use std::cell::{Cell, RefCell};

    use super::*;

    thread_local! {
        /// How many steps still succeed; `None` while the power is on.
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
        /// How much of what is being written is there after the cut, in eighths.
        static EIGHTHS: Cell<usize> = const { Cell::new(0) };
        static STEPS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }

    /// Does something with the power cut after some steps; returns whether it came to the cut.
    pub(in crate::file) fn with_power_for<T>(
        steps: usize,
        eighths: usize,
        act: impl FnOnce() -> T,
    ) -> (T, bool) {
        LEFT.set(Some(steps));
        EIGHTHS.set(eighths);
        let done = act();
        let was_cut = LEFT.take() == Some(0);
        (done, was_cut)
    }

    /// Returns the steps of this thread since the last call.
    pub(in crate::file) fn take_steps() -> Vec<&'static str> {
        STEPS.take()
    }

    pub(super) fn step(name: &'static str) -> io::Result<()> {
        match LEFT.get() {
            Some(0) => Err(io::Error::other("the power is off")),
            left => {
                LEFT.set(left.map(|left| left - 1));
                STEPS.with_borrow_mut(|steps| steps.push(name));
                Ok(())
            }
        }
    }

    pub(super) fn written_before_the_cut(len: usize) -> usize {
        len * EIGHTHS.get() / 8
    }
}
