//! What the disk can do without an engine: a file that is appended to, and flushed after each record.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use blueprint_model::{EventKind, event::At, format::stored, id::BlockPath};

use crate::bench::pass;

/// L4: a file that is only appended to.
pub struct Appender {
    file: File,
    body: Vec<u8>,
}

impl Appender {
    /// Makes a file in a folder, for records with this body.
    ///
    /// # Errors
    ///
    /// Returns an error where the disk does not do it.
    pub fn new(folder: &Path, body: Vec<u8>) -> io::Result<Self> {
        let path = folder.join("log");
        Ok(Self { file: OpenOptions::new().create(true).append(true).open(path)?, body })
    }

    /// Appends records, each on the disk before the next.
    ///
    /// # Errors
    ///
    /// Returns an error where the disk does not do it.
    pub fn flush_each(&mut self, records: usize) -> io::Result<()> {
        for _ in 0..records {
            self.file.write_all(&self.body)?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Appends records and leaves it to the system when they are on the disk.
    ///
    /// # Errors
    ///
    /// Returns an error where the disk does not do it.
    pub fn append(&mut self, records: usize) -> io::Result<()> {
        (0..records).try_for_each(|_| self.file.write_all(&self.body))
    }
}

/// Returns the body of the record that a block leaves.
pub fn body() -> Vec<u8> {
    stored::encode(&finished(1), &mut |_| String::new())
}

/// Returns the end of a block.
pub fn finished(block: u32) -> EventKind {
    EventKind::BlockFinished {
        at: At { scope: 0, block },
        block: BlockPath { scope: "".into(), id: format!("b{block}").into() },
        attempt: 1,
        outcome: "success".into(),
        result: pass::result(u64::from(block)).into(),
        message: None,
        is_return: false,
        duration_us: 1,
    }
}

/// Returns whether a folder is in memory, where a flush costs nothing; `false` where nothing says so.
pub fn is_in_memory(folder: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let on = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (point, system) = (words.next()?, words.next()?);
        folder.starts_with(point).then(|| (point.len(), system == "tmpfs" || system == "ramfs"))
    };
    // The innermost mount holds the folder, the last of those where there are several.
    mounts.lines().filter_map(on).max_by_key(|(depth, _)| *depth).is_some_and(|(_, is)| is)
}
