//! Real processes that write the same files at once.
//!
//! A process is this test binary again, told by a variable to be a writer.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use blueprint_model::{
    Secret, SecretName,
    audit::{Action, Audited, SecretUse},
};
use blueprint_vault::{AuditFile, FileVault, KeySource, NewSecret, WeakValues, audit};
use jiff::Timestamp;

const FOLDER: &str = "BLUEPRINT_TEST_FOLDER";
const WRITER: &str = "BLUEPRINT_TEST_WRITER";
const ROUNDS: usize = 25;

#[expect(clippy::disallowed_methods, reason = "how a test process is told what to do")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn vault(folder: &Path) -> FileVault {
    FileVault::new(folder.join("home/vault"), Arc::new(KeySource::Folder(folder.join("keys"))))
}

fn audit(folder: &Path) -> AuditFile {
    AuditFile::new(folder.join("home/audit.jsonl"), Some(folder.join("keys")), || {
        Timestamp::UNIX_EPOCH
    })
}

fn set(vault: &FileVault, key: &str) {
    let name = SecretName::parse(key).unwrap();
    let value = Secret::new("value-of-one".into());
    let (weak, now) = (WeakValues::Refuse, Timestamp::UNIX_EPOCH);
    vault.set(NewSecret { name, value, policy: None, weak, now }).unwrap();
}

/// Runs this test in so many further processes and waits for them.
fn in_processes(test: &str, folder: &Path, writers: usize) {
    let own = std::env::current_exe().unwrap();
    let start = |writer: usize| {
        let mut command = Command::new(&own);
        command.args(["--exact", &format!("processes::{test}")]);
        let command = command.env(FOLDER, folder).env(WRITER, writer.to_string());
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..writers).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

fn told() -> Option<(PathBuf, String)> {
    Some((variable(FOLDER)?.into(), variable(WRITER)?))
}

#[test]
fn two_processes_that_set_secrets_lose_none() {
    if let Some((folder, writer)) = told() {
        for round in 0..ROUNDS {
            set(&vault(&folder), &format!("OWN_{writer}_{round}"));
            set(&vault(&folder), "SHARED");
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let keys = KeySource::Folder(folder.path().join("keys"));
    FileVault::init(folder.path().join("home/vault"), Arc::new(keys)).unwrap();
    in_processes("two_processes_that_set_secrets_lose_none", folder.path(), 3);
    let vault = vault(folder.path());
    assert_eq!(vault.list().unwrap().len(), 3 * ROUNDS + 1);
    let shared = vault.get(&SecretName::parse("SHARED").unwrap()).unwrap().unwrap();
    assert_eq!(shared.version, 3 * ROUNDS as u64);
}

#[test]
fn processes_that_use_secrets_share_one_chain() {
    if let Some((folder, writer)) = told() {
        let audit = audit(&folder);
        for round in 0..ROUNDS {
            let used = SecretUse {
                key: format!("OWN_{writer}_{round}"),
                version: 1,
                action: Action::Swap,
                host: "a.example".into(),
                place: "body".into(),
                function: None,
                refused: None,
            };
            let uses = [used.clone(), SecretUse { key: "SECOND".into(), ..used }];
            audit
                .append(&Audited { run: &writer, blueprint: "b", block: "c", uses: &uses })
                .unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    in_processes("processes_that_use_secrets_share_one_chain", folder.path(), 4);
    let found = audit(folder.path()).verify().unwrap();
    assert_eq!((found.lines, found.sealed, found.torn), (200, 200, 0));
    let mut lines = Vec::new();
    audit::read(&folder.path().join("home/audit.jsonl"), &mut |line| lines.push(line)).unwrap();
    for pair in lines.chunks(2) {
        assert_eq!((&*pair[1].key, &pair[0].run), ("SECOND", &pair[1].run), "uses stay together");
    }
}

/// A process that is ended in the middle of its work leaves a chain that others go on with.
#[cfg(unix)]
#[test]
fn a_process_that_is_killed_leaves_a_whole_chain() {
    if let Some((folder, writer)) = told() {
        let audit = audit(&folder);
        loop {
            let used = SecretUse {
                key: writer.clone(),
                version: 1,
                action: Action::Swap,
                host: "a.example".into(),
                place: "body".into(),
                function: None,
                refused: None,
            };
            let told = Audited { run: "r", blueprint: "b", block: "c", uses: &[used] };
            audit.append(&told).unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    for writer in 0..5 {
        let before = lines_of(folder.path());
        let mut command = Command::new(&own);
        command.args(["--exact", "processes::a_process_that_is_killed_leaves_a_whole_chain"]);
        let mut child =
            command.env(FOLDER, folder.path()).env(WRITER, writer.to_string()).spawn().unwrap();
        while lines_of(folder.path()) < before + 20 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(audit(folder.path()).verify().unwrap().lines >= before + 20);
    }
}

#[cfg(unix)]
fn lines_of(folder: &Path) -> u64 {
    let bytes = std::fs::read(folder.join("home/audit.jsonl")).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
