//! Tests of the audit.

use std::{cell::Cell, fs, io, thread};

use blueprint_model::audit::Action;
use tempfile::TempDir;

use super::*;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(1_800_000_000) };
}

fn clock() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

fn wait(seconds: i64) {
    NOW.set(NOW.get() + seconds);
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("home").join("audit.jsonl")
    }

    fn keys(&self) -> PathBuf {
        self.0.path().join("config").join("keys")
    }

    fn open(&self) -> AuditFile {
        AuditFile::new(self.path(), Some(self.keys()), clock)
    }

    fn open_in(&self, boot: Boot) -> AuditFile {
        let mut audit = self.open();
        audit.boot = boot;
        audit
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    /// Writes uses of these keys, each in a file opened anew, as by processes one after another.
    fn write(&self, keys: &[&str]) {
        for key in keys {
            append(&self.open(), key).unwrap();
        }
    }

    fn keys_in(&self) -> Vec<String> {
        let mut keys = Vec::new();
        read(&self.path(), &mut |line| keys.push(line.key)).unwrap();
        keys
    }

    fn key_files(&self, ending: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.keys()).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
    }

    /// Checks that the audit is whole, with this many lines.
    #[track_caller]
    fn check_whole(&self, lines: u64) {
        let found = self.open().verify().unwrap();
        assert_eq!((found.lines, found.torn), (lines, 0));
        assert_eq!(self.keys_in().len() as u64, lines);
    }
}

fn used(key: &str) -> SecretUse {
    SecretUse {
        key: key.into(),
        version: 3,
        action: Action::Swap,
        host: "api.acme.example".into(),
        place: "header:authorization".into(),
        function: None,
        refused: None,
    }
}

fn append(audit: &AuditFile, key: &str) -> Result<(), AuditFault> {
    append_all(audit, &[used(key)])
}

fn append_all(audit: &AuditFile, uses: &[SecretUse]) -> Result<(), AuditFault> {
    audit.append(&Audited { run: "run-1", blueprint: "b", block: "each[2].send", uses })
}

/// Checks that something done to the file is found, by the reader and by the next writer.
#[track_caller]
fn check_found(text: &str, is_expected: impl Fn(&AuditFault) -> bool) {
    let place = Place::new();
    place.write(&["A", "B", "C"]);
    let lines: Vec<String> = place.text().lines().map(|line| format!("{line}\n")).collect();
    let text = lines
        .iter()
        .zip(["0", "1", "2", "3"])
        .fold(text.to_owned(), |text, (line, n)| text.replace(&format!("<{n}>"), line));
    fs::write(place.path(), text).unwrap();
    let fault = place.open().verify().unwrap_err();
    assert!(is_expected(&fault), "{fault:?}");
}

fn is_cut(fault: &AuditFault) -> bool {
    matches!(fault, AuditFault::Cut { lines: 3, .. })
}

fn is_broken_at(line: u64) -> impl Fn(&AuditFault) -> bool {
    move |fault| matches!(fault, AuditFault::Broken { line: found, .. } if *found == line)
}

#[test]
fn uses_and_refusals_are_lines() {
    let place = Place::new();
    let refused = SecretUse {
        action: Action::Derive,
        function: Some("basic_auth(…, vault.B)".into()),
        refused: Some("it expired".into()),
        ..used("B")
    };
    append_all(&place.open(), &[used("A"), refused]).unwrap();
    let lines: Vec<String> = place
        .text()
        .lines()
        .map(|line| line.split(",\"mac\"").next().unwrap().to_owned())
        .collect();
    assert!(lines[0].starts_with("{\"audit\":1,\"id\":\""));
    assert_eq!(
        lines[1..],
        [
            "{\"n\":1,\"time\":\"2027-01-15T08:00:00.000Z\",\"run\":\"run-1\",\"blueprint\":\"b\",\
         \"block\":\"each[2].send\",\"key\":\"A\",\"version\":3,\"use\":\"swap\",\
         \"host\":\"api.acme.example\",\"place\":\"header:authorization\",\"decision\":\"allow\"",
            "{\"n\":2,\"time\":\"2027-01-15T08:00:00.000Z\",\"run\":\"run-1\",\"blueprint\":\"b\",\
         \"block\":\"each[2].send\",\"key\":\"B\",\"version\":3,\"use\":\"derive\",\
         \"function\":\"basic_auth(…, vault.B)\",\
         \"host\":\"api.acme.example\",\"place\":\"header:authorization\",\"decision\":\"refuse\",\
         \"why\":\"it expired\"",
        ]
    );
    place.check_whole(2);
}

