//! The tour of the README, run as a newcomer would: every command in order, in one empty folder.
//!
//! A `console` block holds commands after `$ ` (going on after `> `), `? N` for an exit code other
//! than 0, and what the command prints; `[..]` stands for any text in a line.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

/// A command of the tour and what it must print.
#[derive(Debug, Default)]
struct Stop {
    command: String,
    exit: i32,
    output: Vec<String>,
}

/// Reads the commands of every `console` block.
fn stops(markdown: &str) -> Vec<Stop> {
    let mut stops: Vec<Stop> = Vec::new();
    let mut is_inside = false;
    for line in markdown.lines() {
        match (is_inside, line) {
            (false, "```console") => is_inside = true,
            (true, "```") => is_inside = false,
            (false, _) => {}
            (true, line) => {
                if let Some(command) = line.strip_prefix("$ ") {
                    stops.push(Stop { command: command.into(), ..Stop::default() });
                    continue;
                }
                let stop = stops.last_mut().expect("a block begins with a command");
                if let Some(more) = line.strip_prefix("> ").filter(|_| stop.output.is_empty()) {
                    stop.command.push('\n');
                    stop.command.push_str(more);
                } else if let Some(exit) =
                    line.strip_prefix("? ").filter(|_| stop.output.is_empty())
                {
                    stop.exit = exit.parse().expect("an exit code");
                } else {
                    stop.output.push(line.into());
                }
            }
        }
    }
    for stop in &mut stops {
        while stop.output.last().is_some_and(String::is_empty) {
            stop.output.pop();
        }
    }
    stops
}

/// Returns whether a line is as expected; `[..]` stands for any text.
fn is_as_expected(line: &str, expected: &str) -> bool {
    let mut parts = expected.split("[..]");
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn run(stop: &Stop, folder: &Path, home: &Path, path: &str) -> (i32, Vec<String>) {
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{}", stop.command)])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .output()
        .expect("bash runs");
    let text = String::from_utf8_lossy(&output.stdout);
    (output.status.code().unwrap_or(-1), text.trim_end().lines().map(Into::into).collect())
}

#[test]
fn the_tour_of_the_readme_works_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bin = tempfile::tempdir().unwrap();
    symlink(env!("CARGO_BIN_EXE_blueprint-under-test"), bin.path().join("blueprint")).unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.path().display());
    let stops = stops(&readme);
    assert!(stops.len() >= 10, "the tour has its stops");
    for stop in stops {
        let (exit, output) = run(&stop, folder.path(), home.path(), &path);
        let seen = output.join("\n");
        assert_eq!(exit, stop.exit, "$ {}\n{seen}", stop.command);
        let is_right = output.len() == stop.output.len()
            && output.iter().zip(&stop.output).all(|(line, wanted)| is_as_expected(line, wanted));
        assert!(
            is_right,
            "$ {}\n--- written\n{}\n--- seen\n{seen}",
            stop.command,
            stop.output.join("\n")
        );
    }
}

#[test]
fn any_text_stands_for_any_text() {
    assert!(is_as_expected("made the vault ./x/vault", "made the vault [..]vault"));
    assert!(is_as_expected("a b c", "[..]b[..]"));
    assert!(!is_as_expected("a b c", "a"));
    assert!(!is_as_expected("a b c", "b[..]"));
}
