//! Pages about blueprints and runs: what they show, what they start, and what is never in them.

use std::path::Path;

use serde_json::{Value, json};
use tests::served::{self, Answer, Served};

const GREET: &str = "\
name: greet
inputs:
  name: {type: string, default: world, title: Whom to greet}
  times: {type: integer, minimum: 1, default: 1}
blocks:
  route: {type: if_else, expression: inputs.times > 3, next: {then: many, else: once}}
  many: {type: log_message, message: many}
  once: {type: return_value, value: 'Hello, @{inputs.name}!'}
";

const ASK: &str = "\
name: ask
blocks:
  ask:
    type: approval
    message: Shall it?
    form: {code: {type: string, required: true, pattern: '^[A-Z]+$'}}
    next: {approved: yes_it_is, rejected: no_it_is_not}
  yes_it_is: {type: return_value, value: '@{results.ask.form.code}'}
  no_it_is_not: {type: return_value, value: no}
";

const SECRET: &str = "\
name: secret
secrets: {KEY: {hosts: [api.example]}}
blocks:
  make: {type: code, code: 'set_output(#{header: `Bearer ${vault.get(\"KEY\")}`});', secrets: [KEY]}
";

const VALUE: &str = "example-not-a-secret-5f2";

async fn start(folder: &Path) -> Served {
    let blueprints = [("greet", GREET), ("ask", ASK), ("secret", SECRET)];
    served::write(folder, served::SETTINGS, &blueprints);
    Served::with(folder, &[("BLUEPRINT_SECRET_KEY", VALUE)]).await
}

/// Sends a form of a page, with the text that a page of ours has.
async fn submit(served: &Served, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
    let shown = served.get(page).await.body;
    let csrf = between(&shown, "name=\"_csrf\" value=\"", "\"").to_owned();
    let fields = fields.iter().map(|(name, value)| format!("&{name}={value}"));
    let body = format!("_csrf={csrf}{}", fields.collect::<String>());
    let origin = served.base();
    let kind = "application/x-www-form-urlencoded";
    let headers = [("content-type", kind), ("origin", origin.as_str())];
    served.send("POST", action, &headers, &body).await
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or("", |(inner, _)| inner)
}