#[test]
fn lines_cannot_be_cut_dropped_moved_doubled_or_put_in() {
    check_found("<0><1><2>", is_cut);
    check_found("<0>", is_cut);
    check_found("<0><1><2>{\"n\":3", is_cut);
    check_found("<0><2><3>", is_broken_at(2));
    check_found("<0><2><1><3>", is_broken_at(2));
    check_found("<0><1><1><2><3>", is_broken_at(3));
    check_found("<0><1><2><3><3>", is_broken_at(5));
    check_found("<0><1><2><3>{}\n", is_broken_at(5));
    check_found("", |fault| matches!(fault, AuditFault::Torn { .. }));
    check_found("<1><2><3>", is_broken_at(1));
}

#[test]
fn every_changed_byte_is_found() {
    let place = Place::new();
    place.write(&["A", "B"]);
    let good = fs::read(place.path()).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x01;
        fs::write(place.path(), &bad).unwrap();
        assert!(place.open().verify().is_err(), "byte {at}");
    }
    for len in 0..good.len() {
        fs::write(place.path(), &good[..len]).unwrap();
        assert!(place.open().verify().is_err(), "cut at {len}");
    }
    fs::write(place.path(), good).unwrap();
    place.check_whole(2);
}

#[test]
fn who_finds_it_changed_uses_no_secret() {
    for (changed, is_expected) in [
        ("<0><1>", &is_cut as &dyn Fn(&AuditFault) -> bool),
        ("<0><1><2><3>{}\n", &is_broken_at(5)),
    ] {
        let place = Place::new();
        place.write(&["A", "B", "C"]);
        let lines: Vec<String> = place.text().lines().map(|line| format!("{line}\n")).collect();
        let text =
            (0..4).fold(changed.to_owned(), |text, n| text.replace(&format!("<{n}>"), &lines[n]));
        let at_work = place.open();
        append(&at_work, "D").unwrap();
        fs::write(place.path(), text).unwrap();
        for audit in [&at_work, &place.open()] {
            let fault = append(audit, "E").unwrap_err();
            let is_cut_later = matches!(fault, AuditFault::Cut { .. });
            assert!(is_expected(&fault) || is_cut_later, "{fault:?}");
        }
    }
}

#[test]
fn half_a_line_of_a_crash_is_cut_off() {
    let place = Place::new();
    place.write(&["A"]);
    let good = place.text();
    fs::write(place.path(), format!("{good}{{\"n\":2,\"ti")).unwrap();
    assert_eq!(place.open().verify().unwrap().torn, 10);
    place.write(&["B"]);
    place.check_whole(2);
    // At the very first write.
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    fs::write(place.path(), "{\"audit\":1,").unwrap();
    place.write(&["A"]);
    place.check_whole(1);
}

#[test]
fn processes_write_at_the_same_time() {
    let place = Place::new();
    let (writers, rounds) = (6, 40);
    thread::scope(|scope| {
        for writer in 0..writers {
            let place = &place;
            scope.spawn(move || {
                let audit = place.open();
                for round in 0..rounds {
                    append_all(&audit, &[used(&format!("K{writer}_{round}")), used("BOTH")])
                        .unwrap();
                }
            });
        }
    });
    place.check_whole(writers * rounds * 2);
    let keys = place.keys_in();
    for writer in 0..writers {
        let own: Vec<&String> =
            keys.iter().filter(|key| key.starts_with(&format!("K{writer}_"))).collect();
        assert_eq!(own.len() as u64, rounds);
        assert_eq!(*own[7], format!("K{writer}_7"), "each in its order");
    }
}

