//! `replay`, `run --from` and `test --from`: what a kept run is good for once it has ended.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tests::server::Server;
use tokio::runtime::Runtime;

use super::program::{Folder, Ran};

const ORDERS: &str = "\
name: orders
inputs: {ids: {type: array, default: [7, 8]}}
state: {seen: []}
blocks:
  each:
    type: for_each
    items: '@{inputs.ids}'
    do:
      fetch: {type: http_request, url: 'https://api.acme.example/echo?n=@{item}', next: note}
      note: {type: add_to_state_list, path: seen, value: '@{item}', next: pick}
      pick: {type: return_value, value: '@{results.fetch.status_code}'}
    next: total
  total: {type: code, code: state.seen.len() * 10, next: send}
  send:
    type: http_request
    url: https://api.acme.example/echo?total=@{result}
    next: answer
  answer: {type: return_value, value: 'total @{results.total}'}
";

/// A project with blueprints whose one host is a server of the test.
struct World {
    folder: Folder,
    server: Server,
    _runtime: Runtime,
}

impl World {
    fn with(name: &str, text: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let server = runtime.block_on(Server::start()).unwrap();
        let folder = Folder::with(&[("project.yaml", &project(server.address))]);
        std::fs::create_dir(folder.path("blueprints")).unwrap();
        folder.write(&format!("blueprints/{name}.yaml"), text.as_bytes());
        Self { folder, server, _runtime: runtime }
    }

    fn asked(&self) -> usize {
        self.server.received().len()
    }

