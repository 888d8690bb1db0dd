//! `blueprint bench`: figures, arguments, and that nothing is left of it.

use std::{fs, thread};

use serde_json::Value;

use super::program::{Folder, finish, signal};

/// A folder whose temporary files are in it.
fn folder() -> Folder {
    let mut folder = Folder::with(&[]);
    let temporary = folder.path("tmp");
    fs::create_dir(&temporary).unwrap();
    folder.variables.push(("TMPDIR".into(), temporary.display().to_string()));
    folder
}

fn left(folder: &Folder) -> usize {
    fs::read_dir(folder.path("tmp")).unwrap().count()
}

#[test]
fn a_shape_stands_beside_its_limits_and_they_are_explained() {
    let folder = folder();
    let ran = folder.run(&["bench", "chain", "--blocks", "20"]);
    ran.check(0, "20 blocks", "");
    for words in ["blocks/s", "× L1", "a bare loop that awaits each block", "Compare ratios"] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    assert!(!ran.err.contains("measuring"), "no terminal, no progress: {}", ran.err);
    assert!(!ran.out.contains("ladder"), "{}", ran.out);
}

#[test]
fn figures_are_data_with_units_in_their_names() {
    let folder = folder();
    let ran = folder.run(&["bench", "strict", "--blocks", "2", "--json"]);
    ran.check(0, "", "");
    let report: Value = serde_json::from_str(&ran.out).expect("one document");
    assert!(report["cores"].as_u64().is_some_and(|cores| cores > 0), "{report}");
    let row = &report["rows"][0];
    assert_eq!((&row["durability"], &row["journal"]), (&"strict".into(), &"full".into()));
    assert_eq!((&row["units"], &row["limits"][0]["limit"]), (&2.into(), &"L4".into()));
    assert!(row["ns_per_unit"]["median"].as_f64().is_some_and(|ns| ns > 0.0), "{report}");
    assert_eq!(left(&folder), 0, "the store is gone");
    let ran = folder.run(&["bench", "nest", "--blocks", "20", "--journal", "normal", "--json"]);
    let report: Value = serde_json::from_str(&ran.out).expect("one document");
    assert_eq!((&report["journal"], &report["rows"][0]["units"]), (&"normal".into(), &32.into()));
}

#[test]
fn arguments_that_make_no_sense_are_told_what_does() {
    let folder = Folder::with(&[]);
    folder.run(&["bench", "chian"]).check(2, "", "'chain'");
    folder.run(&["bench", "--blocks", "0"]).check(2, "", "from 1 to 100000");
    folder.run(&["bench", "--blocks", "many"]).check(2, "", "from 1 to 100000");
    folder.run(&["bench", "--journal", "disk"]).check(2, "", "possible values: memory");
    let memory = folder.run(&["bench", "strict", "--journal", "memory"]);
    memory.check(2, "", "help: blueprint bench strict --journal full");
    folder.run(&["bench", "three", "--blocks", "5"]).check(2, "", "help: blueprint bench three");
}

#[test]
fn a_signal_ends_it_and_leaves_no_store_behind() {
    let folder = folder();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let child = folder.command(&["bench", "--journal", "full"]).spawn().unwrap();
        while left(&folder) == 0 {
            thread::yield_now();
        }
        signal(child.id(), name);
        finish(child).check(code, "", "stopped");
        assert_eq!(left(&folder), 0);
    }
}