#[test]
fn the_head_follows_each_second_and_at_the_end() {
    let place = Place::new();
    let audit = place.open();
    append(&audit, "A").unwrap();
    append(&audit, "B").unwrap();
    assert_eq!(place.open().verify().unwrap().sealed, 0);
    wait(1);
    append(&audit, "C").unwrap();
    assert_eq!(place.open().verify().unwrap().sealed, 3);
    append(&audit, "D").unwrap();
    drop(audit);
    assert_eq!(place.open().verify().unwrap().sealed, 4);
}

#[test]
fn a_spoilt_slot_of_the_head_is_no_harm() {
    let place = Place::new();
    place.write(&["A", "B", "C"]);
    let head = place.key_files(".audit-head").remove(0);
    let good = fs::read(&head).unwrap();
    for slot in [0, 256] {
        let mut spoilt = good.clone();
        spoilt[slot + 9] ^= 0xff;
        fs::write(&head, &spoilt).unwrap();
        place.open().verify().unwrap();
    }
    let mut spoilt = good;
    spoilt[9] ^= 0xff;
    spoilt[256 + 9] ^= 0xff;
    fs::write(&head, spoilt).unwrap();
    let fault = place.open().verify().unwrap_err();
    assert!(fault.to_string().contains("its head cannot be read"), "{fault}");
    assert!(append(&place.open(), "D").is_err());
}

/// Writes five lines of which three are on the disk, spoils the end as a power cut does, and checks
/// what is found after the machine has started again, and before.
#[track_caller]
fn check_power_cut(spoil: impl Fn(&str) -> String, lost: u64, torn: bool) {
    let place = Place::new();
    let on = |number| place.open_in(Boot::of_test(number));
    let audit = on(1);
    append(&audit, "A").unwrap();
    append(&audit, "B").unwrap();
    wait(5);
    append(&audit, "C").unwrap();
    append(&audit, "D").unwrap();
    append(&audit, "E").unwrap();
    drop(audit);
    let spoilt = spoil(&place.text());
    fs::write(place.path(), &spoilt).unwrap();
    assert!(on(1).verify().is_err(), "nobody has cut the power");
    assert!(append(&on(1), "F").is_err());
    let found = on(2).verify().unwrap();
    assert_eq!((found.lost, found.torn > 0), (lost, torn));
    append(&on(2), "F").unwrap();
    append(&on(2), "G").unwrap();
    let found = on(2).verify().unwrap();
    assert_eq!((found.lost, found.torn, found.sealed), (0, 0, found.lines));
    let keys = place.keys_in();
    assert_eq!(keys[keys.len() - 3..], ["", "F", "G"], "a line says what was lost");
    let why = place.text().lines().filter(|line| line.contains("restart of the machine")).count();
    assert_eq!(why, 1);
}

fn first_lines(text: &str, lines: usize) -> String {
    text.split_inclusive('\n').take(lines).collect()
}

#[test]
fn a_power_cut_costs_lines_and_is_told_from_a_cut_by_somebody() {
    check_power_cut(|text| first_lines(text, 5), 1, false);
    check_power_cut(|text| first_lines(text, 4), 2, false);
    check_power_cut(|text| first_lines(text, 5) + "{\"n\":5,", 1, true);
    check_power_cut(|text| first_lines(text, 5) + &"\0".repeat(300) + "\n", 1, true);
    check_power_cut(|text| first_lines(text, 4) + "\0\0\0", 2, true);
}

#[test]
fn what_is_on_the_disk_is_not_lost_in_a_power_cut() {
    let place = Place::new();
    let on = |number| place.open_in(Boot::of_test(number));
    append(&on(1), "A").unwrap();
    let audit = on(1);
    wait(5);
    append(&audit, "B").unwrap();
    wait(5);
    append(&audit, "C").unwrap();
    drop(audit);
    let text = place.text();
    fs::write(place.path(), first_lines(&text, 3)).unwrap();
    assert!(matches!(on(2).verify(), Err(AuditFault::Cut { lines: 3, .. })));
    assert!(append(&on(2), "D").is_err());
}

