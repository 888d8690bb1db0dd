//! The JSON API: starts and their keys, lists, answers, and what is said of wrong requests.

use serde_json::{Value, json};
use tests::served::{self, Answer, Served};

const HELLO: &str = "\
name: hello
description: Greets somebody.
inputs:
  name: {type: string, default: world}
blocks:
  greet: {type: return_value, value: 'Hello, @{inputs.name}!'}
";

const FAILS: &str = "\
name: fails
blocks:
  first: {type: code, code: '1', next: {success: stop}}
  stop: {type: fail, message: 'no more', next: {}}
  never: {type: log_message, message: x}
";

const ASKS: &str = "\
name: asks
blocks:
  ask:
    type: approval
    message: 'Pay?'
    form: {amount: {type: integer, required: true}}
    next: {approved: done, rejected: no}
  done: {type: return_value, value: '@{result}'}
  no: {type: return_value, value: 'not paid'}
";

const WAITS: &str = "\
name: waits
blocks:
  paid: {type: wait_event, name: order-paid, next: {success: done}}
  done: {type: return_value, value: '@{result}'}
";

const BROKEN: &str = "name: broken\nblocks:\n  a: {type: code, code: '1', next: {success: b}}\n";

/// A project with all of them, served.
struct Place {
    served: Served,
    _folder: tempfile::TempDir,
}