    fn change(&self, name: &str, from: &str, to: &str) {
        let name = format!("blueprints/{name}.yaml");
        let text = self.folder.read(&name);
        assert!(text.contains(from), "{text}");
        self.folder.write(&name, text.replace(from, to).as_bytes());
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Ran {
        self.folder.run(args)
    }
}

fn project(server: SocketAddr) -> String {
    format!("network: {{private: allow, mocks: {{api.acme.example: '{server}'}}}}\n")
}

#[test]
fn a_replay_is_the_same_and_asks_nobody() {
    let world = World::with("orders", ORDERS);
    world.run(&["run", "orders"]).check(0, "\"total 20\"\n", "");
    assert_eq!(world.asked(), 3);
    world.run(&["replay", "@last"]).check(0, "the same: 10 blocks end as recorded\n", "");
    // The run keeps the text that it began with.
    world.change("orders", "* 10", "* 11");
    world.run(&["replay", "@last"]).check(0, "the same: 10 blocks end as recorded\n", "");
    let ran = world.run(&["replay", "@last", "--json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&json["same"], &json["recorded"]), (&json!(true), &json["replayed"]));
    assert_eq!(world.asked(), 3);
}

#[test]
fn against_another_definition_it_shows_what_differs() {
    let world = World::with("orders", ORDERS);
    world.run(&["run", "orders"]).check(0, "\"total 20\"\n", "");
    world.change("orders", "* 10", "* 11");
    let expected = "\
total   differs              result: 20 → 22
answer  differs              result: \"total 20\" → \"total 22\"
value   differs              \"total 20\" → \"total 22\"
8 blocks the same, 2 not
";
    world.run(&["replay", "@last", "--against", "orders"]).check(1, expected, "");
    world.change("orders", "* 11", "* 10");
    let ran = world.run(&["replay", "@last", "--against", "blueprints/orders.yaml"]);
    ran.check(0, "value  the same             \"total 20\"\n10 blocks the same, 0 not\n", "");
    world.change("orders", "next: answer", "next: {success: more, response_error: answer}");
    world.change(
        "orders",
        "  answer:",
        "  more: {type: http_request, url: 'https://api.acme.example/x', next: answer}\n  answer:",
    );
    let ran = world.run(&["replay", "@last", "--against", "orders"]);
    ran.check(1, "more    needs an answer\n", "");
    assert_eq!(world.asked(), 3);
    world.run(&["replay", "nobody"]).check(2, "", "there is no run `nobody`");
}

#[test]
fn a_run_from_a_block_takes_the_answers_of_what_came_before() {
    let world = World::with("orders", ORDERS);
    world.run(&["run", "orders", "-i", "ids=[1,2,3]"]).check(0, "\"total 30\"\n", "");
    assert_eq!(world.asked(), 4);
    world.change("orders", "* 10", "* 11");
    world.run(&["run", "orders", "--from", "total", "--of", "@last"]).check(
        0,
        "\"total 33\"\n",
        "",
    );
    assert_eq!(world.asked(), 5, "only `send` ran again");
    // It is a run like any other: it is kept, replayed, and taken answers from.
    world.run(&["replay", "@last"]).check(0, "the same: 4 blocks end as recorded\n", "");
    let ran = world.run(&["run", "orders", "--from", "answer", "--of", "@last"]);
    ran.check(0, "\"total 33\"\n", "");
    assert_eq!(world.asked(), 5);
    let ran = world.run(&["run", "orders", "--from", "totel", "--of", "@last"]);
    ran.check(2, "", "did you mean `total`?");
    world.run(&["run", "orders", "--from", "each.pick", "--of", "@last"]).check(
        2,
        "",
        "block `each.pick` is inside another one",
    );
    world.run(&["run", "orders", "--from", "total"]).check(2, "", "--of");
}

#[test]
fn a_run_from_a_block_can_be_parked_and_resumed() {
    let text = ORDERS
        .replace("next: send}", "next: hold}\n  hold: {type: wait, duration: 3s, next: send}");
    let world = World::with("orders", &text);
    world.run(&["run", "orders"]).check(0, "\"total 20\"\n", "");
    let asked = world.asked();
    let ran = world.run(&["run", "orders", "--from", "total", "--of", "@last", "--park"]);
    ran.check(0, "", "is parked until");
    world.run(&["runs", "resume", "@last"]).check(0, "\"total 20\"\n", "");
    assert_eq!(world.asked(), asked + 1);
}

#[test]
fn handles_in_taken_answers_stand_for_the_same_secrets() {
    let text = "\
name: signed
secrets: {API_KEY: {hosts: [api.acme.example]}}
blocks:
  prepare:
    type: code
    code: '#{plain: vault.API_KEY, signed: hmac_sha256(vault.API_KEY, \"x\")}'
    next: pause
  pause: {type: log_message, message: 'now @{results.prepare.plain}', next: send}
  send:
    type: http_request
    url: https://api.acme.example/headers/x-key
    headers: {x-key: '@{results.prepare.plain}', x-signed: '@{results.prepare.signed}'}
    next: answer
  answer: {type: return_value, value: '@{results.send.status_code}'}
";
    let world = World::with("signed", text);
    let value = "q1w2e3-r4t5y6-of-a-key";
    world.run(&["vault", "init"]).check(0, "", "");
    let ran = world.folder.run_with(&["vault", "set", "API_KEY"], value.as_bytes());
    assert_eq!(ran.code, 0, "{ran:?}");
    world.run(&["run", "signed"]).check(0, "200\n", "");
    world.run(&["run", "signed", "--from", "send", "--of", "@last"]).check(0, "200\n", "");
    let received = world.server.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].headers, received[1].headers);
    assert!(received[1].headers.iter().any(|header| header.contains(value)), "{received:?}");
    world.run(&["replay", "@last"]).check(0, "the same", "");
    let ran = world.run(&["test", "--from", "@last", "--write"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let written = world.folder.read("blueprints/signed.test.yaml");
    assert!(!written.contains(value), "{written}");
    world.run(&["test"]).check(0, "1 passed", "");
}

#[test]
fn a_run_becomes_a_test_that_passes() {
    let world = World::with("orders", ORDERS);
    world.run(&["run", "orders"]).check(0, "\"total 20\"\n", "");
    let ran = world.run(&["test", "--from", "@last"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let own = "# Mine.\ncases:\n- name: own   # stays\n  mocks: {each: {result: []}, send: 1}\n  expect: {value: total 0}\n";
    world.folder.write("blueprints/orders.test.yaml", own.as_bytes());
    world.run(&["test"]).check(0, "1 passed", "");
    let ran = world.run(&["test", "--from", "@last", "--write"]);
    ran.check(0, "", "to blueprints/orders.test.yaml");
    let written = world.folder.read("blueprints/orders.test.yaml");
    assert!(written.starts_with(own), "{written}");
    world.run(&["test"]).check(0, "2 passed", "");
    world.run(&["test", "--from", "@last", "--write"]).check(2, "", "has a case");
    world.change("orders", "* 10", "* 11");
    world.run(&["test"]).check(1, "1 failed", "");
}

#[test]
fn a_failed_run_becomes_a_test_too() {
    let text = "\
name: shaky
blocks:
  ask:
    type: http_request
    url: https://api.acme.example/flaky/1
    retry: {attempts: 2, delay: 1ms}
    next: gone
  gone:
    type: http_request
    url: https://api.acme.example/status/404
";
    let world = World::with("shaky", text);
    assert_eq!(world.run(&["run", "shaky"]).code, 1);
    world.run(&["replay", "@last"]).check(0, "the same: 2 blocks end as recorded\n", "");
    let ran = world.run(&["test", "--from", "@last", "--write"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    world.run(&["test"]).check(0, "1 passed", "");
}
