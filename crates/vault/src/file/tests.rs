//! Tests of the encrypted file.

use std::{fs, thread};

use blueprint_model::{Provider, ProviderError, egress::HostPattern};
use tempfile::TempDir;

use super::*;

const CHEAP: Cost = Cost { memory_kib: 32, passes: 1, lanes: 1 };

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(".blueprint").join("vault")
    }

    fn keys(&self) -> KeySource {
        KeySource::Folder(self.folder.path().join("config").join("keys"))
    }

    fn init(&self) -> FileVault {
        FileVault::init(self.path(), self.keys()).unwrap()
    }

    fn open(&self) -> FileVault {
        FileVault::open(self.path(), self.keys()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.path().parent().unwrap()).unwrap();
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn secret(key: &str, value: &str) -> NewSecret {
    NewSecret {
        name: name(key),
        value: Secret::new(value.into()),
        policy: None,
        weak: WeakValues::Refuse,
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
    }
}

fn phrase(text: &str) -> KeySource {
    KeySource::Passphrase { phrase: Secret::new(text.into()), cost: CHEAP }
}

fn hosts(pattern: &str) -> Policy {
    Policy { hosts: vec![HostPattern::parse(pattern).unwrap()], ..Policy::default() }
}

#[track_caller]
fn check(vault: &FileVault, key: &str, expected: Option<(&str, u64)>) {
    let entry = vault.get(&name(key)).unwrap();
    let found = entry.as_ref().map(|entry| (entry.value.expose(), entry.version));
    assert_eq!(found, expected, "{key}");
}

#[track_caller]
fn check_error<T>(result: Result<T, FileError>, is_expected: impl Fn(&FileError) -> bool) {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(err) => assert!(is_expected(&err), "{err:?}"),
    }
}

#[test]
fn a_value_is_read_as_it_was_set() {
    let place = Place::new();
    let vault = place.init();
    assert_eq!(vault.set(secret("A", "first-value")).unwrap(), 1);
    assert_eq!(vault.set(secret("A", "second-value")).unwrap(), 2);
    assert_eq!(vault.set(secret("B", "zwei\nZeilen \u{1f511}")).unwrap(), 1);
    let vault = place.open();
    check(&vault, "A", Some(("second-value", 2)));
    check(&vault, "B", Some(("zwei\nZeilen \u{1f511}", 1)));
    check(&vault, "C", None);
    let listed = vault.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].changed_at.unwrap().to_string(), "2026-11-23T12:00:00Z");
    let status = FileVault::status(&place.path()).unwrap();
    assert_eq!((status.key, status.entries), (KeyKind::Random, 2));
}

#[test]
fn names_and_policies_change_without_loss() {
    let place = Place::new();
    let vault = place.init();
    vault.set(secret("A", "value-of-a")).unwrap();
    vault.set(secret("B", "value-of-b")).unwrap();
    vault.set_policy(&name("A"), &hosts("api.acme.example")).unwrap();
    vault.rename(&name("A"), name("C")).unwrap();
    check(&vault, "A", None);
    check(&vault, "C", Some(("value-of-a", 1)));
    assert_eq!(vault.policy(&name("C")).unwrap(), hosts("api.acme.example"));
    vault.set(secret("C", "newer-value")).unwrap();
    assert_eq!(vault.policy(&name("C")).unwrap(), hosts("api.acme.example"), "it is kept");
    check_error(vault.rename(&name("C"), name("B")), |e| matches!(e, FileError::NameTaken { .. }));
    check_error(vault.rename(&name("C"), name("C")), |e| matches!(e, FileError::NameTaken { .. }));
    check_error(vault.rename(&name("A"), name("D")), |e| matches!(e, FileError::NotFound { .. }));
    vault.delete(&name("B")).unwrap();
    check_error(vault.delete(&name("B")), |e| matches!(e, FileError::NotFound { .. }));
    check_error(vault.policy(&name("B")), |e| matches!(e, FileError::NotFound { .. }));
    check(&vault, "C", Some(("newer-value", 2)));
}

