//! Rules about the files of this workspace that no linter knows.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use blueprint_model::code;
use tests::workspace;

use crate::suite::AREAS;

/// The most lines of a file, tests aside.
const MAX_LINES: usize = 600;

/// Files that are longer, with their length. The list shrinks: nobody is added, no number grows.
const LONG_FILES: [(&str, usize); 0] = [];

/// A source file, split into what is part of the product and what is tests.
struct File {
    name: String,
    text: String,
    /// The lines that are not tests.
    product: Vec<String>,
}

fn files() -> Vec<File> {
    let root = workspace::root();
    let folders = ["crates", "tests", "benches"].map(|folder| root.join(folder));
    let paths = folders.iter().filter(|folder| folder.is_dir());
    paths.flat_map(|folder| workspace::files(folder, ".rs")).map(|path| file(&path)).collect()
}

fn file(path: &Path) -> File {
    let name = workspace::relative(path);
    let text = workspace::read(path);
    let is_test = ["/tests/", "/tests.rs", "/testing", "/benches/", "/examples/"]
        .iter()
        .any(|part| format!("/{name}").contains(part));
    let before_tests = text.split("\nmod tests {").next().unwrap_or(&text);
    let product = if is_test { "" } else { before_tests };
    let product = product.lines().map(ToOwned::to_owned).collect();
    File { name, product, text }
}

