//! Tests of tests, as a person sees them.

use std::fs;

use super::*;

const BLUEPRINT: &str = "\
name: x
inputs: {id: {type: integer, default: 1}}
state: {n: 0}
secrets: {KEY: {hosts: [api.acme.example]}}
blocks:
  count: {type: set_state, path: n, value: '@{inputs.id}', next: fetch}
  fetch:
    type: http_request
    url: https://api.acme.example/v1/orders/@{inputs.id}
    headers: {Authorization: 'Bearer @{vault.KEY}'}
    retry: {attempts: 2, delay: 1h}
    next: {success: sign, response_error: refused}
  sign: {type: code, code: 'sha256(vault.KEY)', next: answer}
  answer: {type: return_value, value: {body: '@{results.fetch.body}', key: '@{result}'}}
  refused: {type: fail, message: '@{message}'}
";

/// Runs the tests in this text; returns exit, stdout and the text afterwards.
fn run_tests(tests: &str, update: bool) -> (Result<Exit>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.test.yaml");
    fs::write(folder.path().join("x.yaml"), BLUEPRINT).unwrap();
    fs::write(&file, tests).unwrap();
    let mut app = App::in_memory();
    let exit = run(&Args { paths: vec![file.clone()], update, from: None, write: None }, &mut app);
    (exit, app.out.text(), fs::read_to_string(file).unwrap())
}

#[track_caller]
fn check(tests: &str, exit: Exit, expected: &str) {
    let (got, out, text) = run_tests(tests, false);
    assert_eq!((got.unwrap(), out.as_str()), (exit, expected), "\n{out}");
    assert_eq!(text, tests, "a test without --update writes nothing");
}

#[test]
fn a_case_passes_without_network_vault_or_waiting() {
    check(
        "\
cases:
  - name: an order
    mocks:
      fetch: [{outcome: connection_error}, {body: 7}]
    expect:
      status: succeeded
      value: {body: 7, key: '⟨sha256(vault.KEY)⟩'}
      state: {n: 1}
      trace: [count success, fetch success, refused skipped, sign success, answer success]
  - name: refused
    inputs: {id: 3}
    mocks: {fetch: {outcome: response_error, message: no}}
    expect: {error: no}
  - name: wrong inputs
    inputs: {id: x}
    expect: {status: refused, error: 'input `id` must be integer, not string'}
",
        Exit::Fine,
        "✓ x: an order\n✓ x: refused\n✓ x: wrong inputs\n3 cases: 3 passed\n",
    );
}

#[test]
fn a_block_that_reaches_outside_must_be_mocked() {
    check(
        "cases:\n  - name: a\n    expect: {}\n",
        Exit::RunFailed,
        "✗ x: a\n    block `fetch` is a `http_request`, which reaches outside, and has no mock\n\
         1 case: 0 passed, 1 failed\n",
    );
}

#[test]
fn what_differs_is_shown_line_by_line() {
    check(
        "\
cases:
  - name: a
    mocks: {fetch: {body: [1, 2]}}
    expect:
      value: {key: ⟨sha256(vault.KEY)⟩, body: [1, 3]}
",
        Exit::RunFailed,
        "\
✗ x: a
    --- expected  +++ actual
      …
        body:
        - 1
    -   - 3
    +   - 2
1 case: 0 passed, 1 failed
",
    );
}

#[test]
fn a_run_that_fails_without_being_expected_to_is_a_failure() {
    check(
        "cases:\n  - name: a\n    mocks: {fetch: {outcome: connection_error, message: no}}\n    \
         expect: {state: {n: 1}}\n",
        Exit::RunFailed,
        "\
✗ x: a
    --- expected  +++ actual
    + status: failed
    + error:
    +   block: fetch
    +   outcome: connection_error
    +   message: no
1 case: 0 passed, 1 failed
",
    );
}

#[test]
fn a_mock_of_nothing_and_too_few_answers_are_told() {
    let (exit, out, _) = run_tests(
        "cases:\n  - {name: a, mocks: {fetsh: 1}}\n  - {name: b, mocks: {fetch: [{outcome: connection_error}]}}\n",
        false,
    );
    assert_eq!(exit.unwrap(), Exit::RunFailed);
    assert!(out.contains("`x` has no block `fetsh`\n    help: did you mean `fetch`?"), "{out}");
    assert!(out.contains("ran more often than it has mocked answers, which are 1"), "{out}");
}

#[test]
fn update_writes_what_came_and_leaves_all_else() {
    let tests = "\
# why
cases:
  - name: a   # first
    mocks: {fetch: {body: 1}}
  - name: b
    mocks: {fetch: {body: 2}}
    expect:
      status: succeeded   # always
      value: 3            # who knows
";
    let (exit, out, text) = run_tests(tests, true);
    assert_eq!(exit.unwrap(), Exit::Fine, "{out}");
    let expected = "\
# why
cases:
  - name: a   # first
    mocks: {fetch: {body: 1}}
    expect:
      status: succeeded
      value: {body: 1, key: \"⟨sha256(vault.KEY)⟩\"}
      trace:
        - count success
        - fetch success
        - refused skipped
        - sign success
        - answer success
  - name: b
    mocks: {fetch: {body: 2}}
    expect:
      status: succeeded   # always
      value: {body: 2, key: \"⟨sha256(vault.KEY)⟩\"}            # who knows
";
    assert_eq!(text, expected, "\n{text}");
    assert!(out.ends_with("2 cases: 2 passed, 2 of them by writing what came: read the change\n"));
    let (exit, _, again) = run_tests(&text, true);
    assert_eq!((exit.unwrap(), again), (Exit::Fine, text));
}

#[test]
fn a_wrong_file_is_told_with_its_place() {
    let (exit, ..) = run_tests("cases:\n  - {name: a, expct: {}}\n", false);
    let message = exit.unwrap_err().to_string();
    assert!(message.contains("x.test.yaml:2:") && message.contains("`expct`"), "{message}");
}

#[test]
fn the_examples_pass_their_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints");
    let mut app = App::in_memory();
    let exit = run(&Args { paths: vec![folder], update: false, from: None, write: None }, &mut app)
        .unwrap();
    assert_eq!(exit, Exit::Fine, "{}", app.out.text());
}