#[test]
fn weak_empty_and_huge_values_are_refused() {
    let vault = Place::new();
    let vault = vault.init();
    let forced = |value| NewSecret { weak: WeakValues::Accept, ..secret("A", value) };
    check_error(vault.set(secret("A", "short")), |e| matches!(e, FileError::Weak { .. }));
    check_error(vault.set(secret("A", "aaaaaaaaaa")), |e| matches!(e, FileError::Weak { .. }));
    check_error(vault.set(forced("")), |e| matches!(e, FileError::Empty { .. }));
    let huge = "abcd1".repeat(MAX_VALUE_BYTES / 5 + 1);
    check_error(vault.set(secret("A", &huge)), |e| matches!(e, FileError::TooLarge { .. }));
    assert!(vault.list().unwrap().is_empty());
    vault.set(forced("1234")).unwrap();
    vault.set(secret("B", &huge[..MAX_VALUE_BYTES])).unwrap();
    assert!(vault.get(&name("A")).unwrap().unwrap().is_weak);
    assert!(!vault.get(&name("B")).unwrap().unwrap().is_weak);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let text = KeySource::new_text();
    let by_text = || KeySource::Text(Secret::new(text.expose().into()));
    for source in [&by_text as &dyn Fn() -> KeySource, &|| phrase("correct horse")] {
        let place = Place::new();
        let vault = FileVault::init(place.path(), source()).unwrap();
        vault
            .set(NewSecret { policy: Some(hosts("a.example")), ..secret("A", "value-of-a") })
            .unwrap();
        vault.set(secret("B", "value-of-b")).unwrap();
        let good = fs::read(place.path()).unwrap();
        for at in 0..good.len() {
            for mask in [0x01, 0x20, 0x80] {
                let mut bad = good.clone();
                bad[at] ^= mask;
                fs::write(place.path(), &bad).unwrap();
                let opened = FileVault::open(place.path(), source());
                assert!(opened.is_err(), "byte {at} of {}", good.len());
                assert!(vault.list().is_err(), "byte {at}, with the key in memory");
            }
            fs::write(place.path(), &good[..at]).unwrap();
            assert!(FileVault::open(place.path(), source()).is_err(), "cut at {at}");
        }
        fs::write(place.path(), [&good[..], b"\n"].concat()).unwrap();
        assert!(FileVault::open(place.path(), source()).is_err(), "a line more");
        fs::write(place.path(), &good).unwrap();
        check(&vault, "A", Some(("value-of-a", 1)));
    }
}

#[test]
fn lines_cannot_be_dropped_doubled_moved_or_put_back() {
    let place = Place::new();
    let vault = place.init();
    vault.set(secret("A", "old-value-of-a")).unwrap();
    let older = fs::read_to_string(place.path()).unwrap();
    vault.set(secret("A", "new-value-of-a")).unwrap();
    vault.set(secret("B", "value-of-b")).unwrap();
    let good = fs::read_to_string(place.path()).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let old_line = older.lines().nth(2).unwrap();
    let attempts: [Vec<&str>; 4] = [
        vec![lines[0], lines[1], lines[3], lines[4]],
        vec![lines[0], lines[1], lines[2], lines[2], lines[3], lines[4]],
        vec![lines[0], lines[1], lines[3], lines[2], lines[4]],
        vec![lines[0], lines[1], old_line, lines[3], lines[4]],
    ];
    for attempt in attempts {
        fs::write(place.path(), attempt.join("\n") + "\n").unwrap();
        check_error(place.open_again(), |e| matches!(e, FileError::Damaged { .. }));
    }
}

impl Place {
    fn open_again(&self) -> Result<FileVault, FileError> {
        FileVault::open(self.path(), self.keys())
    }
}

#[test]
fn a_value_belongs_to_its_name_version_and_policy_even_under_a_good_mac() {
    let place = Place::new();
    let vault = place.init();
    vault.set(NewSecret { policy: Some(hosts("a.example")), ..secret("A", "value-of-a") }).unwrap();
    vault.set(secret("B", "value-of-b")).unwrap();
    let tampers: [fn(&mut Content); 4] = [
        |content| {
            let other = content.rows[&name("B")].sealed.clone();
            content.rows.get_mut(&name("A")).unwrap().sealed = other;
        },
        |content| {
            let row = content.rows.get_mut(&name("A")).unwrap();
            row.text = row.text.replace("a.example", "evil.example");
        },
        |content| {
            let row = content.rows.get_mut(&name("A")).unwrap();
            row.text = row.text.replace("\"version\":1", "\"version\":2");
        },
        |content| {
            let mut row = content.rows.remove(&name("B")).unwrap();
            row.text = row.text.replace("\"B\"", "\"A\"");
            content.rows.insert(name("A"), row);
        },
    ];
    let good = fs::read(place.path()).unwrap();
    for tamper in tampers {
        fs::write(place.path(), &good).unwrap();
        let mut content = vault.content(&vault.path).unwrap();
        tamper(&mut content);
        vault.write(&disk::lock(&vault.path).unwrap(), &content).unwrap();
        assert!(vault.list().is_ok(), "the MAC is good");
        check_error(vault.get(&name("A")), |e| matches!(e, FileError::Damaged { .. }));
    }
}