impl Place {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blueprints = [
            ("hello", HELLO),
            ("fails", FAILS),
            ("asks", ASKS),
            ("waits", WAITS),
            ("broken", BROKEN),
        ];
        served::write(folder.path(), served::SETTINGS, &blueprints);
        Self { served: Served::start(folder.path()).await, _folder: folder }
    }

    async fn get(&self, path: &str) -> Answer {
        self.served.get(&format!("/api/v1{path}")).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.served.post(&format!("/api/v1{path}"), body).await
    }

    /// Starts a run and returns its id.
    async fn start(&self, blueprint: &str) -> String {
        let answer = self.post(&format!("/blueprints/{blueprint}/runs"), &json!({})).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.json()["run"].as_str().unwrap().to_owned()
    }

    /// Waits until a run is as it shall be.
    async fn until(&self, run: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..600 {
            last = self.get(&format!("/runs/{run}")).await.json();
            if is_so(&last) {
                return last;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it never is: {last}");
    }
}

/// Returns the problem that an answer is.
#[track_caller]
fn problem(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert!(problem["detail"].is_string() && problem["title"].is_string(), "{problem}");
    problem
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blueprints_are_listed_with_what_is_wrong_with_them() {
    let place = Place::open().await;
    let list = place.get("/blueprints").await.json();
    let names: Vec<&str> = list["blueprints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["asks", "broken", "fails", "hello", "waits"]);
    let hello = place.get("/blueprints/hello").await.json();
    assert_eq!(hello["description"], "Greets somebody.");
    assert_eq!(hello["inputs"]["properties"]["name"]["default"], "world");
    assert_eq!(place.get("/blueprints/hello/source").await.body, HELLO);
    let graph = place.get("/blueprints/asks/graph").await.json();
    assert_eq!(graph["edges"][0]["outcome"], "approved");
    for (format, begin) in [("svg", "<svg"), ("mermaid", "flowchart"), ("dot", "digraph")] {
        let picture = place.get(&format!("/blueprints/asks/graph?format={format}")).await;
        assert!(picture.body.contains(begin), "{format}: {}", picture.body);
    }
    let check = place.get("/blueprints/broken/check").await.json();
    assert_eq!(check["state"], "faulty");
    let fault = &check["diagnostics"][0];
    assert_eq!((&fault["code"], &fault["line"]), (&json!("BP0301"), &json!(3)), "{check}");
    problem(&place.get("/blueprints/broken/graph").await, 409);
    problem(&place.post("/blueprints/broken/runs", &json!({})).await, 409);
    let near = problem(&place.get("/blueprints/helo").await, 404);
    assert_eq!(near["hint"], "did you mean `hello`?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_starts_a_run_once() {
    let place = Place::open().await;
    let path = "/api/v1/blueprints/hello/runs?wait=30s";
    let headers = [("content-type", "application/json"), ("idempotency-key", "order-17")];
    let first = place.served.send("POST", path, &headers, "{\"name\": \"Ann\"}").await;
    let again = place.served.send("POST", path, &headers, "{\"name\": \"Ann\"}").await;
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.json()["run"], again.json()["run"]);
    assert_eq!(again.json()["value"], "Hello, Ann!");
    assert_eq!(first.header("idempotent-replayed"), "");
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = place.served.send("POST", path, &headers, "{\"name\": \"Bob\"}").await;
    assert_eq!(problem(&other, 409)["code"], "BP0510");
    let headers = [("content-type", "application/json"), ("idempotency-key", "")];
    problem(&place.served.send("POST", path, &headers, "{}").await, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_told_how_the_run_ended() {
    let place = Place::open().await;
    let failed = place.post("/blueprints/fails/runs?wait=30s", &json!({})).await;
    let failed = problem(&failed, 422);
    assert_eq!(failed["code"], "BP0501");
    assert_eq!(failed["run"]["status"], "failed");
    assert_eq!(failed["run"]["error"]["block"], "stop");
    let run = failed["run"]["run"].as_str().unwrap();
    problem(&place.get(&format!("/runs/{run}/value")).await, 422);
    let open = place.post("/blueprints/waits/runs?wait=100ms", &json!({})).await;
    assert_eq!((open.status, &open.json()["status"]), (202, &json!("running")));
    let location = open.header("location").to_owned();
    let run = open.json()["run"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/api/v1/runs/{run}"));
    problem(&place.get(&format!("/runs/{run}/value")).await, 409);
    let short = &run[run.len() - 6..];
    assert_eq!(place.get(&format!("/runs/{short}")).await.json()["run"], json!(run));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_listed_page_by_page() {
    let place = Place::open().await;
    for _ in 0..5 {
        place.post("/blueprints/hello/runs?wait=30s", &json!({})).await;
    }
    place.post("/blueprints/fails/runs?wait=30s", &json!({})).await;
    let mut seen = Vec::new();
    let mut before = String::new();
    loop {
        let path = format!("/runs?blueprint=hello&limit=2{before}");
        let page = place.get(&path).await.json();
        let runs = page["runs"].as_array().unwrap();
        seen.extend(runs.iter().map(|run| run["run"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|one, next| one > next), "the newest first: {seen:?}");
    let failed = place.get("/runs?status=failed,cancelled&since=1h").await.json();
    assert_eq!(failed["runs"].as_array().unwrap().len(), 1);
    assert_eq!(failed["runs"][0]["trigger"], "api");
    for query in ["status=fine", "limit=0", "limit=9999", "since=soon", "colour=red", "limit=-1"] {
        problem(&place.get(&format!("/runs?{query}")).await, 400);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_is_answered() {
    let place = Place::open().await;
    let run = place.start("asks").await;
    let asked = place.until(&run, |run| run["questions"] != json!([])).await;
    assert_eq!(asked["questions"][0]["name"], "Pay?");
    let body = json!({"form": {"amount": "x"}});
    let wrong = place.post(&format!("/runs/{run}/approve"), &body).await;
    assert_eq!(problem(&wrong, 422)["code"], "BP0507");
    let body = json!({"by": "Ann", "form": {"amount": 12}});
    let approved = place.post(&format!("/runs/{run}/approve"), &body).await;
    assert_eq!(approved.status, 202, "{}", approved.body);
    let ended = place.until(&run, |run| run["end"] != Value::Null).await;
    assert_eq!(ended["end"]["value"]["form"], json!({"amount": 12}));
    let late = place.post(&format!("/runs/{run}/approve"), &body).await;
    problem(&late, 409);
    let run = place.start("asks").await;
    place.until(&run, |run| run["questions"] != json!([])).await;
    place.post(&format!("/runs/{run}/reject"), &json!({"note": "too much"})).await;
    let ended = place.until(&run, |run| run["end"] != Value::Null).await;
    assert_eq!(ended["end"]["value"], "not paid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_sent_to_one_run() {
    let place = Place::open().await;
    let (one, other) = (place.start("waits").await, place.start("waits").await);
    place.until(&one, |run| run["questions"] != json!([])).await;
    problem(&place.post(&format!("/runs/{one}/send"), &json!({"event": "order-sent"})).await, 409);
    problem(&place.post(&format!("/runs/{one}/send"), &json!({"payload": 1})).await, 422);
    let body = json!({"event": "order-paid", "payload": {"order": 17}});
    assert_eq!(place.post(&format!("/runs/{one}/send"), &body).await.status, 202);
    let ended = place.until(&one, |run| run["end"] != Value::Null).await;
    assert_eq!(ended["end"]["value"], json!({"order": 17}));
    assert_eq!(place.get(&format!("/runs/{other}")).await.json()["end"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_cancelled_and_retried() {
    let place = Place::open().await;
    let run = place.start("waits").await;
    assert_eq!(place.post(&format!("/runs/{run}/cancel"), &json!({})).await.status, 202);
    place.until(&run, |run| run["status"] == "cancelled").await;
    problem(&place.post(&format!("/runs/{run}/cancel"), &json!({})).await, 409);
    problem(&place.post(&format!("/runs/{run}/resume"), &json!({})).await, 409);
    let first = place.post("/blueprints/fails/runs?wait=30s", &json!({})).await.json();
    let first = first["run"]["run"].as_str().unwrap().to_owned();
    let again = place.post(&format!("/runs/{first}/retry?wait=30s"), &json!({})).await;
    let again = problem(&again, 422)["run"]["run"].as_str().unwrap().to_owned();
    assert_eq!(place.get(&format!("/runs/{again}")).await.json()["retry_of"], json!(first));
    let from = place.post(&format!("/runs/{first}/retry?from=stop&wait=30s"), &json!({})).await;
    let from = problem(&from, 422)["run"]["run"].as_str().unwrap().to_owned();
    assert_eq!(place.get(&format!("/runs/{from}")).await.json()["retry_of"], json!(first));
    problem(&place.post(&format!("/runs/{first}/retry?from=nobody"), &json!({})).await, 422);
    let diff = place.get(&format!("/runs/{first}/diff/{again}")).await.json();
    assert_eq!((&diff["same_text"], &diff["differences"]), (&json!(true), &json!([])));
    let why = place.get(&format!("/runs/{first}/why/stop")).await.json();
    assert_eq!(why["facts"]["stands"]["outcome"], "error");
    assert!(why["sentences"][0].as_str().unwrap().starts_with("join any"), "{why}");
    problem(&place.get(&format!("/runs/{first}/why/nobody")).await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_requests_are_problems() {
    let place = Place::open().await;
    let runs = "/api/v1/blueprints/hello/runs";
    let json_headers = [("content-type", "application/json")];
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (body, status) in
        [("{", 400), ("[1]", 422), ("{\"name\": 1}", 422), (deep.as_str(), 400), ("\u{0}", 400)]
    {
        problem(&place.served.send("POST", runs, &json_headers, body).await, status);
    }
    let text = [("content-type", "text/plain")];
    problem(&place.served.send("POST", runs, &text, "{}").await, 415);
    problem(&place.post("/blueprints/hello/runs?wait=soon", &json!({})).await, 400);
    problem(&place.post("/blueprints/hello/runs?color=red", &json!({})).await, 400);
    problem(&place.served.send("DELETE", "/api/v1/runs", &[], "").await, 405);
    for path in ["/nothing", "/runs/nothing", "/runs/%00", "/runs/nothing/events"] {
        problem(&place.get(path).await, 404);
    }
    for path in ["/blueprints/%ff", "/runs?limit=%ff", "/runs?limit=99999999999999999999999"] {
        problem(&place.get(path).await, 400);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_of_the_document_answers() {
    let place = Place::open().await;
    let document = place.get("/openapi.json").await.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "hello").replace('{', "x").replace('}', "");
        for (method, operation) in methods.as_object().unwrap() {
            let headers = [("content-type", "application/json")];
            let answer = place.served.send(&method.to_uppercase(), &path, &headers, "{}").await;
            assert!(answer.status < 500 || answer.status == 503, "{method} {path}: {answer:?}");
            assert_ne!(answer.status, 405, "{method} {path}");
            assert_ne!(answer.body, "there is no such route", "{method} {path}");
            let known = operation["responses"].as_object().unwrap();
            assert!(known.contains_key("default"), "{method} {path} says what may go wrong");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics_are_told() {
    let place = Place::open().await;
    place.post("/blueprints/hello/runs?wait=30s", &json!({})).await;
    assert_eq!(place.served.get("/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(place.served.get("/readyz").await.json(), json!({"status": "ok"}));
    let metrics = place.served.get("/metrics").await;
    for line in [
        "blueprint_runs_started_total 1\n",
        "blueprint_runs_ended_total{status=\"succeeded\"} 1\n",
        "blueprint_runs_under_way 0\n",
        "blueprint_request_duration_seconds_count{method=\"POST\",\
         route=\"/api/v1/blueprints/{name}/runs\",status=\"2xx\"} 1\n",
    ] {
        assert!(metrics.body.contains(line), "{line}{}", metrics.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_holds_the_value_of_a_secret() {
    const VALUE: &str = "example-issued-token-4Hn6";
    const KEEPS: &str = "\
name: keeps
inputs: {note: {type: string, default: ''}}
blocks:
  hold: {type: set_state, path: token, value: 'Bearer @{vault.ACME_KEY}', next: say}
  say: {type: log_message, message: 'with @{vault.ACME_KEY}', next: ask}
  ask: {type: approval, message: 'Send @{state.token}?', next: {approved: done}}
  done: {type: return_value, value: {header: '@{state.token}'}}
state: {token: ''}
";
    let folder = tempfile::tempdir().unwrap();
    served::write(folder.path(), served::SETTINGS, &[("keeps", KEEPS)]);
    let served = Served::with(folder.path(), &[("BLUEPRINT_SECRET_ACME_KEY", VALUE)]).await;
    let place = Place { served, _folder: folder };
    let run = place.start("keeps").await;
    let asked = place.until(&run, |run| run["questions"] != json!([])).await;
    assert_eq!(asked["questions"][0]["name"], "Send Bearer ⟨vault.ACME_KEY⟩?");
    place.post(&format!("/runs/{run}/approve"), &json!({})).await;
    let ended = place.until(&run, |run| run["end"] != Value::Null).await;
    assert_eq!(ended["end"]["value"], json!({"header": "Bearer ⟨vault.ACME_KEY⟩"}));
    let from = place.post(&format!("/runs/{run}/retry?from=done&wait=30s"), &json!({})).await;
    assert_eq!(from.json()["value"], ended["end"]["value"], "{}", from.body);
    let stream = format!("/api/v1/runs/{run}/events");
    let headers = [("accept", "text/event-stream")];
    let mut answers = vec![place.served.send("GET", &stream, &headers, "").await, from];
    for path in [
        "/blueprints/keeps".to_owned(),
        "/secrets".to_owned(),
        format!("/runs/{run}"),
        format!("/runs/{run}/value"),
        format!("/runs/{run}/events"),
        format!("/runs/{run}/diff/@last"),
        format!("/runs/{run}/why/done"),
    ] {
        answers.push(place.get(&path).await);
    }
    answers.push(place.served.get("/metrics").await);
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let text = format!("{:?} {}", answer.headers, answer.body);
        assert!(!text.contains(VALUE) && !text.contains("4Hn6"), "{text}");
    }
}
