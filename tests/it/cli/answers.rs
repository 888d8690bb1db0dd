//! Runs that wait for somebody outside, in other processes: answers, events, a wish to stop, and keys
//! by which a run is known again.

use std::{
    io::BufReader,
    process::{Child, ChildStderr},
};

use super::{
    program::{Folder, HELLO, finish},
    signals::wait_for,
    vault::key_of,
};

const ASKS: &str = "\
name: asks
inputs: {item: {type: string, default: lamp}}
blocks:
  ask:
    type: approval
    message: Buy a @{inputs.item}?
    form: {amount: {type: integer, minimum: 1, required: true}}
    next: {approved: paid, rejected: refused}
  paid:
    type: wait_event
    name: order-paid
    filter: {item: '@{inputs.item}'}
    next: {success: answer}
  answer: {type: return_value, value: '@{results.ask.form.amount} for @{results.paid.order}'}
  refused: {type: return_value, value: '@{results.ask.by} says no: @{results.ask.note}'}
";

const HOLDS: &str = "\
name: holds
blocks:
  begin: {type: log_message, message: begun, next: hold}
  hold: {type: wait, duration: 1h, next: [after, tidy]}
  after: {type: log_message, message: never}
  tidy: {type: log_message, join: always, message: tidied}
";

fn project() -> Folder {
    let folder = Folder::with(&[("project.yaml", "name: p\n")]);
    std::fs::create_dir(folder.path("blueprints")).unwrap();
    for (name, text) in [("asks", ASKS), ("holds", HOLDS), ("hello", HELLO)] {
        folder.write(&format!("blueprints/{name}.yaml"), text.as_bytes());
    }
    folder
}

/// Starts a run in a process of its own, and waits until its story has these words.
fn start(folder: &Folder, name: &str, words: &str) -> (Child, BufReader<ChildStderr>) {
    let mut child = folder.command(&["run", name]).spawn().unwrap();
    let mut story = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut story, words, &mut String::new());
    (child, story)
}

#[test]
fn a_run_in_another_process_is_approved_and_told_what_happened() {
    let folder = project();
    let (child, mut story) = start(&folder, "asks", "ask asks: Buy a lamp?");
    folder.run(&["runs", "waiting"]).check(0, "ask  waits for a decision: Buy a lamp?", "");
    let wrong = folder.run(&["runs", "approve", "@last", "-i", "amount=0"]);
    wrong.check(2, "", "field `amount` must be at least 1");
    let approved = folder.run(&["runs", "approve", "@last", "-i", "amount=3", "--by", "Ann"]);
    approved.check(0, "is approved", "");
    wait_for(&mut story, "paid waits for event order-paid", &mut String::new());
    let other = folder.run(&["runs", "send", "order-paid", "--payload", "{\"item\": \"desk\"}"]);
    other.check(2, "", "no run waits for such an event `order-paid`");
    let payload = "{\"item\": \"lamp\", \"order\": 17}";
    folder.run(&["runs", "send", "order-paid", "--payload", payload]).check(0, "has it", "");
    finish(child).check(0, "3 for 17", "");
}

#[test]
fn a_parked_run_keeps_its_answer_until_somebody_goes_on() {
    let folder = project();
    folder.run(&["run", "asks", "--park"]).check(0, "", "is parked until an answer comes");
    let reject = ["runs", "reject", "@last", "--note", "too dear", "--by", "Bo"];
    folder.run(&reject).check(0, "is rejected; go on with: blueprint runs resume", "");
    folder.run(&["runs", "resume", "@last"]).check(0, "Bo says no: too dear", "run resumed");
    folder.run(&["runs", "reject", "@last"]).check(2, "", "the run waits for no decision");
    folder.run(&["runs", "resume", "@last"]).check(2, "", "has ended");
}

#[test]
fn a_run_in_another_process_is_cancelled_and_held_by_one_only() {
    let folder = project();
    let (child, mut story) = start(&folder, "holds", "begin success");
    folder.run(&["runs", "resume", "@last"]).check(2, "", "another process works on run");
    folder.run(&["runs", "resume", "--all"]).check(0, "", "0 resumed");
    folder.run(&["runs", "cancel", "@last"]).check(0, "is being cancelled by its process", "");
    wait_for(&mut story, "tidy info: tidied", &mut String::new());
    finish(child).check(130, "", "");
    folder.run(&["runs", "cancel", "@last"]).check(2, "", "has ended");
}

#[test]
fn a_key_gives_the_same_run_and_runs_it_once() {
    let folder = project();
    let run = |who: &str| {
        let who = format!("who={who}");
        folder.run(&["run", "hello", "--key", "k", "-i", &who, "--output", "json"])
    };
    let (first, again) = (run("Ada"), run("Ada"));
    first.check(0, "Hello Ada", "saying hello");
    again.check(0, "Hello Ada", "has this key and has ended");
    assert_eq!(first.out.split("\"status\"").next(), again.out.split("\"status\"").next());
    run("Bo").check(2, "", "BP0510");
    folder.run(&["run", "hello", "--forget", "--key", "k"]).check(2, "", "cannot be used with");
}

#[test]
fn without_a_project_nothing_is_kept_and_nobody_can_be_asked() {
    let folder = Folder::with(&[("asks.yaml", ASKS)]);
    let refused = folder.run(&["run", "asks.yaml"]);
    refused.check(2, "", "block `ask` waits for an answer from outside, and this run is not kept");
    assert!(!folder.path(".blueprint").exists());
}

#[test]
fn a_run_with_a_key_goes_on_where_the_vault_is_opened_by_a_variable() {
    let mut folder = project();
    folder.run(&["vault", "init"]).check(0, "", "");
    folder.run_with(&["vault", "set", "ACME_KEY"], b"example-value-of-acme").check(0, "", "");
    let key = key_of(&folder);
    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(key).unwrap();
    folder.variables.push(("BLUEPRINT_VAULT_KEY".into(), text.trim().into()));
    let uses = HOLDS
        .replace("name: holds", "name: uses")
        .replace("message: never", "message: '@{vault.ACME_KEY}'");
    folder.write("blueprints/uses.yaml", uses.replace("1h", "1500ms").as_bytes());
    folder.run(&["run", "uses", "--key", "k", "--park"]).check(0, "", "is parked until");
    let again = folder.run(&["run", "uses", "--key", "k"]);
    again.check(0, "", "after info: ⟨vault.ACME_KEY⟩");
}