#[test]
fn another_key_does_not_open_it() {
    let place = Place::new();
    place.init();
    let other = KeySource::Text(KeySource::new_text());
    check_error(FileVault::open(place.path(), other), |e| {
        matches!(e, FileError::WrongKey { key: "key", .. })
    });
    let text = KeySource::Text(Secret::new("hunter2".into()));
    check_error(FileVault::open(place.path(), text), |e| matches!(e, FileError::NotAKey { .. }));
    check_error(FileVault::open(place.path(), phrase("correct horse")), |e| {
        matches!(e, FileError::Locked { .. })
    });
    let nowhere = KeySource::File(place.folder.path().join("no.key"));
    check_error(FileVault::open(place.path(), nowhere), |e| matches!(e, FileError::Locked { .. }));
}

#[test]
fn the_text_of_a_key_file_opens_it_too() {
    let place = Place::new();
    let vault = place.init();
    vault.set(secret("A", "value-of-a")).unwrap();
    let text = fs::read_to_string(vault.key_file().unwrap().unwrap()).unwrap();
    let vault = FileVault::open(place.path(), KeySource::Text(Secret::new(text))).unwrap();
    check(&vault, "A", Some(("value-of-a", 1)));
}

#[test]
fn a_passphrase_opens_it_and_no_other_does() {
    let place = Place::new();
    check_error(FileVault::init(place.path(), phrase("short")), |e| {
        matches!(e, FileError::Weak { .. })
    });
    let vault = FileVault::init(place.path(), phrase("correct horse")).unwrap();
    vault.set(secret("A", "value-of-a")).unwrap();
    let ask = |given: Option<&'static str>| {
        KeySource::Ask(Box::new(move |status| {
            assert_eq!(status.key, KeyKind::Passphrase);
            given.map(phrase)
        }))
    };
    check(&FileVault::open(place.path(), ask(Some("correct horse"))).unwrap(), "A", {
        Some(("value-of-a", 1))
    });
    check_error(FileVault::open(place.path(), ask(None)), |e| {
        matches!(e, FileError::Locked { .. })
    });
    check_error(FileVault::open(place.path(), ask(Some("correct mouse"))), |e| {
        matches!(e, FileError::WrongKey { key: "passphrase", .. })
    });
}

#[test]
fn a_file_cannot_ask_for_gigabytes() {
    let place = Place::new();
    FileVault::init(place.path(), phrase("correct horse")).unwrap();
    let text = fs::read_to_string(place.path()).unwrap();
    let text = text.replace("\"memory_kib\":32", "\"memory_kib\":4000000000");
    fs::write(place.path(), text).unwrap();
    check_error(FileVault::open(place.path(), phrase("correct horse")), |e| {
        matches!(e, FileError::Damaged { .. })
    });
}

#[test]
fn rotation_keeps_everything_and_locks_out_the_old_key() {
    let place = Place::new();
    let mut vault = place.init();
    let elsewhere = place.open();
    vault.set(NewSecret { policy: Some(hosts("a.example")), ..secret("A", "value-of-a") }).unwrap();
    let key_file = vault.key_file().unwrap().unwrap();
    let old_vault = fs::read(place.path()).unwrap();
    let old_key = fs::read_to_string(&key_file).unwrap();

    vault.rotate_key(place.keys()).unwrap();
    check(&vault, "A", Some(("value-of-a", 1)));
    check(&elsewhere, "A", Some(("value-of-a", 1)));
    assert_eq!(vault.policy(&name("A")).unwrap(), hosts("a.example"));
    let old_key = KeySource::Text(Secret::new(old_key));
    check_error(FileVault::open(place.path(), old_key), |e| {
        matches!(e, FileError::WrongKey { .. })
    });

    // A crash between the writes of the key file and of the vault leaves this behind.
    fs::write(place.path(), old_vault).unwrap();
    check(&place.open(), "A", Some(("value-of-a", 1)));

    vault.rotate_key(phrase("correct horse")).unwrap();
    check(&vault, "A", Some(("value-of-a", 1)));
    check_error(place.open_again(), |e| matches!(e, FileError::Locked { .. }));
    vault.rotate_key(KeySource::Text(KeySource::new_text())).unwrap();
    check(&vault, "A", Some(("value-of-a", 1)));
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let place = Place::new();
    place.init();
    let (writers, rounds) = (8, 12);
    thread::scope(|scope| {
        for writer in 0..writers {
            let place = &place;
            scope.spawn(move || {
                for round in 0..rounds {
                    let own = format!("OWN_{writer}_{round}");
                    place.open().set(secret(&own, "value-of-one")).unwrap();
                    place.open().set(secret("SHARED", "value-of-all")).unwrap();
                }
            });
        }
    });
    let vault = place.open();
    assert_eq!(vault.list().unwrap().len(), writers * rounds + 1);
    check(&vault, "SHARED", Some(("value-of-all", (writers * rounds) as u64)));
}

