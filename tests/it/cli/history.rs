//! Kept runs: listed, shown, followed, compared, retried, explained and forgotten.

use std::{fs, io::BufReader};

use serde_json::Value;

use super::{
    HELLO,
    program::{Folder, finish, signal},
    signals::wait_for,
};

/// Branches, retries, a loop with an item that fails, state, a log line.
const ORDERS: &str = "\
name: orders
inputs: {big: {type: boolean, default: false}}
state: {seen: 0}
blocks:
  route: {type: if_else, expression: inputs.big, next: {then: alert, else: each}}
  alert: {type: log_message, message: a big one, next: notify}
  notify: {type: log_message, message: told}
  each:
    type: for_each
    items: [1, 2]
    on_item_error: continue
    do:
      price: {type: code, code: 'if item == 2 { throw \"no price\" } item * 2', retry: {attempts: 2, delay: 1ms}}
    next: {success: keep, partial: keep}
  keep: {type: set_state, path: seen, value: 2, next: answer}
  answer: {type: return_value, value: {total: 7}}
";

const HOLDS: &str = "\
name: holds
blocks:
  begin: {type: log_message, message: it has begun, next: hold}
  hold: {type: wait, duration: 1h, next: [after, last]}
  after: {type: log_message, message: never}
  last: {type: log_message, message: never, join: all}
";

fn project() -> Folder {
    let folder = Folder::with(&[("project.yaml", "name: history\n")]);
    fs::create_dir(folder.path("blueprints")).unwrap();
    for (name, text) in [("hello", HELLO), ("orders", ORDERS), ("holds", HOLDS)] {
        folder.write(&format!("blueprints/{name}.yaml"), text.as_bytes());
    }
    folder
}

/// Begins a run that holds, and ends its process in the middle of it.
fn interrupt(folder: &Folder) {
    let mut child = folder.command(&["run", "holds"]).spawn().unwrap();
    let mut story = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut story, "it has begun", &mut String::new());
    signal(child.id(), "KILL");
    child.wait().unwrap();
}

#[track_caller]
fn json(folder: &Folder, args: &[&str]) -> Value {
    let ran = folder.run(args);
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn where_nothing_was_kept_the_next_command_is_told() {
    let folder = project();
    folder.run(&["runs", "list"]).check(0, "", "start one: blueprint run NAME");
    folder.run(&["runs", "list", "--json"]).check(0, "[]\n", "");
    folder.run(&["runs", "show", "@last"]).check(2, "", "no run was kept yet");
    folder.run(&["why", "@last", "say"]).check(2, "", "no run was kept yet");
    folder.run(&["doctor"]).check(0, "none kept yet", "");
}

#[test]
fn runs_are_listed_by_what_they_are() {
    let folder = project();
    folder.run(&["run", "hello"]).check(0, "", "");
    folder.run(&["run", "orders"]).check(0, "", "");
    folder.run(&["run", "holds", "--park"]).check(0, "", "parked");
    interrupt(&folder);
    let all = folder.run(&["runs", "list"]);
    all.check(0, "✓ succeeded", "");
    for words in ["! interrupted", "its process is gone", "… waiting", "wakes in 5"] {
        assert!(all.out.contains(words), "{words}\n{}", all.out);
    }
    let states = |args: &[&str]| -> Vec<Value> {
        let all = [&["runs", "list", "--json"], args].concat();
        json(&folder, &all).as_array().unwrap().iter().map(|row| row["status"].clone()).collect()
    };
    assert_eq!(states(&[]), ["interrupted", "waiting", "succeeded", "succeeded"]);
    assert_eq!(states(&["--state", "waiting", "--state", "failed"]), ["waiting"]);
    assert_eq!(states(&["--blueprint", "orders", "--since", "1h"]), ["succeeded"]);
    assert_eq!(states(&["--until", "1h"]).len(), 0);
    assert_eq!(states(&["--trigger", "schedule"]).len(), 0);
    let cut = folder.run(&["runs", "list", "--limit", "1"]);
    cut.check(0, "holds", "only the newest 1 are shown");
    folder.run(&["runs", "list", "--blueprint", "x"]).check(0, "", "see all");
    folder.run(&["runs", "list", "--since", "soon"]).check(2, "", "2h");
    folder.run(&["doctor"]).check(0, "4 runs", "");
}

#[test]
fn a_run_is_shown_with_all_that_is_kept_of_it() {
    let folder = project();
    folder.run(&["run", "orders"]).check(0, "", "");
    let ran = folder.run(&["runs", "show", "@last"]);
    ran.check(0, "orders  ✓ succeeded", "");
    for words in [
        "blueprints/orders.yaml",
        "big  false",
        "route.then not taken",
        "no price",
        "✗ [1] price",
        "seen  2",
        "{\"total\":7}",
    ] {
        assert!(ran.out.contains(words), "{words}\n{}", ran.out);
    }
    let shown = json(&folder, &["runs", "show", "@last", "--json"]);
    assert_eq!((&shown["status"], &shown["state"]["seen"]), (&"succeeded".into(), &2.into()));
    let blocks = shown["blocks"].as_array().unwrap();
    assert_eq!(blocks[0]["outcome"], "else", "{shown:#}");
    assert_eq!(shown["value"]["total"], 7);
    folder.run(&["runs", "show", "nothing"]).check(2, "", "blueprint runs list");
}

#[test]
fn events_of_a_kept_run_are_those_that_it_told() {
    let folder = project();
    let told = folder.run(&["run", "orders", "--output", "ndjson"]);
    folder.run(&["runs", "events", "@last"]).check(0, &told.out, "");
    folder.run(&["runs", "events", "@last", "--follow"]).check(0, &told.out, "");
    let plain = folder.run(&["runs", "events", "@last", "--output", "plain"]);
    plain.check(0, "alert skipped: route.then not taken", "");
}

#[test]
fn a_run_is_followed_to_its_end() {
    let folder = project();
    folder.run(&["run", "holds", "--park"]).check(0, "", "parked");
    let mut child = folder.command(&["runs", "events", "@last", "--follow"]).spawn().unwrap();
    let mut story = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut story, "it is parked", &mut String::new());
    folder.run(&["runs", "cancel", "@last"]).check(0, "is cancelled", "");
    let ran = finish(child);
    assert_eq!(ran.code, 0);
    let last: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["kind"], &last["status"]), (&"run_finished".into(), &"cancelled".into()));
}

