//! When each secret was last used: read from the audit, which only grows.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use blueprint_vault::AuditLine;
use jiff::Timestamp;

/// How much of a long audit is read at once: what was used before that counts as not used.
const MAX_BYTES: u64 = 64 << 20;

/// The last uses, kept up with the audit.
pub(super) struct LastUsed {
    path: PathBuf,
    read: Mutex<Read>,
}

/// What was read so far.
#[derive(Default)]
struct Read {
    end: u64,
    times: BTreeMap<String, Timestamp>,
}

impl LastUsed {
    /// Returns the last uses by an audit, which needs not be there yet.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into(), read: Mutex::default() }
    }

    /// Returns when each secret was last used, by name. An audit that cannot be read tells nothing.
    pub(super) fn now(&self) -> BTreeMap<String, Timestamp> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.go_on(&self.path).is_err() {
            *read = Read::default();
        }
        read.times.clone()
    }
}

impl Read {
    fn go_on(&mut self, path: &Path) -> std::io::Result<()> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        if length < self.end {
            // Another audit was begun.
            *self = Self::default();
        }
        let mut is_cut = false;
        if length - self.end > MAX_BYTES {
            self.end = length - MAX_BYTES;
            is_cut = true;
        }
        file.seek(SeekFrom::Start(self.end))?;
        let mut reader = BufReader::new(file.take(length - self.end));
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.last() == Some(&b'\n') {
            self.end += line.len() as u64;
            if !std::mem::take(&mut is_cut) {
                self.learn(&line);
            }
            line.clear();
        }
        Ok(())
    }

    fn learn(&mut self, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<AuditLine>(line) else { return };
        let (true, Ok(time)) = (line.decision == "allow", line.time.parse()) else { return };
        self.times.insert(line.key, time);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    fn line(key: &str, second: i64, decision: &str) -> String {
        let line = AuditLine {
            n: 1,
            time: Timestamp::from_second(second).unwrap().to_string(),
            run: String::new(),
            blueprint: "b".into(),
            block: "a".into(),
            key: key.into(),
            version: 1,
            action: "swap".into(),
            function: None,
            host: "api.example".into(),
            place: "body".into(),
            decision: decision.into(),
            why: None,
        };
        serde_json::to_string(&line).unwrap() + "\n"
    }

    #[test]
    fn the_audit_is_followed_as_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let last_used = LastUsed::new(&path);
        let seconds = || -> Vec<(String, i64)> {
            last_used.now().into_iter().map(|(key, at)| (key, at.as_second())).collect()
        };
        assert_eq!(seconds(), []);
        let lines = [line("A", 1, "allow"), line("A", 2, "refuse"), line("B", 3, "allow")];
        fs::write(&path, lines.concat()).unwrap();
        assert_eq!(seconds(), [("A".into(), 1), ("B".into(), 3)]);
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        let whole = line("A", 4, "allow");
        let (first, rest) = whole.split_at(20);
        file.write_all(first.as_bytes()).unwrap();
        assert_eq!(seconds(), [("A".into(), 1), ("B".into(), 3)]);
        file.write_all(rest.as_bytes()).unwrap();
        assert_eq!(seconds(), [("A".into(), 4), ("B".into(), 3)]);
        fs::write(&path, line("C", 5, "allow")).unwrap();
        assert_eq!(seconds(), [("C".into(), 5)]);
    }
}