#[test]
fn what_a_crash_left_behind_is_ignored_and_cleaned() {
    let place = Place::new();
    let vault = place.init();
    vault.set(secret("A", "value-of-a")).unwrap();
    let left_behind = place.path().with_file_name("vault.tmp");
    fs::write(&left_behind, "half of a va").unwrap();
    check(&place.open(), "A", Some(("value-of-a", 1)));
    vault.set(secret("B", "value-of-b")).unwrap();
    assert_eq!(place.files(), ["vault", "vault.lock"]);
    check(&place.open(), "B", Some(("value-of-b", 1)));
}

#[test]
fn a_write_that_fails_leaves_the_old_file() {
    let place = Place::new();
    let vault = place.init();
    vault.set(secret("A", "value-of-a")).unwrap();
    let in_the_way = place.path().with_file_name("vault.tmp");
    fs::create_dir(&in_the_way).unwrap();
    check_error(vault.set(secret("A", "newer-value")), |e| matches!(e, FileError::Disk { .. }));
    check(&place.open(), "A", Some(("value-of-a", 1)));
}

#[test]
fn there_is_one_vault_or_none() {
    let place = Place::new();
    let vault = FileVault::new(place.path(), place.keys());
    check_error(vault.set(secret("A", "value-of-a")), |e| {
        matches!(e, FileError::NotInitialised { .. })
    });
    check_error(vault.list(), |e| matches!(e, FileError::NotInitialised { .. }));
    assert!(Provider::get(&vault, &name("A")).unwrap().is_none(), "other sources may have it");
    assert_eq!(Provider::list(&vault).unwrap(), Some(Vec::new()));
    place.init();
    check_error(FileVault::init(place.path(), place.keys()), |e| {
        matches!(e, FileError::AlreadyInitialised { .. })
    });
    fs::write(place.path(), "blueprint-vault 2\nwhatever\n").unwrap();
    check_error(
        vault.list(),
        |e| matches!(e, FileError::UnknownVersion { found, .. } if found == "2"),
    );
}

