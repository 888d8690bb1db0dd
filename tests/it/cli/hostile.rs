//! Whatever may be in a file: each has a clear message, the right exit code, and no panic.

use std::fs::File;

use super::{
    HELLO,
    program::{Folder, Ran, is_root},
};

/// Runs and checks a file; both must refuse it with these words.
#[track_caller]
fn check(bytes: &[u8], words: &str) {
    let folder = Folder::with(&[]);
    folder.write("it.yaml", bytes);
    folder.run(&["check", "it.yaml"]).check(2, words, "");
    folder.run(&["run", "it.yaml"]).check(2, "", words);
    folder.run(&["graph", "it.yaml"]);
    folder.run(&["explain", "--secrets", "it.yaml"]);
}

#[test]
fn what_is_no_text_is_refused() {
    check(b"name: caf\xe9\nblocks: {}\n", "BP0108");
    check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "BP0108");
    check(&[0; 1000], "BP01");
    check(b"\xff\xfen\0a\0m\0e\0", "BP0108");
}

#[test]
fn what_is_no_yaml_or_no_blueprint_is_refused() {
    check(b"", "BP0201");
    check(b"   \n\n", "BP0201");
    check(b"# nothing\n", "BP0201");
    check(b"just words", "BP0201");
    check(b"- a\n- b\n", "BP0201");
    check(b"name: x\nblocks: {a: [}\n", "BP0100");
    check(b"name: x\nblocks: {a: {type: fail, message: 'x}}\n", "BP0100");
    check(b"name: x\nblocks:\n\ta: {type: fail, message: x}\n", "BP0105");
    check(b"%YAML 9.9\n---\nname: x\n", "BP0");
    check(b"name: x\n---\nname: y\n", "BP0");
    check(b"name: &a x\nblocks: *b\n", "BP0100");
    check(b"<<: {name: x}\n", "BP0");
    check(b"name: !!python/object x\nblocks: {}\n", "BP0");
}

#[test]
fn depth_is_bounded() {
    check("[".repeat(10_000).as_bytes(), "BP0109");
    check(format!("name: x\nstate: {}\nblocks: {{}}\n", "[".repeat(10_000)).as_bytes(), "BP0109");
    check("{a: ".repeat(10_000).as_bytes(), "BP0109");
    let steps: String = (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check(steps.as_bytes(), "BP0109");
    check("- ".repeat(10_000).as_bytes(), "BP0109");
    let body = "{type: for_each, items: [1], do: {a: ".repeat(300);
    check(format!("name: x\nblocks: {{a: {body}").as_bytes(), "BP0");
}

#[test]
fn aliases_are_bounded() {
    let mut text = String::from("name: x\nstate:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        text.push_str(
            &["  a", &level.to_string(), ": &a", &level.to_string(), " [", &items, "]\n"].concat(),
        );
    }
    text.push_str("blocks:\n  a: {type: log_message, message: x}\n");
    check(text.as_bytes(), "BP0109");
}

#[test]
fn size_is_bounded() {
    let folder = Folder::with(&[]);
    let file = File::create(folder.path("huge.yaml")).unwrap();
    file.set_len(100 << 20).unwrap();
    folder.run(&["check", "huge.yaml"]).check(2, "BP0109", "");
    folder.run(&["run", "huge.yaml"]).check(2, "", "BP0109");
}

#[test]
fn many_faults_are_told_and_many_blocks_are_fine() {
    let blocks: String = (0..1_000)
        .map(|n| format!("  b{n}: {{type: log_mesage, message: x, next: b{}}}\n", n + 2))
        .collect();
    let text = format!("name: many\nblocks:\n{blocks}");
    check(text.as_bytes(), "BP0204");
}

#[test]
fn faults_of_the_graph_are_refused() {
    check(HELLO.replace("log_message", "log_mesage").as_bytes(), "did you mean `log_message`?");
    check(HELLO.replace("next: answer", "next: say").as_bytes(), "BP0303");
    check(HELLO.replace("next: answer", "next: anser").as_bytes(), "BP0301");
    check(HELLO.replace("inputs.who", "inputs.hwo").as_bytes(), "BP0402");
}

