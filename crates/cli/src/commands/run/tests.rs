//! Trials and mocks, as a person sees them.

use std::fs;

use clap::Parser as _;

use super::*;
use crate::{args::Cli, args::Command};

const BLUEPRINT: &str = "\
name: x
inputs: {id: {type: integer, required: true}}
secrets: {KEY: {hosts: [api.acme.example]}}
blocks:
  fetch:
    type: http_request
    url: https://api.acme.example/v1/orders/@{inputs.id}
    headers: {Authorization: 'Bearer @{vault.KEY}'}
    retry: {attempts: 2, delay: 1ms}
    next: {success: answer, response_error: refused}
  answer: {type: return_value, value: '@{result.body}'}
  refused: {type: return_value, value: '@{message}'}
";

const HINT: &str = "give it as -i id=VALUE, where lists and objects are JSON, or -i id=@FILE";

struct Ran {
    exit: Result<Exit>,
    out: String,
    err: String,
}

/// Runs `blueprint run` on a file with this text; `FOLDER` in arguments is the file's folder.
fn run_file(text: &str, files: &[(&str, &str)], args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.yaml"), text).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let folder = folder.path().display().to_string();
    let file = format!("{folder}/x.yaml");
    let mut line: Vec<String> = ["blueprint", "run", &file].map(Into::into).to_vec();
    line.extend(args.iter().map(|arg| arg.replace("FOLDER", &folder)));
    let Command::Run(args) = Cli::try_parse_from(line).unwrap().command else { unreachable!() };
    let mut app = App::in_memory();
    let exit = run(&args, &mut app);
    Ran { exit, out: app.out.text().replace(&folder, "FOLDER"), err: app.err.text() }
}

#[track_caller]
fn check_refusal(ran: &Ran, message: &str, hint: &str) {
    let err = ran.exit.as_ref().expect_err("a refusal");
    let failure = err.downcast_ref::<Failure>().expect("a failure");
    assert_eq!((failure.message.as_str(), failure.hint.as_deref()), (message, Some(hint)));
}

#[test]
fn a_dry_run_says_what_would_run_and_which_secrets_are_missing() {
    let ran = run_file(BLUEPRINT, &[], &["-i", "id=7", "--dry-run"]);
    let expected = "\
x  FOLDER/x.yaml  (dry run: nothing runs)

Inputs
  id  7

Blocks, in an order in which a run may reach them
  fetch  http_request  reaches outside, up to 2 attempts
    url      https://api.acme.example/v1/orders/7
    headers  {\"Authorization\":\"Bearer ⟨vault.KEY⟩\"}
  answer  return_value  on fetch.success
    value  @{result.body}
  refused  return_value  on fetch.response_error
    value  @{message}

Secrets
  ✗ KEY  missing
";
    assert_eq!(ran.out, expected, "\n{}", ran.out);
    let hint = "blueprint vault init\nblueprint vault set KEY";
    check_refusal(&ran, "the vault has no secret `KEY`", hint);
}

#[test]
fn a_dry_run_is_data_too() {
    let ran = run_file(BLUEPRINT, &[], &["-i", "id=7", "--dry-run", "--output", "json"]);
    let data: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(data["blocks"][1]["after"], json!(["fetch.success"]));
    assert_eq!(data["secrets"][0]["state"], "missing");
}

#[test]
fn wrong_inputs_stop_a_dry_run_too() {
    let ran = run_file(BLUEPRINT, &[], &["--dry-run"]);
    check_refusal(&ran, "input `id` is missing", HINT);
    let ran = run_file(BLUEPRINT, &[], &["-i", "ids=1"]);
    check_refusal(&ran, "there is no input `ids`", "did you mean `id`?");
}

#[test]
fn a_mocked_block_answers_as_told_and_needs_no_secret() {
    let files = [("ok.json", r#"{"body": {"total": 9}}"#)];
    let ran = run_file(BLUEPRINT, &files, &["-i", "id=7", "--mock", "fetch=@FOLDER/ok.json"]);
    assert_eq!(ran.exit.unwrap(), Exit::Fine, "{}", ran.err);
    assert_eq!(ran.out, "{\n  \"total\": 9\n}\n");
    assert!(ran.err.starts_with("`fetch` is mocked and does not run\n"), "{}", ran.err);
}

#[test]
fn a_mocked_error_is_tried_again_and_handled() {
    let answer = r#"{"outcome": "response_error", "message": "closed"}"#;
    let files = [("no.json", answer)];
    let ran = run_file(BLUEPRINT, &files, &["-i", "id=7", "--mock", "fetch=@FOLDER/no.json"]);
    assert_eq!(ran.exit.unwrap(), Exit::Fine);
    assert_eq!(ran.out, "\"closed\"\n");
    assert!(ran.err.contains("fetch attempt 1 failed"), "{}", ran.err);
}

#[test]
fn a_mock_of_nothing_is_told_the_nearest() {
    let ran = run_file(BLUEPRINT, &[], &["-i", "id=7", "--mock", "fetsh=1"]);
    check_refusal(&ran, "`x` has no block `fetsh`", "did you mean `fetch`?");
    let ran = run_file(BLUEPRINT, &[], &["-i", "id=7", "--mock", r#"fetch={"outcome": "sucess"}"#]);
    check_refusal(&ran, "block `fetch` never ends with `sucess`", "did you mean `success`?");
}

#[test]
fn a_block_of_a_body_is_mocked_by_path_or_by_its_only_id() {
    let text = "\
name: x
blocks:
  each:
    type: for_each
    items: [a, b]
    do:
      get: {type: http_request, url: 'https://a.example/@{item}', next: keep}
      keep: {type: return_value, value: '@{result}'}
";
    for name in ["get=1", "each.get=1"] {
        let ran = run_file(text, &[], &["--mock", name]);
        assert_eq!(ran.exit.unwrap(), Exit::Fine);
        assert_eq!(ran.out, "[\n  1,\n  1\n]\n");
    }
    let ran = run_file(text, &[], &["--mock", "each=[5]"]);
    assert_eq!(ran.out, "[\n  5\n]\n");
    assert!(!ran.err.contains("get"), "{}", ran.err);
}
