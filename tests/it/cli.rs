//! The program as a process: exit codes, streams, signals, kept runs, and whatever people may hand it.

mod answers;
mod bench;
mod history;
mod hostile;
mod program;
mod replay;
mod serve;
mod signals;
mod vault;

use serde_json::Value;

use self::program::{Folder, HELLO};

/// A run that fails in a block.
const FAILS: &str = "name: fails\nblocks:\n  work: {type: fail, message: no paper}\n";

#[test]
fn a_fine_run_ends_with_0_and_only_the_value_is_on_stdout() {
    let folder = Folder::with(&[("hello.yaml", HELLO)]);
    let ran = folder.run(&["run", "hello.yaml"]);
    ran.check(0, "\"Hello world\"\n", "say info: saying hello");
}

#[test]
fn a_blueprint_is_found_by_its_name_too() {
    let folder = Folder::with(&[("hello.yaml", HELLO)]);
    folder.run(&["run", "hello"]).check(0, "\"Hello world\"\n", "");
    folder.run(&["run", "helo"]).check(2, "", "did you mean `hello`?");
}

#[test]
fn inputs_come_from_arguments_files_and_stdin() {
    let folder = Folder::with(&[("hello.yaml", HELLO), ("who.txt", "Ann\n")]);
    folder.run(&["run", "hello", "-i", "who=Bob"]).check(0, "\"Hello Bob\"\n", "");
    folder.run(&["run", "hello", "-i", "who=@who.txt"]).check(0, "\"Hello Ann\"\n", "");
    folder.run(&["run", "hello", "-i", "who=@@you"]).check(0, "\"Hello @you\"\n", "");
    folder.run_with(&["run", "hello", "-i", "who=@-"], b"Eve\n").check(0, "\"Hello Eve\"\n", "");
    let inputs = ["run", "hello", "--inputs", r#"{"who": "Kim"}"#, "-i", "who=Lee"];
    folder.run(&inputs).check(0, "\"Hello Lee\"\n", "");
}

#[test]
fn a_failed_run_ends_with_1_and_an_empty_stdout() {
    let folder = Folder::with(&[("fails.yaml", FAILS)]);
    folder.run(&["run", "fails.yaml"]).check(1, "", "no paper");
}

#[test]
fn a_deadline_is_a_failure() {
    let text = "name: slow\ntimeout: 20ms\nblocks:\n  hold: {type: wait, duration: 1h}\n";
    let folder = Folder::with(&[("slow.yaml", text)]);
    folder.run(&["run", "slow.yaml"]).check(1, "", "deadline");
    folder.run(&["run", "slow.yaml", "--timeout", "10ms"]).check(1, "", "deadline");
}

#[test]
fn faults_of_blueprint_inputs_and_arguments_end_with_2() {
    let broken = HELLO.replace("log_message", "log_mesage");
    let folder = Folder::with(&[("hello.yaml", HELLO), ("broken.yaml", &broken)]);
    folder.run(&["run", "broken.yaml"]).check(2, "", "error[BP0204]");
    folder.run(&["check", "broken.yaml"]).check(2, "BP0204", "");
    folder.run(&["run", "hello.yaml", "--inputs", "[1]"]).check(2, "", "must be a JSON object");
    folder.run(&["run", "hello.yaml", "--inputs", "{"]).check(2, "", "not JSON");
    folder.run(&["run", "hello.yaml", "--inputs", r#"{"who": 7}"#]).check(2, "", "must be string");
    folder.run(&["run", "hello.yaml", "-i", "who"]).check(2, "", "KEY=VALUE");
    folder.run(&["run", "hello.yaml", "-i", "who=@gone.txt"]).check(2, "", "gone.txt");
    folder.run(&["run", "hello.yaml", "--timeout", "soon"]).check(2, "", "30s");
    folder.run(&["run"]).check(2, "", "FILE|NAME");
    folder.run(&["rum", "hello.yaml"]).check(2, "", "'run'");
    folder.run(&["run", "hello.yaml", "--output", "xml"]).check(2, "", "possible values");
}

#[test]
fn a_missing_secret_ends_with_3_before_any_block_runs() {
    let text = "name: needs\nblocks:\n  a: {type: log_message, message: never, next: b}\n  \
                b: {type: log_message, message: \"@{vault.KEY_A} @{vault.KEY_B}\"}\n";
    let folder = Folder::with(&[("needs.yaml", text)]);
    let ran = folder.run(&["run", "needs.yaml"]);
    ran.check(3, "", "vault");
    assert!(!ran.err.contains("never"), "{}", ran.err);
    folder.run(&["vault", "init"]).check(0, "", "made the vault");
    let ran = folder.run(&["run", "needs.yaml"]);
    ran.check(3, "", "`KEY_A`, `KEY_B`");
    assert!(!ran.err.contains("never"), "{}", ran.err);
}

#[test]
fn each_output_is_what_a_program_can_read() {
    let folder = Folder::with(&[("hello.yaml", HELLO), ("fails.yaml", FAILS)]);
    let ran = folder.run(&["run", "hello", "--output", "json"]);
    let document: Value = serde_json::from_str(&ran.out).expect("one document");
    assert_eq!(
        (&document["status"], &document["value"]),
        (&"succeeded".into(), &"Hello world".into())
    );
    let ran = folder.run(&["run", "fails", "--output", "json"]);
    assert_eq!(ran.code, 1);
    let document: Value = serde_json::from_str(&ran.out).expect("one document");
    assert_eq!(document["error"]["message"], "no paper");
    let ran = folder.run(&["run", "hello", "--output", "ndjson"]);
    let events: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(events[0]["kind"], "run_started");
    assert_eq!(events[events.len() - 1]["kind"], "run_finished");
    let ran = folder.run(&["run", "hello", "--output", "quiet"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    let ran = folder.run(&["run", "fails", "--output", "quiet"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (1, "", ""));
}

#[test]
fn check_formats_hold_the_same_findings() {
    let broken = HELLO.replace("log_message", "log_mesage");
    let folder = Folder::with(&[("broken.yaml", &broken)]);
    for format in ["human", "short", "json", "sarif"] {
        let ran = folder.run(&["check", "broken.yaml", "--format", format]);
        ran.check(2, "BP0204", "");
        if ["json", "sarif"].contains(&format) {
            serde_json::from_str::<Value>(&ran.out).expect("JSON");
        }
    }
}

#[test]
fn check_mends_what_has_one_right_answer() {
    let text = "name: mend\ninputs: {who: {default: x}}\nblocks:\n  a:\n    type: log_mesage\n    \
                message: @{inputs.who} # the name\n";
    let folder = Folder::with(&[("mend.yaml", text)]);
    folder.run(&["check", "mend.yaml", "--fix"]).check(0, "", "");
    let mended = folder.read("mend.yaml");
    assert!(mended.contains("type: log_message\n"), "{mended}");
    assert!(mended.contains("'@{inputs.who}' # the name"), "{mended}");
    folder.run(&["check", "mend.yaml", "--strict"]).check(0, "", "");
}

#[test]
fn the_examples_pass_their_own_tests() {
    let folder = Folder::with(&[]);
    let examples = tests::workspace::root().join("blueprints").display().to_string();
    let ran = folder.run(&["test", &examples]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_new_project_is_fine_at_once() {
    let folder = Folder::with(&[]);
    folder.run(&["init"]).check(0, "", "");
    folder.run(&["check", "--strict"]).check(0, "", "");
    folder.run(&["run", "hello"]).check(0, "", "");
    folder.run(&["new", "second"]).check(0, "", "");
    folder.run(&["check", "--strict"]).check(0, "", "");
    let before = folder.read("project.yaml");
    folder.run(&["init"]).check(0, "", "");
    assert_eq!(folder.read("project.yaml"), before, "init keeps what is there");
}
