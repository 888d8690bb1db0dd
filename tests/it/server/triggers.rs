//! What starts runs by itself: signed calls, events, schedules, calls of the API.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use blueprint_model::secret::Bytes;
use blueprint_project::{environment::Environment, project::Project, secrets::now, store};
use serde_json::{Value, json};
use tests::served::{self, Answer, Served};
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "example-hook-key-0123456789";

const HOOKS: &str = r#"
name: orders
inputs:
  order: {type: integer, required: true}
  note: {type: string, default: none}
triggers:
  - type: webhook
    signing_key: "@{vault.HOOK_KEY}"
    inputs: {order: "@{payload.order.id}", note: "@{payload.note?}"}
blocks:
  say: {type: return_value, value: "order @{inputs.order}, @{inputs.note}"}
"#;

const OPEN: &str = r#"
name: open
triggers:
  - {type: webhook}
  - {type: webhook, id: form, start: second}
blocks:
  first: {type: log_message, message: first, next: second}
  second: {type: return_value, value: '@{payload.a ?? "nothing"} @{results.first ?? "alone"}'}
"#;

/// A process that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn serve(folder: &std::path::Path, blueprints: &[(&str, &str)]) -> Served {
    served::write(folder, served::SETTINGS, blueprints);
    Served::with(folder, &[("BLUEPRINT_SECRET_HOOK_KEY", KEY)]).await
}

/// Signs with HMAC-SHA-256.
fn sign(data: &str) -> String {
    let all = blueprint_vault::derivations();
    let hmac = all.iter().find(|function| function.name == "hmac_sha256").unwrap();
    let made = (hmac.compute)(&[Bytes::text(KEY), Bytes::text(data)]).unwrap();
    format!("sha256={}", *made.to_text())
}

/// Sends a call that is signed as of so many seconds ago.
async fn call(served: &Served, path: &str, body: &str, ago: i64) -> Answer {
    let time = (now().as_second() - ago).to_string();
    let signature = sign(&format!("{time}.{body}"));
    let headers = [
        ("content-type", "application/json"),
        ("x-blueprint-timestamp", time.as_str()),
        ("x-blueprint-signature", signature.as_str()),
    ];
    served.send("POST", path, &headers, body).await
}

