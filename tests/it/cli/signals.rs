//! Ctrl-C, SIGTERM, and readers that have seen enough.

use std::{
    io::{BufReader, Read as _, Write as _},
    process::Child,
};

use super::program::{Folder, Ran, finish, signal};

const HOLDS: &str = "\
name: holds
blocks:
  begin: {type: log_message, message: it has begun, next: hold}
  hold: {type: wait, duration: 1h, next: [after, clean_up]}
  after: {type: log_message, message: never}
  clean_up: {type: log_message, join: always, message: cleaned up}
";

const SPINS: &str = "\
name: spins
blocks:
  begin: {type: log_message, message: it has begun, next: hold}
  hold: {type: code, code: \"loop { }\"}
";

const CLEANS_UP_FOREVER: &str = "\
name: forever
blocks:
  begin: {type: log_message, message: it has begun, next: hold}
  hold: {type: wait, duration: 1h, next: clean_up}
  clean_up: {type: wait, join: always, duration: 1h}
";

/// Starts a run and sends a signal each time that a line of its story has these words.
#[track_caller]
fn interrupt(text: &str, steps: &[(&str, &str)]) -> Ran {
    let folder = Folder::with(&[("it.yaml", text)]);
    let mut child = folder.command(&["run", "it.yaml"]).spawn().unwrap();
    let mut told = String::new();
    let mut story = BufReader::new(child.stderr.take().unwrap());
    for (words, name) in steps {
        wait_for(&mut story, words, &mut told);
        signal(child.id(), name);
    }
    story.read_to_string(&mut told).unwrap();
    let mut ran = finish(child);
    ran.err = told;
    ran
}

/// Reads a story up to the line with these words.
#[track_caller]
pub(crate) fn wait_for(story: &mut impl std::io::BufRead, words: &str, told: &mut String) {
    loop {
        let mut line = String::new();
        let len = story.read_line(&mut line).unwrap();
        told.push_str(&line);
        assert!(len > 0, "`{words}` is not in\n{told}");
        if line.contains(words) {
            return;
        }
    }
}

#[test]
fn ctrl_c_cancels_cleanly_and_says_what_was_cancelled() {
    let ran = interrupt(HOLDS, &[("it has begun", "INT")]);
    ran.check(130, "", "hold cancelled");
    assert!(ran.err.contains("cleaned up"), "{}", ran.err);
    assert!(!ran.err.contains("never"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn sigterm_ends_with_143() {
    let ran = interrupt(HOLDS, &[("it has begun", "TERM")]);
    ran.check(143, "", "cleaned up");
}

#[test]
fn ctrl_c_stops_a_script() {
    interrupt(SPINS, &[("it has begun", "INT")]).check(130, "", "cancelled");
}

#[test]
fn a_second_ctrl_c_stops_at_once() {
    let steps = [("it has begun", "INT"), ("being cancelled", "INT")];
    interrupt(CLEANS_UP_FOREVER, &steps).check(130, "", "being cancelled");
}

/// Starts a program that waits for its stdin, closes a stream, and lets it go on.
#[track_caller]
fn without_reader(args: &[&str], close: impl Fn(&mut Child)) -> Ran {
    let folder = Folder::with(&[("hello.yaml", super::HELLO)]);
    let mut child = folder.command(args).spawn().unwrap();
    close(&mut child);
    let mut stdin = child.stdin.take().unwrap();
    drop(stdin.write_all(b"Ann\n"));
    drop(stdin);
    finish(child)
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for output in ["auto", "json", "ndjson"] {
        let args = ["run", "hello", "-i", "who=@-", "--output", output];
        let ran = without_reader(&args, |child| drop(child.stdout.take()));
        assert_eq!(ran.code, 0, "{output}: {}", ran.err);
    }
}

#[test]
fn a_story_without_reader_stops_nothing() {
    let args = ["run", "hello", "-i", "who=@-"];
    let ran = without_reader(&args, |child| drop(child.stderr.take()));
    assert_eq!(ran.code, 0);
}
