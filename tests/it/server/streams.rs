//! Streams of events: resumed, and ended with the run.

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tests::served::{self, Served};

const STEPS: &str = "\
name: steps
blocks:
  a: {type: log_message, message: one, next: b}
  b: {type: wait_event, name: go, next: {success: c}}
  c: {type: return_value, value: 7}
";

/// The events in a piece of a stream: number and event.
fn events(text: &str) -> Vec<(u64, Value)> {
    let pieces = text.split("\n\n").filter(|piece| piece.contains("data: "));
    let line = |piece: &str, name: &str| {
        piece.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
    };
    pieces
        .map(|piece| {
            let event = serde_json::from_str(&line(piece, "data: ")).unwrap();
            (line(piece, "id: ").parse().unwrap(), event)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_resumed_and_ends_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    served::write(folder.path(), served::SETTINGS, &[("steps", STEPS)]);
    let served = Served::start(folder.path()).await;
    let started = served.post("/api/v1/blueprints/steps/runs", &json!({})).await.json();
    let path = format!("/api/v1/runs/{}", started["run"].as_str().unwrap());
    let stream = format!("{path}/events");
    let mut client = served.connect().await.unwrap();
    let headers = [("accept", "text/event-stream")];
    let (status, head, mut body) = client.open("GET", &stream, &headers, "").await.unwrap();
    assert_eq!((status, head["content-type"].as_str()), (200, "text/event-stream"));
    let mut text = String::new();
    while !text.contains("\"kind\":\"block_waiting\"") {
        let frame = body.frame().await.unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
    let first = events(&text);
    assert_eq!(first[0].1["kind"], "run_started");
    let last = first.last().unwrap().0;
    // The connection breaks; what comes meanwhile is not lost.
    drop((body, client));
    assert_eq!(served.post(&format!("{path}/send"), &json!({"event": "go"})).await.status, 202);
    let number = last.to_string();
    let headers = [("accept", "text/event-stream"), ("last-event-id", number.as_str())];
    let rest = served.send("GET", &stream, &headers, "").await;
    let rest = events(&rest.body);
    let numbers: Vec<u64> = rest.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (last + 1..=last + rest.len() as u64).collect::<Vec<_>>());
    let (end, event) = rest.last().unwrap();
    assert_eq!((&event["kind"], &event["value"]), (&json!("run_finished"), &json!(7)));
    let end = end.to_string();
    let headers = [("accept", "text/event-stream"), ("last-event-id", end.as_str())];
    assert_eq!(served.send("GET", &stream, &headers, "").await.status, 204);
    let headers = [("accept", "text/event-stream"), ("last-event-id", "x")];
    assert_eq!(served.send("GET", &stream, &headers, "").await.status, 400);
    // Page by page it is the same.
    let (mut after, mut paged) = (0, Vec::new());
    loop {
        let page = served.get(&format!("{stream}?after={after}&limit=2")).await.json();
        paged.extend(page["events"].as_array().unwrap().iter().cloned());
        after = page["next"].as_u64().unwrap();
        if page["is_last"] == true {
            break;
        }
    }
    let streamed: Vec<Value> = first.into_iter().chain(rest).map(|(_, event)| event).collect();
    assert_eq!(paged, streamed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_does_not_keep_the_server() {
    let folder = tempfile::tempdir().unwrap();
    served::write(folder.path(), served::SETTINGS, &[("steps", STEPS)]);
    let served = Served::start(folder.path()).await;
    let started = served.post("/api/v1/blueprints/steps/runs", &json!({})).await.json();
    let stream = format!("/api/v1/runs/{}/events", started["run"].as_str().unwrap());
    let mut client = served.connect().await.unwrap();
    let headers = [("accept", "text/event-stream")];
    let (_, _, body) = client.open("GET", &stream, &headers, "").await.unwrap();
    let (all, ()) = tokio::join!(body.collect(), served.stop());
    assert!(events(&String::from_utf8_lossy(&all.unwrap().to_bytes())).len() > 1);
}