/// Asks again and again until what is asked for is there.
async fn until(served: &Served, path: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    let asked = async {
        loop {
            let answer = served.get(path).await.json();
            if is_there(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asked).await.expect("it comes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_call_starts_a_run_once() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), &[("orders", HOOKS)]).await;
    let (path, body) = ("/hooks/orders?wait=30s", r#"{"order": {"id": 7}}"#);
    let time = now().as_second().to_string();
    let signature = sign(&format!("{time}.{body}"));
    let headers =
        [("x-blueprint-timestamp", &*time), ("x-blueprint-signature", signature.as_str())];
    let first = served.send("POST", path, &headers, body).await;
    assert_eq!((first.status, &first.json()["value"]), (200, &json!("order 7, none")));
    let again = served.send("POST", path, &headers, body).await;
    assert_eq!(again.json()["run"], first.json()["run"], "a delivery is known again");
    let github = [("x-hub-signature-256", &*sign(body))];
    let other = served.send("POST", "/hooks/orders/webhook-1?wait=30s", &github, body).await;
    assert_eq!((other.status, &other.json()["value"]), (200, &json!("order 7, none")));
    assert_ne!(other.json()["run"], first.json()["run"]);

    let seen = [("x-hub-signature-256", signature.as_str())];
    let form = served.send("POST", path, &seen, &format!("{time}.{body}")).await;
    assert_eq!(
        form.status, 401,
        "a call that was seen is not taken in the other form: {}",
        form.body
    );

    let wrong = served.send("POST", path, &headers, r#"{"order": {"id": 8}}"#).await;
    let old = call(&served, path, body, 400).await;
    let unsigned = served.send("POST", path, &[], body).await;
    let lacking = call(&served, path, r#"{"order": {}}"#, 0).await;
    let statuses = [&wrong, &old, &unsigned, &lacking].map(|answer| answer.status);
    assert_eq!(statuses, [401, 401, 401, 422]);
    assert!(lacking.body.contains("has no `id`"), "{}", lacking.body);
    assert_eq!(served.send("POST", "/hooks/gone", &[], body).await.status, 404);

    let runs = served.get("/api/v1/runs").await;
    let triggers = served.get("/api/v1/triggers").await;
    let listed = &triggers.json()["triggers"][0];
    assert_eq!((&listed["kind"], &listed["signing_key"]), (&json!("webhook"), &json!("HOOK_KEY")));
    assert_eq!(listed["last_run"]["phase"], "succeeded");
    for answer in [&first, &again, &wrong, &old, &unsigned, &lacking, &runs, &triggers] {
        assert!(!answer.body.contains(KEY), "the key never leaves");
    }
    served.stop().await;
    let audit = std::fs::read_to_string(folder.path().join(".blueprint/audit.jsonl")).unwrap();
    assert!(audit.contains("hmac_sha256(vault.HOOK_KEY") && !audit.contains(KEY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_without_a_key_takes_what_may_run() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), &[("open", OPEN)]).await;
    assert_eq!(served.post("/hooks/open", &json!({})).await.status, 404, "there are two");
    let whole = served.post("/hooks/open/webhook-1?wait=30s", &json!({"a": 1})).await;
    assert_eq!(whole.json()["value"], "1 first");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let part = served.send("POST", "/hooks/open/form?wait=30s", &form, "a=x%20y&b=2").await;
    assert_eq!(part.json()["value"], "x y alone", "it starts at `second`");
    // The page of somebody else has no rights here.
    let origin = [("content-type", "application/json"), ("origin", "https://evil.example")];
    assert_eq!(served.send("POST", "/hooks/open/form", &origin, "{}").await.status, 401);
    let fired = served.post("/api/v1/triggers/open/form/fire?wait=30s", &json!({"a": 2})).await;
    assert_eq!(fired.json()["value"], "2 alone");
    assert_eq!(served.post("/api/v1/triggers/open/gone/fire", &json!({})).await.status, 404);
    let run = fired.json()["run"].as_str().unwrap().to_owned();
    let why = served.get(&format!("/api/v1/runs/{run}/why/first")).await;
    assert!(why.body.contains("left_out"), "{}", why.body);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_starts_and_answers() {
    let starts = r#"
name: starts
inputs: {order: {type: integer}}
triggers: [{type: event, event: paid, inputs: {order: "@{payload.order}"}}]
blocks:
  say: {type: return_value, value: "@{inputs.order}"}
"#;
    let picky =
        starts.replace("starts", "picky").replace("event: paid", "event: paid, component: till");
    let waits = r#"
name: waits
blocks:
  paid: {type: wait_event, name: paid, next: say}
  say: {type: return_value, value: "@{result}"}
"#;
    let folder = tempfile::tempdir().unwrap();
    let blueprints = [("starts", starts), ("picky", &*picky), ("waits", waits)];
    let served = serve(folder.path(), &blueprints).await;
    assert_eq!(served.post("/api/v1/events/gone", &json!({})).await.status, 404);
    let run = served.post("/api/v1/blueprints/waits/runs", &json!({})).await.json();
    let waiting = format!("/api/v1/runs/{}", run["run"].as_str().unwrap());
    until(&served, &waiting, |run| run["questions"].as_array().is_some_and(|it| !it.is_empty()))
        .await;
    let taken = served.post("/api/v1/events/paid", &json!({"order": 3})).await;
    assert_eq!(taken.status, 202, "{}", taken.body);
    let taken = taken.json();
    assert_eq!(taken["started"].as_array().unwrap().len(), 1, "{taken}");
    assert_eq!(taken["started"][0]["blueprint"], "starts");
    assert_eq!(taken["answered"][0]["run"], run["run"]);
    until(&served, &waiting, |run| run["status"] == "succeeded" || run["phase"] == "succeeded")
        .await;
    let taken = served.post("/api/v1/events/paid?component=till", &json!({"order": 3})).await;
    assert_eq!(taken.json()["started"].as_array().unwrap().len(), 2);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_the_api_has_the_triggers_defaults() {
    let text = r#"
name: hello
inputs: {name: {type: string, required: true}}
triggers: [{type: api, start: greet, inputs: {name: '@{payload.who ?? "world"}'}}]
blocks:
  before: {type: log_message, message: x, next: greet}
  greet: {type: return_value, value: "Hello, @{inputs.name}!"}
"#;
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), &[("hello", text)]).await;
    let path = "/api/v1/blueprints/hello/runs?wait=30s";
    let value = |answer: Answer| answer.json()["value"].clone();
    assert_eq!(value(served.post(path, &json!({})).await), "Hello, world!");
    assert_eq!(value(served.post(path, &json!({"name": "Ann"})).await), "Hello, Ann!");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_fires_and_follows_its_file() {
    let text = |schedule: &str| {
        format!(
            "name: tick\ntriggers: [{{type: cron, schedule: '{schedule}', inputs: {{n: 1}}}}]\n\
             inputs: {{n: {{type: integer}}}}\nblocks:\n  say: {{type: return_value, value: x}}\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), &[("tick", &text("0 0 1 1 *"))]).await;
    let triggers = served.get("/api/v1/triggers").await.json();
    assert_eq!(triggers["triggers"][0]["next"].as_array().unwrap().len(), 5);
    assert_eq!(triggers["triggers"][0]["last_run"], Value::Null);
    served::write(folder.path(), served::SETTINGS, &[("tick", &text("* * * * * *"))]);
    let fired = until(&served, "/api/v1/triggers", |all| {
        all["triggers"][0]["last_run"]["phase"] == "succeeded"
    });
    let first = fired.await["triggers"][0]["last_time"].clone();
    until(&served, "/api/v1/triggers", |all| all["triggers"][0]["last_time"] != first).await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_times_are_made_up_for_once() {
    let text = "name: nightly\ntriggers: [{type: cron, schedule: '30 2 * * *', missed: run_once}]\n\
                blocks:\n  say: {type: return_value, value: x}\n";
    let folder = tempfile::tempdir().unwrap();
    served::write(folder.path(), served::SETTINGS, &[("nightly", text)]);
    let before = json!({"schedule": "30 2 * * * (UTC)", "considered": "2026-01-01T00:00:00Z"});
    {
        let project = Project::of_folder(folder.path()).unwrap();
        let home = folder.path().to_string_lossy().into_owned();
        let environment = Environment::from_pairs(&[("HOME", &home)]);
        let journal = store::open(&project, &environment).unwrap();
        journal.put_note("trigger/nightly/cron-1", Some(&before)).await.unwrap();
    }
    for _ in 0..2 {
        let served = Served::start(folder.path()).await;
        until(&served, "/api/v1/triggers", |all| {
            all["triggers"][0]["last_run"]["phase"] == "succeeded"
        })
        .await;
        let runs = served.get("/api/v1/runs").await.json();
        assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{runs}");
        served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_scripts_leave_the_others_their_threads() {
    let spin = "name: spin\nblocks:\n  spin: {type: code, code: 'while true {}'}\n";
    let hello = "name: hello\nblocks:\n  greet: {type: return_value, value: hello}\n";
    let settings = "name: served\nsandbox: worker\nstore: {flush: off}\n\
                    limits: {script_operations: 1000000000000, script_time: 120s}\n";
    let folder = tempfile::tempdir().unwrap();
    served::write(folder.path(), settings, &[("spin", spin), ("hello", hello)]);
    let mut program = Program(
        Command::new(env!("CARGO_BIN_EXE_blueprint-under-test"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .env("TOKIO_WORKER_THREADS", "2")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let stderr = BufReader::new(program.0.stderr.take().unwrap());
    let mut lines = stderr.lines().map(|line| line.unwrap());
    let told = lines.find_map(|line| Some(line.split_once("http://")?.1.to_owned()));
    let address = told.unwrap().split('/').next().unwrap().parse().unwrap();
    let json = [("content-type", "application/json")];
    for _ in 0..4 {
        let mut client = served::Client::connect(address).await.unwrap();
        let answer =
            client.send("POST", "/api/v1/blueprints/spin/runs", &json, "{}").await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    // A blocked thread would keep these for as long as a script may run.
    for _ in 0..5 {
        let began = Instant::now();
        let mut client = served::Client::connect(address).await.unwrap();
        let path = "/api/v1/blueprints/hello/runs?wait=30s";
        let run = client.send("POST", path, &json, "{}").await.unwrap();
        assert_eq!(run.json()["value"], "hello");
        assert_eq!(client.send("GET", "/healthz", &[], "").await.unwrap().status, 200);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