/// Reports every line of the product in which a rule is broken.
#[track_caller]
fn check_lines(rule: &str, is_broken: impl Fn(&str) -> bool) {
    let mut broken = Vec::new();
    for file in files() {
        for (line, at) in file.product.iter().zip(1..) {
            if is_broken(line) {
                broken.push(format!("{}:{at}: {}", file.name, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{rule}\n{}", broken.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in files() {
        assert!(file.text.starts_with("//! "), "{} does not begin with `//!`", file.name);
        let first = file.text.lines().take_while(|line| line.starts_with("//!"));
        let sentence = first.collect::<Vec<_>>().join("\n");
        assert!(sentence.contains(['.', ':']), "{} says no sentence", file.name);
    }
}

#[test]
fn no_file_is_called_mod() {
    for file in files() {
        assert!(!file.name.ends_with("/mod.rs"), "{}: write `foo.rs` beside `foo/`", file.name);
    }
}

#[test]
fn every_file_is_part_of_something() {
    let all = files();
    for file in &all {
        let (folder, stem) = file.name.trim_end_matches(".rs").rsplit_once('/').unwrap();
        let parents =
            [format!("{folder}/lib.rs"), format!("{folder}/main.rs"), format!("{folder}.rs")];
        let mut parents = all.iter().filter(|other| parents.contains(&other.name)).peekable();
        // Where there is no parent it is a target of its own: a test, a bench, a program.
        if parents.peek().is_none() || ["lib", "main"].contains(&stem) {
            continue;
        }
        let line = format!("mod {stem};");
        let is_named = parents.any(|parent| parent.text.contains(&line));
        assert!(is_named, "{} is compiled by nobody: add `{line}`", file.name);
    }
}

#[test]
fn files_are_short() {
    for file in files() {
        let lines = file.product.len();
        let known = LONG_FILES.iter().find(|(name, _)| *name == file.name);
        let most = known.map_or(MAX_LINES, |(_, lines)| *lines);
        assert!(lines <= most, "{} has {lines} lines; the most is {most}", file.name);
    }
}

#[test]
fn nothing_is_unwrapped() {
    let rule = "say why it cannot happen: `expect(\"…\")`";
    check_lines(rule, |line| {
        let code = line.split("//").next().unwrap_or(line);
        code.contains(".unwrap()")
    });
}

#[test]
fn lints_are_expected_and_not_allowed() {
    check_lines("write `#[expect(…, reason = \"…\")]`", |line| {
        line.trim_start().starts_with("#[allow(") || line.trim_start().starts_with("#![allow(")
    });
}

#[test]
fn work_to_do_is_not_left_in_comments() {
    check_lines("write it down where work is planned", |line| {
        ["TODO", "FIXME", "XXX", "HACK"]
            .iter()
            .any(|word| line.split(|c: char| !c.is_ascii_alphabetic()).any(|part| part == *word))
    });
}

#[test]
fn every_block_type_is_in_the_list() {
    let folder = workspace::root().join("crates/blocks/src");
    let files: BTreeSet<String> = fs::read_dir(&folder)
        .expect("a folder of the workspace")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .filter(|path| workspace::read(path).contains("static SPEC: BlockSpec"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    let listed: BTreeSet<String> =
        blueprint_project::wiring::catalogue().iter().map(|spec| spec.kind.to_owned()).collect();
    assert_eq!(files, listed, "one file per type, named like it, and an entry in `all()`");
}

#[test]
fn every_code_has_a_page() {
    let pages = workspace::read(&workspace::root().join("docs/errors.md"));
    let found: Vec<&str> = pages
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .filter_map(|title| title.split(' ').next())
        .collect();
    let codes: Vec<&str> = code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(found, codes, "docs/errors.md has a page per code, in their order");
}

#[test]
fn every_code_that_check_gives_has_a_case() {
    let traces = workspace::files(&workspace::suite(), ".trace");
    let seen: String = traces.iter().map(|path| workspace::read(path)).collect();
    let codes = code::ALL.iter().map(|code| code.as_str());
    let missing: Vec<&str> = codes
        .filter(|code| ("BP0100".."BP0500").contains(code))
        .filter(|code| !seen.contains(&format!("[{code}]")))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn every_case_has_a_trace_and_every_trace_a_case() {
    let suite = workspace::suite();
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_string_lossy().into_owned());
    for area in AREAS {
        let folder = suite.join(area);
        let blueprints = if area == "examples" { workspace::examples() } else { folder.clone() };
        let cases = blueprint_project::project::blueprints_in(&blueprints).expect("a folder");
        let cases: BTreeSet<String> = cases.iter().filter_map(stem).collect();
        let traces = workspace::files(&folder, ".trace");
        let traces: BTreeSet<String> = traces.iter().filter_map(stem).collect();
        assert_eq!(cases, traces, "suite/{area}");
    }
    let folders: BTreeSet<String> = fs::read_dir(&suite)
        .expect("the suite")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    let areas: BTreeSet<String> = AREAS.iter().map(|area| (*area).to_owned()).collect();
    assert_eq!(folders, areas, "an area is a folder and a test");
}

#[test]
fn cases_are_named_like_their_files() {
    for path in workspace::files(&workspace::suite(), ".yaml") {
        let bytes = fs::read(&path).expect("a case");
        let text = String::from_utf8_lossy(&bytes);
        let Some(name) = text.lines().find_map(|line| line.strip_prefix("name: ")) else {
            continue;
        };
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let is_about_names = ["City Weather", "bp0308-no-race"].contains(&name.trim());
        assert!(
            is_about_names || Some(name.trim().to_owned()) == stem,
            "{} is named `{name}`",
            workspace::relative(&path)
        );
    }
}

#[test]
fn hosts_and_secrets_of_examples_are_obviously_false() {
    let mut paths = workspace::files(&workspace::suite(), ".yaml");
    paths.extend(workspace::files(&workspace::examples(), ".yaml"));
    for path in paths {
        let bytes = fs::read(&path).expect("a case");
        let text = String::from_utf8_lossy(&bytes);
        let urls = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(|line| line.split("://").skip(1));
        for after in urls {
            let host = after.split(|c: char| "/\"'?#,)}] \r<@".contains(c)).next().unwrap_or("");
            let is_false = host.is_empty()
                || host.ends_with(".example")
                || host.ends_with(".test")
                || host.starts_with(|c: char| c.is_ascii_digit() || c == '[');
            assert!(is_false, "{} names the host `{host}`", workspace::relative(&path));
        }
    }
    for (name, value) in blueprint::demo::SECRETS {
        assert!(value.starts_with("example-"), "{name}");
    }
}

#[test]
fn every_rule_names_what_holds_it() {
    let page = workspace::read(&workspace::root().join("docs/semantics.md"));
    let sources = ["semantics.rs", "simulation.rs"]
        .map(|file| workspace::read(&workspace::root().join("tests/it").join(file)));
    for rule in 1..=20 {
        assert!(page.contains(&format!("\n**{rule}. ")), "there is no rule {rule}");
        let row = page.lines().find(|line| line.starts_with(&format!("| {rule} | ")));
        let row = row.unwrap_or_else(|| panic!("rule {rule} names nothing"));
        for name in row.split('`').skip(1).step_by(2) {
            let is_there = match name.contains('/') {
                true => workspace::suite().join(format!("{name}.yaml")).is_file(),
                false => sources.iter().any(|text| text.contains(&format!("fn {name}("))),
            };
            assert!(is_there, "rule {rule} names `{name}`, which is not there");
        }
    }
}