#[test]
fn odd_names_and_characters_are_told_safely() {
    check("name: x\nblocks:\n  \"\u{1b}[31m\": {type: fail, message: x}\n".as_bytes(), "BP0209");
    check("name: x\nblocks:\n  é: {type: fail, message: x}\n".as_bytes(), "BP0209");
    let folder = Folder::with(&[]);
    folder.write("it.yaml", "name: x\nblocks:\n  \"a\\u001b[31mb\": {type: x}\n".as_bytes());
    let ran = folder.run(&["check", "it.yaml"]);
    assert!(!ran.out.contains('\u{1b}'), "a file's bytes reach the terminal: {:?}", ran.out);
}

#[test]
fn files_that_are_none_are_told() {
    let folder = Folder::with(&[("hello.yaml", HELLO)]);
    folder.run(&["run", "gone.yaml"]).check(2, "", "gone.yaml");
    folder.run(&["run", "helo.yaml"]).check(2, "", "did you mean `hello.yaml`?");
    folder.run(&["check", "gone.yaml"]).check(2, "", "gone.yaml");
    folder.run(&["graph", "gone.yaml"]).check(2, "", "gone.yaml");
    std::fs::create_dir(folder.path("folder.yaml")).unwrap();
    let ran: Ran = folder.run(&["run", "folder.yaml"]);
    assert!(ran.code == 2 && ran.err.contains("folder.yaml"), "{ran:?}");
    std::fs::create_dir(folder.path("empty")).unwrap();
    folder.run(&["run", "empty"]).check(2, "", "empty");
    let long = "x".repeat(5_000);
    folder.run(&["run", &long]).check(2, "", "");
    folder.run(&["run", ""]).check(2, "", "");
    folder.run(&["run", "/"]).check(2, "", "");
}

#[test]
fn files_that_cannot_be_read_are_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::with(&[("hello.yaml", HELLO)]);
    if is_root(&folder.path("hello.yaml")) {
        return; // Nothing is closed to root.
    }
    let closed = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(folder.path("hello.yaml"), closed).unwrap();
    folder.run(&["run", "hello.yaml"]).check(2, "", "BP0803");
}

#[test]
fn a_host_that_cannot_be_reached_fails_the_run() {
    let text = "name: far\nblocks:\n  get: {type: http_request, url: \"http://127.0.0.1:1/\"}\n";
    let folder = Folder::with(&[("far.yaml", text)]);
    folder.run(&["run", "far.yaml"]).check(1, "", "connection refused");
}

#[test]
fn a_project_file_with_faults_is_told() {
    let folder = Folder::with(&[("project.yaml", "nmae: x\n")]);
    std::fs::create_dir(folder.path("blueprints")).unwrap();
    folder.write("blueprints/hello.yaml", HELLO.as_bytes());
    folder.run(&["run", "hello"]).check(2, "", "BP0801");
    for text in ["- a\n", "name: [\n", "name: x\nlimits: {depth: many}\n", "vault: [nowhere]\n"] {
        folder.write("project.yaml", text.as_bytes());
        folder.run(&["run", "hello"]).check(2, "", "project.yaml");
        folder.run(&["check"]).check(2, "", "project.yaml");
    }
    folder.write("project.yaml", b"name: \xff\n");
    let ran = folder.run(&["check"]);
    assert!(ran.code == 2 && ran.err.contains("project.yaml"), "{ran:?}");
}

#[test]
fn arguments_that_are_no_text_are_told() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let folder = Folder::with(&[("hello.yaml", HELLO)]);
    let mut command = folder.command(&["run"]);
    command.arg(OsStr::from_bytes(b"caf\xe9.yaml"));
    let ran = super::program::finish(command.spawn().unwrap());
    assert!(ran.code == 2 && !ran.err.is_empty(), "{ran:?}");
}

#[test]
fn input_that_is_no_text_is_told() {
    let folder = Folder::with(&[("hello.yaml", HELLO)]);
    let ran = folder.run_with(&["run", "hello", "-i", "who=@-"], b"\xff\xfe");
    assert!([2, 3].contains(&ran.code) && ran.err.contains("stdin"), "{ran:?}");
}
