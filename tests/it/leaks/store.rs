//! The store of runs: the database, its write-ahead log and its free pages, of runs that ended and of
//! runs that were killed.
//!
//! Every stage is a project, so all the other tests keep their runs too, and search what is kept.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
};

use tests::workspace;

use super::{
    chain::Chain,
    mirror::Mirror,
    stage::{Stage, contains},
};

/// What the server says, and what shows that a search sees what was kept.
const MARK: &str = "x-mark-of-the-run";
/// Sends every secret, and a mark.
const SENDS: &str = "method: POST, headers: {Authorization: \"Bearer @{vault.PLAIN}\", X-Key: \
                     \"@{vault.LINE}\", X-Mark: x-mark-of-the-run}, body: \"@{vault.WILD}\"";

/// Returns the files of the store that hold the mark.
fn marked(stage: &Stage) -> Vec<PathBuf> {
    let of_store = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("runs.db"))
    };
    let holds_mark = |path: &PathBuf| contains(&fs::read(path).unwrap(), MARK.as_bytes());
    let files = workspace::files(&stage.path(".blueprint"), "");
    files.into_iter().filter(of_store).filter(holds_mark).collect()
}

#[test]
fn what_is_kept_of_a_run_holds_no_value() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let mut chain = Chain::default();
    for path in ["/echo", "/echo-json", "/echo-key", "/error", "/location/0", "/cut/1"] {
        chain = chain.request(&mirror.url(path), SENDS);
    }
    let chain = chain.request(&mirror.url("/token/2"), "secret_outputs: [body.access_token]");
    stage.write("chain.yaml", &chain.blueprint("chain"));
    for _ in 0..3 {
        stage.run(&["run", "chain.yaml"]).check(0, "⟨vault.WILD⟩");
    }
    assert!(contains(&mirror.received(), stage.value("LINE").as_bytes()));
    assert!(!marked(&stage).is_empty(), "nothing was kept");
    stage.check_files();
    // Nothing of the run needs the keys to be looked at.
    for key in ["PLAIN", "LINE", "WILD"] {
        stage.run(&["vault", "delete", key, "--yes"]).check(0, key);
    }
    for args in [["runs", "waiting"].as_slice(), &["runs", "waiting", "--json"]] {
        stage.run(args).check(0, "");
    }
    let printed = stage.run(&["runs", "resume", "@last"]);
    assert!(printed.code != 0 || printed.text().contains("⟨"), "{}", printed.text());
    stage.check_files();
}

/// The process ends between two requests, with its last facts in the write-ahead log alone; another
/// process goes on with the run.
#[test]
fn a_run_that_was_killed_leaves_no_value_and_goes_on_without_any() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let slow = format!("{SENDS}, retry: {{attempts: 1}}");
    let chain = Chain::default()
        .code(", secrets: [WILD]", "base64(vault.WILD)")
        .request(&mirror.url("/echo"), SENDS)
        .request(&mirror.url("/token/2"), "secret_outputs: [body.access_token]")
        .request(&mirror.url("/slow/0"), &slow)
        .request(&mirror.url("/echo/again/@{vault.PLAIN}"), SENDS);
    let text = chain.blueprint("killed").replace("timeout: 10s", "timeout: 2s");
    stage.write("killed.yaml", &text);
    let mut child = stage
        .command(&["run", "killed.yaml"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !contains(&mirror.received(), b"/slow/0") {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it asked");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let is_log = |path: &PathBuf| path.to_string_lossy().ends_with("-wal");
    assert!(marked(&stage).iter().any(is_log), "no log was left behind: {:?}", marked(&stage));
    stage.check_files();
    // Meanwhile a key has a new value.
    let new = stage.value("UNUSED").to_owned();
    stage.run_with(&["vault", "set", "WILD"], new.as_bytes()).check(0, "WILD");
    let before = mirror.received().len();
    stage.run(&["runs", "waiting"]).check(0, "");
    stage.run(&["runs", "resume", "@last", "--output", "ndjson"]).check(0, "⟨vault.WILD⟩");
    let received = mirror.received()[before..].to_vec();
    let again = format!("/echo/again/{}", stage.value("PLAIN"));
    assert!(contains(&received, b"/slow/0"), "what was in flight was not asked again");
    assert!(contains(&received, again.as_bytes()), "a handle was sent");
    assert!(contains(&received, new.as_bytes()), "the old value was sent");
    assert!(!contains(&received, stage.value("WILD").as_bytes()), "the old value was sent");
    stage.check_files();
}

/// A copy of the store, as a backup makes one, is the store.
#[test]
fn a_copy_of_the_store_holds_no_value() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let chain = Chain::default().request(&mirror.url("/echo"), SENDS);
    stage.write("chain.yaml", &chain.blueprint("chain"));
    stage.run(&["run", "chain.yaml"]).check(0, "⟨vault.WILD⟩");
    let copy = |from: &Path| fs::copy(from, stage.path("copy")).unwrap();
    for file in marked(&stage) {
        copy(&file);
        stage.check_files();
    }
}
