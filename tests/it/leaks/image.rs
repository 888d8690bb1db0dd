//! A process that is killed with values in its memory.

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::ExitStatusExt as _},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use tests::workspace;

use super::{chain::Chain, mirror::Mirror, stage::Stage};

/// The program waits for an answer, with values in its memory, and is killed in a way that leaves an
/// image where the system makes one.
#[test]
fn a_run_that_is_killed_leaves_no_memory_image() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let request = Chain::default().request(&mirror.url("/slow/0"), "query: {k: \"@{vault.WILD}\"}");
    stage.write("slow.yaml", &request.blueprint("slow"));
    let mut child = stage
        .command(&["run", "slow.yaml"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while mirror.received().is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it asked");
        thread::yield_now();
    }
    let folder = format!("/proc/{}", child.id());
    let limits = fs::read_to_string(format!("{folder}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let bounds: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(bounds, ["0", "0"], "{core}");
    // What others of the same user could read belongs to the administrator.
    assert_eq!(fs::metadata(format!("{folder}/environ")).unwrap().uid(), 0);
    let killed = Command::new("kill").args(["-ABRT", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let status = child.wait().unwrap();
    assert!(!status.core_dumped() && status.code().is_none(), "{status}");
    stage.check_files();
    let core = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"))
    };
    assert!(!workspace::files(&stage.path(""), "").iter().any(|path| core(path)));
}