/// Waits for the end of a run.
async fn ended(served: &Served, run: &str) {
    let path = format!("/api/v1{run}");
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while tokio::time::Instant::now() < until {
        let phase = served.get(&path).await.json();
        let is_over = ["succeeded", "failed", "cancelled"]
            .iter()
            .any(|over| phase.to_string().contains(over));
        if is_over {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("run {run} has not ended");
}

/// Starts a blueprint through the API and waits for its end; returns the path of the run's page.
async fn run(served: &Served, name: &str, inputs: &Value) -> String {
    let path = format!("/api/v1/blueprints/{name}/runs?wait=30s");
    let answer = served.post(&path, inputs).await.json();
    format!("/runs/{}", answer["run"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_starts_a_run_and_its_page_says_why_a_block_was_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let served = start(folder.path()).await;
    let page = "/blueprints/greet";
    let wrong = submit(&served, page, page, &[("in.times", "often"), ("in.name", "Ann")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("must be a whole number"), "{}", wrong.body);
    assert!(wrong.body.contains("value=\"Ann\""), "what was typed is kept");
    let low = submit(&served, page, page, &[("in.times", "0")]).await;
    assert!(low.status == 422 && low.body.contains("aria-invalid=\"true\""), "{}", low.body);
    let started = submit(&served, page, page, &[("in.times", "2"), ("in.name", "Ann")]).await;
    assert_eq!(started.status, 303, "{}", started.body);
    let run = started.header("location").to_owned();
    ended(&served, &run).await;
    let shown = served.get(&format!("{run}?block=many")).await.body;
    assert!(shown.contains("It was skipped.") && shown.contains("ended with else"), "{shown}");
    assert!(served.get(&run).await.body.contains("Hello, Ann!"));
    for view in ["graph", "timeline", "list"] {
        let shown = served.get(&format!("{run}/view?view={view}")).await;
        assert!(shown.status == 200 && shown.body.contains("data-block=\"once\""), "{view}");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_answers_on_the_page_and_what_does_not_fit_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let served = start(folder.path()).await;
    let started = submit(&served, "/blueprints/greet", "/blueprints/ask", &[]).await;
    let run = started.header("location").to_owned();
    let page = format!("{run}?block=ask");
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !served.get(&page).await.body.contains("Approve") {
        assert!(tokio::time::Instant::now() < until, "it asks");
        tokio::task::yield_now().await;
    }
    assert!(served.get("/").await.body.contains("Shall it?"), "the start page says who waits");
    let answer = format!("{run}/answer");
    let fields = |code| [("block", "ask"), ("verdict", "approved"), ("in.code", code)];
    let wrong = submit(&served, &page, &answer, &fields("low")).await;
    assert!(wrong.status == 422 && wrong.body.contains("value=\"low\""), "{}", wrong.body);
    let right = submit(&served, &page, &answer, &fields("UP")).await;
    assert_eq!(right.status, 303, "{}", right.body);
    ended(&served, &run).await;
    assert!(served.get(&run).await.body.contains("UP"));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_what_changed_and_goes_on_where_a_client_was() {
    let folder = tempfile::tempdir().unwrap();
    let served = start(folder.path()).await;
    let run = run(&served, "greet", &json!({"times": 9})).await;
    let all = served.get(&format!("{run}/stream")).await;
    assert_eq!(all.header("content-type"), "text/event-stream");
    let data: Value = serde_json::from_str(between(&all.body, "data: ", "\n")).unwrap();
    assert_eq!((&data["ended"], &data["phase"]), (&json!(true), &json!("succeeded")));
    let ids = |data: &Value| -> Vec<String> {
        let rows = data["rows"].as_array().unwrap();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&data), ["route", "many", "once"]);
    let id = between(&all.body, "id: ", "\n").to_owned();
    let headers = [("last-event-id", id.as_str())];
    let rest = served.send("GET", &format!("{run}/stream"), &headers, "").await;
    let data: Value = serde_json::from_str(between(&rest.body, "data: ", "\n")).unwrap();
    assert!(ids(&data).is_empty() && data["ended"] == true, "{data}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_holds_a_secret_or_anything_that_the_policy_forbids() {
    let folder = tempfile::tempdir().unwrap();
    let served = start(folder.path()).await;
    let run = run(&served, "secret", &json!({})).await;
    let pages = [
        "/".to_owned(),
        "/blueprints".into(),
        "/blueprints/secret?block=make".into(),
        "/blueprints/lost".into(),
        "/runs?state=succeeded&since=7d".into(),
        "/runs?state=lost".into(),
        run.clone(),
        format!("{run}?block=make"),
        format!("{run}?view=list"),
        format!("{run}?view=timeline"),
        format!("{run}/panel?block=make"),
        format!("{run}/result?block=make"),
        format!("{run}/stream"),
        format!("{run}/compare"),
    ];
    for page in &pages {
        let shown = served.get(page).await;
        assert!(!shown.body.contains(VALUE), "{page} holds the value");
        for forbidden in ["style=\"", "<style", " onclick", " onload", "javascript:", "hx-on"] {
            assert!(!shown.body.contains(forbidden), "{page} has {forbidden}");
        }
        let scripts = shown.body.matches("<script").count();
        assert_eq!(scripts, shown.body.matches("<script src=\"/assets/").count(), "{page}");
    }
    let result = served.get(&format!("{run}/result?block=make")).await;
    assert!(result.body.contains("⟨vault.KEY⟩"), "{}", result.body);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_faulty_file_shows_what_is_in_force_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let served = start(folder.path()).await;
    let file = folder.path().join("blueprints/greet.yaml");
    std::fs::write(&file, GREET.replace("if_else", "if_elze")).unwrap();
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let shown = served.get("/blueprints/greet").await.body;
        if shown.contains("The last version without any is in force.") {
            assert!(shown.contains("if_elze") && shown.contains("data-block=\"once\""), "{shown}");
            break;
        }
        assert!(tokio::time::Instant::now() < until, "the change is seen");
        tokio::task::yield_now().await;
    }
    served.stop().await;
}
