//! `serve` and `token` as programs: what they print, and what they never do.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
};

use serde_json::{Value, json};
use tests::served::Client;

use super::program::{Folder, HELLO, finish, signal};

const MARKER: &str = "example-marker-4c1d7e";
const SETTINGS: &str = "name: served\nsandbox: inline\nstore: {flush: off}\n";

fn project() -> Folder {
    let folder = Folder::with(&[("project.yaml", SETTINGS)]);
    fs::create_dir(folder.path("blueprints")).unwrap();
    folder.write("blueprints/hello.yaml", HELLO.as_bytes());
    folder
}

#[test]
fn a_token_is_shown_once() {
    let folder = project();
    folder.run(&["token", "list"]).check(0, "", "there is no token");
    let made = folder.run(&["token", "create", "ci", "--scope", "read,run"]);
    made.check(0, "bp_", "made the token ci (read,run)");
    let text = made.out.trim();
    assert!(made.out.lines().count() == 1 && text.len() == 55 && !made.err.contains(text));
    let listed = folder.run(&["token", "list"]);
    listed.check(0, "ci  ", "");
    let as_json = folder.run(&["token", "list", "--json"]);
    let rows: Value = serde_json::from_str(&as_json.out).unwrap();
    assert_eq!((&rows[0]["name"], &rows[0]["scopes"]), (&json!("ci"), &json!(["read", "run"])));
    for shown in [&listed.out, &as_json.out] {
        assert!(!shown.contains(&text[12..]), "{shown}");
    }
    let id = rows[0]["id"].as_str().unwrap();
    folder.run(&["token", "create", "ci"]).check(2, "", "there is a token `ci` already");
    folder.run(&["token", "create", "x", "--scope", "all"]).check(2, "", "read, run, secrets");
    folder.run(&["token", "create", ""]).check(2, "", "1 to 64 printable characters");
    folder.run(&["token", "revoke", "cii"]).check(2, "", "did you mean `ci`?");
    folder.run(&["token", "revoke", id]).check(0, "", "everybody may do all again");
    assert_eq!(folder.run(&["token", "list", "--json"]).out.trim(), "[]");
}

#[test]
fn others_than_this_machine_need_a_token_before_it_serves() {
    let folder = project();
    let refused = folder.run(&["serve", "--listen", "0.0.0.0:0"]);
    refused.check(2, "", "blueprint token create NAME --scope admin");
}

#[test]
fn what_goes_wrong_inside_is_written_and_holds_no_value() {
    let folder = project();
    folder.run(&["vault", "init"]).check(0, "", "made the vault");
    let mut child = folder.command(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut story = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    story.read_line(&mut first).unwrap();
    let address = first.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.expect(&first).parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = Client::connect(address).await.unwrap();
        let mut set = async |body: &str| {
            let headers = [("content-type", "application/json")];
            client.send("PUT", "/api/v1/secrets/ACME_KEY", &headers, body).await.unwrap()
        };
        let body = json!({"value": MARKER}).to_string();
        assert_eq!(set(&body).await.status, 201);
        assert_eq!(set(&format!("{{\"{MARKER}\": 1}}")).await.status, 422);
        // A vault that cannot be read: what happened inside is for who runs the server.
        fs::remove_file(folder.path(".blueprint/vault")).unwrap();
        fs::create_dir(folder.path(".blueprint/vault")).unwrap();
        let answer = set(&body).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.json()["detail"], "the server could not do this");
    });
    signal(child.id(), "TERM");
    let mut told = String::new();
    story.read_to_string(&mut told).unwrap();
    let ran = finish(child);
    assert!(told.contains(" error: cannot read"), "{told}");
    for text in [&first, &told, &ran.out] {
        assert!(!text.contains(MARKER), "{text}");
    }
}