#[test]
fn errors_reach_the_engine_as_what_they_are() {
    let place = Place::new();
    place.init();
    let locked = FileVault::new(place.path(), phrase("correct horse"));
    let err = Provider::get(&locked, &name("A")).err().unwrap();
    assert!(matches!(err, ProviderError::Locked { .. }), "{err:?}");
    fs::write(place.path(), "blueprint-vault 1\n").unwrap();
    let err = Provider::get(&locked, &name("A")).err().unwrap();
    assert!(matches!(err, ProviderError::Damaged { .. }), "{err:?}");
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let vault = place.init();
    vault.set(secret("A", "value-of-a")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let key = vault.key_file().unwrap().unwrap();
    assert_eq!(mode(&place.path()), 0o600);
    assert_eq!(mode(place.path().parent().unwrap()), 0o700);
    assert_eq!(mode(&key), 0o600);
    assert_eq!(mode(key.parent().unwrap()), 0o700);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let err = place.open_again().err().unwrap();
    let expected =
        format!("others can read the key file `{0}`; run `chmod 600 {0}`", key.display());
    assert_eq!(err.to_string(), expected);
}

#[cfg(unix)]
#[test]
fn a_link_to_the_vault_stays_a_link() {
    let place = Place::new();
    let vault = place.init();
    let link = place.folder.path().join("link");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    FileVault::open(&link, place.keys()).unwrap().set(secret("A", "value-of-a")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    check(&vault, "A", Some(("value-of-a", 1)));
}

#[test]
fn the_file_holds_no_value() {
    let place = Place::new();
    let vault = place.init();
    vault.set(secret("A", "value-of-a-in-clear")).unwrap();
    let text = fs::read_to_string(place.path()).unwrap();
    assert!(!text.contains("value-of-a"));
    assert!(text.contains("\"name\":\"A\""));
}

#[track_caller]
fn check_import(vault: &FileVault, backup: &Backup, existing: Existing, expected: &[(Fate, u64)]) {
    let done = vault.import(backup, existing).unwrap();
    let found: Vec<(Fate, u64)> = done.iter().map(|done| (done.fate, done.version)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_backup_brings_everything_back() {
    let place = Place::new();
    let vault = place.init();
    vault.set(NewSecret { policy: Some(hosts("a.example")), ..secret("A", "value-of-a") }).unwrap();
    vault.set(secret("B", "first-value")).unwrap();
    vault.set(secret("B", "zwei\nZeilen \u{1f511}")).unwrap();
    vault.set(NewSecret { weak: WeakValues::Accept, ..secret("PIN", "1234") }).unwrap();
    let pass = Secret::new("correct horse".into());
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let text = vault.export(&pass, CHEAP, now).unwrap();
    assert!(Backup::is_one(&text) && !text.contains("value-of-a") && !text.contains("\"A\""));

    let elsewhere = Place::new();
    let other = elsewhere.init();
    let backup = Backup::open(&text, Path::new("b"), &pass).unwrap();
    assert_eq!(backup.names().count(), 3);
    let (added, same) = (Fate::Added, Fate::Unchanged);
    check_import(&other, &backup, Existing::Refuse, &[(added, 1), (added, 2), (added, 1)]);
    check(&other, "B", Some(("zwei\nZeilen \u{1f511}", 2)));
    assert_eq!(other.policy(&name("A")).unwrap(), hosts("a.example"));
    assert!(other.get(&name("PIN")).unwrap().unwrap().is_weak);
    check_import(&other, &backup, Existing::Refuse, &[(same, 1), (same, 2), (same, 1)]);

    for _ in 0..3 {
        other.set(secret("A", "newer-value")).unwrap();
    }
    other.delete(&name("PIN")).unwrap();
    check_error(other.import(&backup, Existing::Refuse), |e| {
        matches!(e, FileError::NameTaken { .. })
    });
    check(&other, "PIN", None);
    check_import(&other, &backup, Existing::Keep, &[(Fate::Kept, 4), (same, 2), (added, 1)]);
    check(&other, "A", Some(("newer-value", 4)));
    check_import(&other, &backup, Existing::Replace, &[(Fate::Replaced, 5), (same, 2), (same, 1)]);
    check(&other, "A", Some(("value-of-a", 5)));
}

#[test]
fn a_backup_opens_only_whole_and_with_its_passphrase() {
    let vault = Place::new();
    let vault = vault.init();
    vault.set(secret("A", "value-of-a")).unwrap();
    let pass = Secret::new("correct horse".into());
    check_error(vault.export(&Secret::new("short".into()), CHEAP, Timestamp::UNIX_EPOCH), |e| {
        matches!(e, FileError::Weak { .. })
    });
    let good = vault.export(&pass, CHEAP, Timestamp::UNIX_EPOCH).unwrap();
    let open = |text: &str, pass: &Secret| Backup::open(text, Path::new("b"), pass);
    let wrong = Secret::new("correct mouse".into());
    check_error(open(&good, &wrong), |e| matches!(e, FileError::BackupLocked { .. }));
    for at in 0..good.len() {
        let mut bad = good.clone().into_bytes();
        bad[at] ^= 0x01;
        let Ok(bad) = String::from_utf8(bad) else { continue };
        if at + 1 < good.len() {
            assert!(open(&bad, &pass).is_err(), "byte {at}");
        }
    }
    for text in ["", "blueprint-backup 1\n", "blueprint-backup 2\n{}\n\n", "A=b\n"] {
        check_error(open(text, &pass), |e| matches!(e, FileError::BadBackup { .. }));
    }
    let huge = good.replace("\"memory_kib\":32", "\"memory_kib\":4000000000");
    check_error(open(&huge, &pass), |e| matches!(e, FileError::BadBackup { .. }));
}

#[test]
fn several_values_are_stored_together_or_not_at_all() {
    let place = Place::new();
    let vault = place.init();
    let values = vec![secret("A", "value-of-a"), secret("B", "short")];
    check_error(vault.set_all(values), |e| matches!(e, FileError::Weak { .. }));
    check(&vault, "A", None);
    let values =
        vec![secret("A", "value-of-a"), secret("B", "value-of-b"), secret("A", "again-of-a")];
    assert_eq!(vault.set_all(values).unwrap(), [1, 1, 2]);
    check(&vault, "A", Some(("again-of-a", 2)));
}

/// Everything that a vault says, with values.
fn said(vault: &FileVault) -> Vec<(String, String, u64, Policy)> {
    let listed = vault.list().unwrap();
    let said = listed.into_iter().map(|it| {
        let value = vault.get(&it.name).unwrap().unwrap().value.expose().to_owned();
        (it.name.as_str().to_owned(), value, it.version, it.policy)
    });
    said.collect()
}

/// Cuts the power at every step of a change, and checks that what is there afterwards is all of the
/// old or all of the new, and can be changed again.
#[track_caller]
fn check_power_cuts(change: impl Fn(&mut FileVault) -> Result<(), FileError>) {
    let prepared = || {
        let place = Place::new();
        let vault = place.init();
        vault.set(secret("A", "value-of-a")).unwrap();
        vault
            .set(NewSecret { policy: Some(hosts("a.example")), ..secret("B", "value-of-b") })
            .unwrap();
        (place, vault)
    };
    let (place, mut vault) = prepared();
    let old = said(&vault);
    change(&mut vault).unwrap();
    let new = said(&place.open());
    let mut cuts = 0;
    for steps in 0.. {
        let mut was_cut = false;
        for eighths in [0, 4, 8] {
            let (place, mut vault) = prepared();
            let (done, cut) = disk::tests::with_power_for(steps, eighths, || change(&mut vault));
            was_cut |= cut && done.is_err();
            let found = said(&place.open());
            assert!(found == old || found == new, "after {steps} steps: {found:?}");
            assert!(done.is_err() || found == new, "it said that it was done");
            place.open().set(secret("AFTER", "value-afterwards")).unwrap();
            assert_eq!(said(&place.open()).len(), found.len() + 1);
            assert_eq!(place.files(), ["vault", "vault.lock"]);
        }
        if !was_cut {
            break;
        }
        cuts += 1;
    }
    assert!(cuts >= 6, "{cuts} cuts");
}

#[test]
fn a_power_cut_leaves_the_old_or_the_new() {
    check_power_cuts(|vault| vault.set(secret("A", "newer-value")).map(|_| ()));
    check_power_cuts(|vault| vault.set(secret("C", "value-of-c")).map(|_| ()));
    check_power_cuts(|vault| vault.delete(&name("B")));
    check_power_cuts(|vault| vault.rename(&name("A"), name("D")));
    check_power_cuts(|vault| vault.set_policy(&name("A"), &hosts("b.example")));
}

#[test]
fn a_power_cut_while_the_key_changes_leaves_a_vault_that_opens() {
    let keys = |vault: &FileVault| {
        let folder = vault.path.parent().unwrap().parent().unwrap();
        KeySource::Folder(folder.join("config").join("keys"))
    };
    check_power_cuts(|vault| vault.rotate_key(keys(vault)));
}

#[test]
fn a_power_cut_at_the_very_first_leaves_none_or_an_empty_one() {
    for steps in 0..20 {
        let place = Place::new();
        let (made, was_cut) = disk::tests::with_power_for(steps, 4, || {
            FileVault::init(place.path(), place.keys()).is_ok()
        });
        match place.open_again() {
            Ok(vault) => assert!(vault.list().unwrap().is_empty()),
            Err(FileError::NotInitialised { .. }) => {
                assert!(!made);
                place.init().set(secret("A", "value-of-a")).unwrap();
            }
            Err(err) => panic!("after {steps} steps: {err}"),
        }
        if !was_cut {
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn what_is_renamed_is_on_the_disk_before() {
    let place = Place::new();
    let vault = place.init();
    disk::tests::take_steps();
    vault.set(secret("A", "value-of-a")).unwrap();
    let steps = ["clean", "create", "write", "sync", "rename", "sync folder"];
    assert_eq!(disk::tests::take_steps(), steps);
}