#[test]
fn where_no_start_is_known_only_what_is_on_the_disk_counts() {
    let place = Place::new();
    let open = || place.open_in(Boot::default());
    for key in ["A", "B"] {
        append(&open(), key).unwrap();
    }
    let found = open().verify().unwrap();
    assert_eq!((found.lines, found.lost), (2, 0));
    assert_eq!(place.keys_in(), ["A", "B"]);
}

#[test]
fn without_its_key_it_is_not_written() {
    let place = Place::new();
    place.write(&["A"]);
    let key = place.key_files(".audit-key").remove(0);
    assert_eq!(place.open().key_file().unwrap(), key);
    fs::rename(&key, key.with_extension("away")).unwrap();
    let fault = append(&place.open(), "B").unwrap_err();
    assert!(matches!(fault, AuditFault::NoKey { why: "there is no such file", .. }), "{fault}");
    assert!(place.open().verify().is_err());
}

#[test]
fn moved_away_it_begins_anew_and_says_so() {
    let place = Place::new();
    let at_work = place.open();
    append(&at_work, "A").unwrap();
    fs::rename(place.path(), place.path().with_extension("old")).unwrap();
    assert!(matches!(place.open().verify(), Err(AuditFault::NotThere { .. })));
    wait(1);
    append(&at_work, "B").unwrap();
    place.check_whole(1);
    assert_eq!(place.open().verify().unwrap().earlier, 1);
    // What is deleted is noticed at once, and the use after that begins anew.
    fs::remove_file(place.path()).unwrap();
    let fault = append(&at_work, "C").unwrap_err();
    assert_eq!(describe(&fault).split(": ").last(), Some("it was deleted just now"));
    append(&at_work, "C").unwrap();
    place.check_whole(1);
    assert_eq!(place.open().verify().unwrap().earlier, 2);
}

#[test]
fn without_a_folder_of_keys_they_are_beside_it() {
    let place = Place::new();
    let open = || AuditFile::new(place.path(), None, clock);
    append(&open(), "A").unwrap();
    append(&open(), "B").unwrap();
    assert_eq!(open().verify().unwrap().lines, 2);
    assert_eq!(open().key_file().unwrap().parent(), place.path().parent());
}

#[test]
fn what_cannot_be_written_is_said() {
    let place = Place::new();
    fs::create_dir_all(place.path()).unwrap();
    let fault = append(&place.open(), "A").unwrap_err();
    assert!(matches!(&fault, AuditFault::Disk { action: "open", .. }), "{fault:?}");
    let sink = Arc::new(place.open()).sink();
    let told = Audited { run: "", blueprint: "", block: "", uses: &[used("A")] };
    let message = sink(&told).unwrap_err().to_string();
    assert!(message.starts_with("cannot open `") && message.contains("directory"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_refuses() {
    let place = Place::new();
    let audit = AuditFile::new("/dev/full", Some(place.keys()), clock);
    let fault = append(&audit, "A").unwrap_err();
    assert!(matches!(&fault, AuditFault::Disk { action: "write", .. }), "{fault:?}");
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    place.write(&["A"]);
    let key = place.key_files(".audit-key").remove(0);
    let head = place.key_files(".audit-head").remove(0);
    for path in [&place.path(), &key, &head] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(append(&place.open(), "B").unwrap_err().to_string().contains("others can read it"));
}

#[test]
fn long_texts_are_cut() {
    let place = Place::new();
    let long = "\u{1}".repeat(100_000);
    append_all(&place.open(), &[SecretUse { place: long.clone(), key: long, ..used("A") }])
        .unwrap();
    assert!(place.text().len() < 20_000);
    place.check_whole(1);
}

#[test]
fn errors_of_the_disk_keep_their_cause() {
    let fault =
        AuditFault::Disk { action: "write", path: "a".into(), source: io::Error::other("full") };
    assert_eq!(describe(&fault), "cannot write `a`: full");
}
