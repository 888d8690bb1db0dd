//! Everything that shows a blueprint or a run shows names of keys.

use std::{ffi::OsString, fs};

use blueprint::{app::App, start};
use blueprint_model::Value;
use blueprint_project::environment::Environment;
use serde_json::json;

use super::{mirror::Mirror, stage::Stage};

/// Handles wherever they can stand.
pub(super) const EVERYWHERE: &str = r##"
name: everywhere
description: shows handles wherever they can stand
inputs: {who: {type: string, default: world}}
secrets: {PLAIN: {}, LINE: {}, WILD: {}}
state: {kept: none, list: []}
blocks:
  info: {type: log_message, message: "@{vault.PLAIN}", next: warning}
  warning: {type: log_message, level: warning, message: "x @{vault.LINE} y", next: error}
  error: {type: log_message, level: error, message: {key: "@{vault.WILD}"}, next: keep}
  keep: {type: set_state, path: kept, value: "@{vault.LINE}", next: add}
  add: {type: add_to_state_list, path: list, value: {a: ["@{vault.WILD}"]}, next: parse}
  parse: {type: parse_json, text: "{\"a\": \"@{vault.PLAIN}\"}", next: {success: bad, error: bad}}
  bad: {type: parse_json, text: "{@{vault.PLAIN}", next: {success: choose, error: choose}}
  choose: {type: if_else, expression: '`${vault.PLAIN}` == "x"', next: {then: each, else: each, error: each}}
  each:
    type: for_each
    items: {plain: "@{vault.PLAIN}", line: "@{vault.LINE}"}
    do:
      one: {type: log_message, message: "@{item_id}: @{item} @{state.kept}"}
    next: {success: broken, error: broken, partial: broken}
  broken: {type: fail, message: "gave up on @{vault.WILD}", next: {error: send}}
  send:
    type: http_request
    url: URL
    headers: {Authorization: "@{vault.PLAIN}"}
    expect: {type: object, properties: {status_code: {enum: [418]}}}
    next: {success: answer, response_error: answer, connection_error: answer}
  answer:
    type: return_value
    value: ["@{vault.PLAIN}", "@{state.kept}", "@{state.list}", "@{results.parse}", "@{message}"]
"##;

fn stage() -> (Stage, Mirror) {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let text = EVERYWHERE.replace("URL", &format!("{:?}", mirror.url("/echo")));
    stage.write("everywhere.yaml", text.trim_start());
    (stage, mirror)
}

#[test]
fn every_output_shows_names_of_keys() {
    let (stage, _mirror) = stage();
    for output in ["auto", "json", "ndjson"] {
        for color in ["always", "never"] {
            let args = ["run", "everywhere.yaml", "--output", output, "--color", color];
            stage.run(&args).check(0, "⟨vault.PLAIN⟩").says("⟨vault.WILD⟩");
        }
    }
    let printed = stage.run(&["run", "everywhere.yaml", "--output", "quiet"]);
    assert!(printed.out.is_empty() && printed.err.is_empty(), "{}", printed.text());
    stage.check_files();
}

/// The tree that is redrawn in place, as a terminal gets it.
#[test]
fn the_live_tree_shows_names_of_keys() {
    let (stage, _mirror) = stage();
    let home = stage.path("home").display().to_string();
    let mut app = App {
        is_live: true,
        environment: Environment::from_pairs(&[("HOME", &home)]),
        ..App::in_memory()
    };
    let path = stage.path("everywhere.yaml").into_os_string();
    let args: Vec<OsString> = vec!["blueprint".into(), "run".into(), path];
    start::run(args, &mut app);
    let (out, err) = (app.out.text(), app.err.text());
    assert!(out.contains("⟨vault.PLAIN⟩") && err.contains("everywhere"), "{out}\n{err}");
    stage.oracle.check("the live tree", err.as_bytes());
    stage.oracle.check("its answer", out.as_bytes());
}

