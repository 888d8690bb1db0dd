//! Secrets over HTTP: a value comes in once, and is in the encrypted vault and nowhere else.

use std::{fs, path::Path};

use blueprint_vault::{FileVault, KeySource};
use serde_json::{Value, json};
use tests::served::{self, Answer, Served};

const SETTINGS: &str = "name: served\nsandbox: inline\nvault: [file, env]\nstore: {flush: off}\n";
const MARKER: &str = "example-marker-7f3a9c";
const OTHER: &str = "example-other-marker-51be02";
const JSON: (&str, &str) = ("content-type", "application/json");

const SEND: &str = "\
name: send
blocks:
  check:
    type: code
    code: 'base64(vault.ACME_KEY); 1'
    secrets: [ACME_KEY]
    next: end
  end: {type: return_value, value: done}
";

const NEEDS: &str = "\
name: needs
blocks:
  ask:
    type: http_request
    url: https://api.acme.example/
    headers: {Authorization: 'Bearer @{vault.MISSING_KEY}'}
";

/// A served project with an empty vault, and every answer that came from it.
struct Stage {
    folder: tempfile::TempDir,
    served: Served,
    answers: Vec<Answer>,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        served::write(folder.path(), SETTINGS, &[("send", SEND), ("needs", NEEDS)]);
        let keys = folder.path().join(".config/blueprint/keys");
        FileVault::init(folder.path().join(".blueprint/vault"), KeySource::Folder(keys)).unwrap();
        let variables = [("BLUEPRINT_SECRET_FROM_ENV", "example-of-the-environment")];
        let served = Served::with(folder.path(), &variables).await;
        Self { folder, served, answers: Vec::new() }
    }

    async fn send(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.served.send(method, path, &[JSON], &body).await;
        self.answers.push(answer.clone());
        answer
    }

    async fn set(&mut self, name: &str, value: &str) -> Answer {
        self.send("PUT", &format!("/api/v1/secrets/{name}"), &json!({"value": value})).await
    }

    async fn one(&mut self, name: &str) -> Value {
        let answer = self.send("GET", &format!("/api/v1/secrets/{name}"), &Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Stops the server and looks for values where none may be.
    async fn end(self, values: &[&str]) {
        self.served.stop().await;
        for value in values {
            for answer in &self.answers {
                assert!(!answer.body.contains(value), "{}", answer.body);
                assert!(answer.headers.values().all(|header| !header.contains(value)));
            }
            search(self.folder.path(), value);
        }
    }
}

#[track_caller]
fn search(folder: &Path, value: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, value);
        } else if let Ok(bytes) = fs::read(&path) {
            let is_there = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!is_there, "a value is in {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_goes_in_and_is_used_by_the_next_run() {
    let mut stage = Stage::new().await;
    let run = "/api/v1/blueprints/send/runs?wait=30s";
    let refused = stage.send("POST", run, &json!({})).await;
    assert_eq!(refused.json()["code"], "BP0604", "{}", refused.body);
    assert_eq!(stage.one("ACME_KEY").await["state"], "missing");

    let first = stage.set("ACME_KEY", MARKER).await;
    assert_eq!((first.status, first.json()), (201, json!({"name": "ACME_KEY", "version": 1})));
    let done = stage.send("POST", run, &json!({})).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let second = stage.set("ACME_KEY", OTHER).await;
    assert_eq!((second.status, second.json()), (200, json!({"name": "ACME_KEY", "version": 2})));
    assert_eq!(stage.send("POST", run, &json!({})).await.status, 200);

    let found = stage.one("ACME_KEY").await;
    assert_eq!((&found["state"], &found["version"]), (&json!("set"), &json!(2)));
    assert_eq!(found["provider"], "file");
    assert_eq!(found["used_by"][0]["block"], "check");
    let gone = stage.send("DELETE", "/api/v1/secrets/ACME_KEY", &Value::Null).await;
    assert_eq!((gone.status, &gone.json()["used_by"][0]["blueprint"]), (200, &json!("send")));
    let refused = stage.send("POST", run, &json!({})).await;
    assert_eq!(refused.json()["code"], "BP0604", "{}", refused.body);
    let again = stage.send("DELETE", "/api/v1/secrets/ACME_KEY", &Value::Null).await;
    assert_eq!(again.status, 404);
    stage.end(&[MARKER, OTHER]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_says_what_is_missing_unused_and_not_changed_here() {
    let mut stage = Stage::new().await;
    stage.set("SPARE_KEY", MARKER).await;
    let body = json!({"value": OTHER, "hosts": ["api.acme.example", "*.acme.example:8443"]});
    let set = stage.send("PUT", "/api/v1/secrets/ACME_KEY", &body).await;
    assert_eq!(set.status, 201, "{}", set.body);
    let list = stage.send("GET", "/api/v1/secrets", &Value::Null).await.json();
    let rows: Vec<(&str, &str)> = list["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["state"].as_str().unwrap()))
        .collect();
    let expected = [
        ("ACME_KEY", "set"),
        ("FROM_ENV", "read_only"),
        ("MISSING_KEY", "missing"),
        ("SPARE_KEY", "unused"),
    ];
    assert_eq!(rows, expected);
    assert_eq!(list["has_vault"], true);
    let hosts = &list["secrets"][0]["policy"]["hosts"];
    assert_eq!(*hosts, json!(["api.acme.example", "*.acme.example:8443"]));
    // A new value keeps what is set about its hosts.
    stage.set("ACME_KEY", MARKER).await;
    assert_eq!(&stage.one("ACME_KEY").await["policy"]["hosts"], hosts);
    let used = &list["secrets"][2]["used_by"][0];
    assert_eq!((&used["blueprint"], &used["field"]), (&json!("needs"), &json!("headers")));
    stage.end(&[MARKER, OTHER, "example-of-the-environment"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_will_not_do_is_refused_without_a_word_of_it() {
    let mut stage = Stage::new().await;
    let weak = stage.set("ACME_KEY", "abcdabcd").await;
    assert_eq!((weak.status, &weak.json()["code"]), (422, &json!("BP0605")));
    let forced = json!({"value": "abcdabcd", "force": true});
    assert_eq!(stage.send("PUT", "/api/v1/secrets/ACME_KEY", &forced).await.status, 201);
    assert_eq!(stage.set("ACME_KEY", "").await.status, 422);
    assert_eq!(stage.set("1-NO-NAME", MARKER).await.status, 422);
    let path = "/api/v1/secrets/ACME_KEY";
    for body in [
        format!("{{\"value\": \"{MARKER}\""),
        format!("{{\"value\": [\"{MARKER}\"]}}"),
        format!("{{\"{MARKER}\": 1}}"),
        format!("\"{MARKER}\""),
        format!("{{\"value\": \"{OTHER}\", \"force\": \"{MARKER}\"}}"),
        MARKER.into(),
    ] {
        let answer = stage.served.send("PUT", path, &[JSON], &body).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        stage.answers.push(answer);
    }
    let large = "x".repeat(70_000) + MARKER;
    assert_eq!(stage.set("ACME_KEY", &large).await.status, 422);
    stage.end(&[MARKER, OTHER]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_secret_keeps_its_value_and_takes_no_other_name() {
    let mut stage = Stage::new().await;
    stage.set("OLD_KEY", MARKER).await;
    stage.set("OTHER_KEY", OTHER).await;
    let rename = |name: &str| json!({ "name": name });
    let path = "/api/v1/secrets/OLD_KEY/rename";
    assert_eq!(stage.send("POST", path, &rename("OTHER_KEY")).await.status, 409);
    let done = stage.send("POST", path, &rename("ACME_KEY")).await;
    assert_eq!((done.status, &done.json()["was"]), (200, &json!("OLD_KEY")));
    assert_eq!(stage.send("POST", path, &rename("ACME_KEY_2")).await.status, 404);
    let done = stage.send("POST", "/api/v1/blueprints/send/runs?wait=30s", &json!({})).await;
    assert_eq!(done.status, 200, "{}", done.body);
    stage.end(&[MARKER, OTHER]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_pairs_is_looked_at_by_names_and_stored_whole_or_not_at_all() {
    let mut stage = Stage::new().await;
    stage.set("ACME_KEY", OTHER).await;
    let text = format!("# keys\nACME_KEY={MARKER}\nNEW_KEY=\"{MARKER}-2\"\nEMPTY=\n");
    let path = "/api/v1/secrets";
    let look = stage.send("POST", path, &json!({"text": text, "preview": true})).await.json();
    let expected = json!([
        {"name": "ACME_KEY", "is_there": true},
        {"name": "NEW_KEY", "is_there": false},
    ]);
    assert_eq!(look["secrets"], expected);
    assert_eq!(stage.send("POST", path, &json!({ "text": text })).await.status, 422);
    let weak = format!("{text}WEAK_KEY=abcdabcd\n");
    let weak = stage.send("POST", path, &json!({"text": weak, "existing": "replace"})).await;
    assert_eq!((weak.status, &weak.json()["code"]), (422, &json!("BP0605")));
    assert_eq!(stage.one("ACME_KEY").await["version"], 1, "nothing was stored");
    let done = stage.send("POST", path, &json!({"text": text, "existing": "replace"})).await;
    let expected = json!([{"name": "ACME_KEY", "version": 2}, {"name": "NEW_KEY", "version": 1}]);
    assert_eq!((done.status, &done.json()["secrets"]), (200, &expected));
    let broken = format!("ACME_KEY={MARKER}\n{MARKER} and no pair\n");
    assert_eq!(stage.send("POST", path, &json!({ "text": broken })).await.status, 422);
    stage.end(&[MARKER, OTHER]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_vault_the_answer_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    served::write(folder.path(), SETTINGS, &[("send", SEND)]);
    let served = Served::start(folder.path()).await;
    let path = "/api/v1/secrets/ACME_KEY";
    let answer = served.send("PUT", path, &[JSON], &json!({"value": MARKER}).to_string()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("BP0601")));
    assert!(!answer.body.contains(MARKER));
    let list = served.get("/api/v1/secrets").await.json();
    assert_eq!(list["has_vault"], false);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_secrets_without_end_has_to_wait() {
    let mut stage = Stage::new().await;
    let mut client = stage.served.connect().await.unwrap();
    let body = json!({"value": MARKER}).to_string();
    let mut refused = None;
    for _ in 0..200 {
        let answer = client.send("DELETE", "/api/v1/secrets/NO_KEY", &[JSON], &body).await.unwrap();
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a bound");
    assert_eq!((refused.header("retry-after"), &refused.json()["code"]), ("1", &json!("BP0705")));
    // Looking is not bounded.
    assert_eq!(stage.send("GET", "/api/v1/secrets", &Value::Null).await.status, 200);
    stage.end(&[MARKER]).await;
}
