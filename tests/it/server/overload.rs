//! More than the server can do at once: all of it is done, or refused with a word on when to try again.

use std::collections::BTreeSet;

use serde_json::json;
use tests::served::{self, Client, Served};
use tokio::task::JoinSet;

const OUTER: &str = "\
name: outer
blocks:
  call: {type: run_blueprint, blueprint: middle, next: {success: done}}
  done: {type: return_value, value: '@{result}'}
";

const MIDDLE: &str = "\
name: middle
blocks:
  one: {type: run_blueprint, blueprint: inner, next: {success: two}}
  two: {type: run_blueprint, blueprint: inner, next: {success: done}}
  done: {type: return_value, value: '@{result}'}
";

const INNER: &str = "\
name: inner
blocks:
  pause: {type: wait, duration: 20ms, next: {success: done}}
  done: {type: return_value, value: deep}
";

const SMALL: &str = "\
name: small
inputs: {n: {type: integer}}
blocks:
  twice: {type: code, code: 'inputs.n * 2', next: {success: done}}
  done: {type: return_value, value: '@{result}'}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_runs_with_runs_in_them_all_finish() {
    let folder = tempfile::tempdir().unwrap();
    let blueprints = [("outer", OUTER), ("middle", MIDDLE), ("inner", INNER)];
    served::write(folder.path(), served::SETTINGS, &blueprints);
    let served = Served::start(folder.path()).await;
    let address = served.address;
    let mut clients = JoinSet::new();
    for _ in 0..60 {
        clients.spawn(async move {
            let mut client = Client::connect(address).await.unwrap();
            let path = "/api/v1/blueprints/outer/runs?wait=60s";
            let headers = [("content-type", "application/json")];
            client.send("POST", path, &headers, "{}").await.unwrap()
        });
    }
    for answer in clients.join_all().await {
        assert_eq!((answer.status, &answer.json()["value"]), (200, &json!("deep")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_runs_than_fit_are_refused_and_none_is_lost() {
    const RUNS: usize = 2_000;
    const CLIENTS: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{}server: {{max_runs: 10}}\n", served::SETTINGS);
    served::write(folder.path(), &settings, &[("small", SMALL)]);
    let served = Served::start(folder.path()).await;
    let address = served.address;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(async move {
            let mut connection = Client::connect(address).await.unwrap();
            let headers = [("content-type", "application/json")];
            let (mut started, mut refused) = (Vec::new(), 0);
            for n in 0..RUNS / CLIENTS {
                let body = json!({"n": client * RUNS + n}).to_string();
                let path = "/api/v1/blueprints/small/runs";
                let answer = connection.send("POST", path, &headers, &body).await.unwrap();
                match answer.status {
                    202 => started.push(answer.json()["run"].as_str().unwrap().to_owned()),
                    429 => {
                        let seconds = answer.header("retry-after").parse::<u64>();
                        assert!(seconds.is_ok_and(|seconds| seconds > 0), "{answer:?}");
                        refused += 1;
                    }
                    _ => panic!("{answer:?}"),
                }
            }
            (started, refused)
        });
    }
    let done = clients.join_all().await;
    let refused: usize = done.iter().map(|(_, refused)| refused).sum();
    let started: BTreeSet<String> = done.into_iter().flat_map(|(started, _)| started).collect();
    assert_eq!(started.len() + refused, RUNS);
    let ended = until_ended(&served, started.len()).await;
    assert_eq!(ended, started);
}

/// Returns the runs that have succeeded, once there are so many.
async fn until_ended(served: &Served, many: usize) -> BTreeSet<String> {
    let mut ended = BTreeSet::new();
    for _ in 0..600 {
        ended.clear();
        let mut before = String::new();
        loop {
            let path = format!("/api/v1/runs?status=succeeded&limit=500{before}");
            let page = served.get(&path).await.json();
            let runs = page["runs"].as_array().unwrap();
            ended.extend(runs.iter().map(|run| run["run"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            before = format!("&before={next}");
        }
        if ended.len() >= many {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    ended
}