/// An item's id is part of the path of its blocks: a handle in it is shown as one.
#[test]
fn a_handle_that_is_an_items_id_is_shown_as_one() {
    let text = "\
name: ids
blocks:
  ids: {type: code, code: 'let m = #{}; m[`${vault.PLAIN}`] = 1; m', next: each}
  each: {type: for_each, items: \"@{result}\", do: {one: {type: log_message, message: x}}}
";
    let stage = Stage::new();
    stage.write("ids.yaml", text);
    let printed = stage.start(&["run", "ids.yaml", "--output", "ndjson"], b"");
    stage.oracle.check("stdout", &printed.out);
    let lines: Vec<Value> = String::from_utf8_lossy(&printed.out)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let result = lines.iter().find(|line| line["block"] == "ids").unwrap();
    assert_eq!(result["result"], json!({"⟨vault.PLAIN⟩": 1}), "{lines:#?}");
    let paths: Vec<&str> = lines.iter().filter_map(|line| line["block"].as_str()).collect();
    assert!(paths.contains(&"each[⟨vault.PLAIN⟩].one"), "{paths:?}");
}

#[test]
fn commands_that_read_a_blueprint_show_names_of_keys() {
    let (stage, mirror) = stage();
    let file = "everywhere.yaml";
    for args in [
        ["run", file, "--dry-run"].as_slice(),
        &["run", file, "--dry-run", "--output", "json"],
        &["check", file],
        &["check", file, "--format", "json"],
        &["check", file, "--format", "sarif"],
        &["check", file, "--format", "short"],
        &["explain", "--secrets", file],
        &["explain", "--secrets", file, "--json"],
        &["graph", file],
        &["graph", file, "--format", "mermaid"],
        &["graph", file, "--format", "dot"],
        &["graph", file, "--format", "ascii"],
        &["graph", file, "--output", "picture.svg"],
        &["fmt", file],
        &["schema", "blueprint"],
        &["blocks", "http_request"],
        &["doctor"],
    ] {
        let printed = stage.run(args);
        assert!(printed.code < 3, "{args:?}\n{}", printed.text());
    }
    stage.run(&["explain", "--secrets", file]).check(0, "PLAIN");
    assert!(mirror.received().is_empty(), "something was sent without a run");
    assert!(!stage.path(".blueprint/audit.jsonl").exists(), "a secret was used without a run");
    stage.check_files();
}

/// Mistakes in a file are shown with the line they are in, which names keys.
#[test]
fn mistakes_show_names_of_keys() {
    let (stage, _mirror) = stage();
    let text = fs::read_to_string(stage.path("everywhere.yaml")).unwrap();
    for (from, to) in [
        ("message: \"@{vault.PLAIN}\"", "mesage: \"@{vault.PLAIN}\""),
        ("type: set_state", "type: set_stat"),
        ("@{vault.PLAIN}", "@{vault.PLAIN"),
        ("@{vault.PLAIN}", "@{vault.PLAINE}"),
        ("headers: {Authorization", "headers: [Authorization"),
        ("url: ", "url: \"https://@{vault.PLAIN}.acme.example\"\n    body: "),
        ("secrets: {PLAIN: {}", "secrets: {PLAIN: {hosts: [api.acme.example]}"),
    ] {
        stage.write("broken.yaml", &text.replacen(from, to, 1));
        stage.run(&["check", "broken.yaml"]);
        let printed = stage.run(&["run", "broken.yaml"]);
        assert!(printed.code != 0 && printed.text().contains("error"), "{}", printed.text());
    }
}

/// A run that fails says which block, and why, in a message that holds a handle.
#[test]
fn a_failed_run_shows_names_of_keys() {
    let stage = Stage::new();
    let text = "name: fails\nblocks:\n  work: {type: fail, message: \"no @{vault.WILD}\"}\n";
    stage.write("fails.yaml", text);
    for output in ["auto", "json", "ndjson"] {
        stage.run(&["run", "fails.yaml", "--output", output]).check(1, "no ⟨vault.WILD⟩");
    }
    stage.check_files();
}
