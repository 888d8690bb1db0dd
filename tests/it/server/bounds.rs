//! Clients that send too much, too slowly, or are too many.

use std::{net::SocketAddr, time::Duration};

use blueprint_server::Bounds;
use tests::served::{self, Served};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(30);
const JSON: (&str, &str) = ("content-type", "application/json");
const RUNS: &str = "/api/v1/blueprints/hello/runs";
const HELLO: &str = "\
name: hello
blocks:
  greet: {type: return_value, value: hello}
";

async fn serve(folder: &std::path::Path, bounds: Bounds) -> Served {
    served::write(folder, served::SETTINGS, &[("hello", HELLO)]);
    Served::bounded(folder, &[], bounds).await
}

/// Sends bytes, keeps the connection open, and returns all that comes until it is closed.
async fn answer_to(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has had enough closes before all is sent.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(read.expect("the connection is closed"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), Bounds::default()).await;
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let answer = served.send("POST", RUNS, &[JSON], &large).await;
    assert_eq!((answer.status, answer.json()["status"].as_u64()), (413, Some(413)));
    let chunked = format!(
        "POST {RUNS} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         connection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        served.address,
        large.len(),
    );
    let answer = answer_to(served.address, chunked.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");

    let head = |more: &str| format!("GET / HTTP/1.1\r\nhost: {}\r\n{more}\r\n", served.address);
    let wide = head(&format!("x: {}\r\n", "x".repeat(40_000)));
    let many = head(&"x: y\r\n".repeat(200));
    for text in [wide, many] {
        let answer = answer_to(served.address, text.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_too_slow_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let short = Duration::from_millis(200);
    let bounds = Bounds { head_time: short, body_time: short, ..Bounds::default() };
    let served = serve(folder.path(), bounds).await;
    // Nothing, half a head, half a body.
    for text in ["", "GET / HTTP/1.1\r\nho"] {
        let answer = answer_to(served.address, text.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    let half = format!(
        "POST {RUNS} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{",
        served.address,
    );
    let answer = answer_to(served.address, half.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), Bounds { connections: 2, ..Bounds::default() }).await;
    let (mut one, mut two) = (served.connect().await.unwrap(), served.connect().await.unwrap());
    assert_eq!(one.send("GET", "/", &[], "").await.unwrap().status, 200);
    assert_eq!(two.send("GET", "/", &[], "").await.unwrap().status, 200);
    let answer = answer_to(served.address, b"").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    // There is room again once one is gone.
    drop(one);
    let again = async {
        loop {
            let Ok(mut client) = served.connect().await else { continue };
            let Ok(answer) = client.send("GET", "/", &[], "").await else { continue };
            if answer.status == 200 {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.expect("there is room again");
    drop(two);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_connections_without_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), Bounds::default()).await;
    let mut idle = served.connect().await.unwrap();
    assert_eq!(idle.send("GET", "/", &[], "").await.unwrap().status, 200);
    timeout(Duration::from_secs(8), served.stop()).await.expect("it stops at once");
}