#[test]
fn runs_are_compared_block_by_block() {
    let folder = project();
    folder.run(&["run", "orders"]).check(0, "", "");
    let one = json(&folder, &["runs", "list", "--json"])[0]["run"].as_str().unwrap().to_owned();
    folder.run(&["run", "orders", "-i", "big=true"]).check(0, "", "");
    let ran = folder.run(&["runs", "diff", &one, "@last"]);
    ran.check(0, "inputs big\n  - false\n  + true\n\nroute  end\n  - else\n  + then\n", "");
    let found = json(&folder, &["runs", "diff", &one, "@last", "--json"]);
    assert_eq!(
        (&found["same_text"], &found["differences"][1]["what"]),
        (&true.into(), &"route".into())
    );
    folder.run(&["runs", "diff", &one, &one]).check(0, "do not differ", "");
}

#[test]
fn a_retry_takes_the_blueprint_of_today() {
    let folder = project();
    folder.run(&["run", "hello", "-i", "who=Ann"]).check(0, "\"Hello Ann\"", "");
    folder.run(&["runs", "retry", "@last"]).check(0, "\"Hello Ann\"", "has not changed since");
    folder.write("blueprints/hello.yaml", HELLO.replace("Hello @", "Bye @").as_bytes());
    folder.run(&["runs", "retry", "@last"]).check(0, "\"Bye Ann\"", "it has changed since");
    folder.run(&["runs", "show", "@last"]).check(0, "retry of", "");
    folder.write("blueprints/hello.yaml", HELLO.replace("log_message", "log_mesage").as_bytes());
    folder.run(&["runs", "retry", "@last"]).check(2, "", "nothing was run");
    fs::remove_file(folder.path("blueprints/hello.yaml")).unwrap();
    folder.run(&["runs", "retry", "@last"]).check(2, "", "there is no blueprint `hello`");
}

#[test]
fn only_runs_that_ended_are_forgotten() {
    let folder = project();
    folder.run(&["run", "hello"]).check(0, "", "");
    folder.run(&["run", "hello"]).check(0, "", "");
    folder.run(&["run", "holds", "--park"]).check(0, "", "");
    folder.run(&["runs", "prune"]).check(0, "forgot 0 of 2 runs", "");
    let dry = ["runs", "prune", "--keep", "1", "--dry-run"];
    folder.run(&dry).check(0, "would forget 1 of 2 runs", "");
    folder.run(&["runs", "prune", "--keep", "1"]).check(0, "forgot 1 of 2 runs", "");
    folder.run(&["runs", "prune", "--older-than", "0s"]).check(0, "forgot 1 of 1 run that", "");
    let left = json(&folder, &["runs", "list", "--json"]);
    assert_eq!((left.as_array().unwrap().len(), &left[0]["status"]), (1, &"waiting".into()));
}

#[test]
fn a_block_is_explained_back_to_the_cause() {
    let folder = project();
    folder.run(&["run", "orders"]).check(0, "", "");
    let notify = folder.run(&["why", "@last", "notify"]);
    notify.check(0, "notify  log_message  was skipped", "");
    let cause = "- route.then  not taken, because `route` ended with else";
    assert!(notify.out.contains(cause), "{}", notify.out);
    folder.run(&["why", "@last", "route"]).check(0, "it starts with the run", "");
    folder.run(&["why", "@last", "keep"]).check(0, "✓ each.partial  taken", "");
    let price = folder.run(&["why", "@last", "each[1].price"]);
    price.check(0, "it starts with the graph of `each`", "");
    folder.run(&["why", "@last", "rout"]).check(2, "", "did you mean `route`?");
    folder.run(&["why", "@last", "each.price"]).check(2, "", "did you mean `each[0].price`?");
    folder.run(&["why", "@last", "each[7].price"]).check(2, "", "did you mean");
    let said = json(&folder, &["why", "@last", "notify", "--json"]);
    assert_eq!(said["because"][1]["ended"]["outcome"], "else");
    folder.run(&["run", "orders", "-i", "big=true"]).check(0, "", "");
    let never = folder.run(&["why", "@last", "each[0].price"]);
    never.check(2, "", "was never reached: `each` did not begin it");
}

#[test]
fn a_block_that_waits_is_explained_too() {
    let folder = project();
    interrupt(&folder);
    folder.run(&["why", "@last", "hold"]).check(0, "hold  wait  waits until", "");
    let last = folder.run(&["why", "@last", "last"]);
    last.check(0, "it waits for `hold`, which waits until", "");
    folder.run(&["runs", "show", "@last"]).check(0, "holds  ! interrupted", "");
    folder.run(&["runs", "cancel", "@last"]).check(0, "is cancelled", "");
    folder.run(&["why", "@last", "hold"]).check(0, "somebody cancelled the run", "");
}
