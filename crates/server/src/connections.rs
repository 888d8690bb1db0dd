//! Connections from the first byte to the last: how many, how slow they may be, and their end.

mod patience;

use std::{fs, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::Service as _;

use self::patience::Patient;
use crate::site::Site;

/// Most connections at once, however many files may be open.
const MAX_CONNECTIONS: usize = 4_096;
/// The same where the system does not say how many files a process may open.
const FEW_CONNECTIONS: usize = 100;
/// The longest head of a request.
const MAX_HEAD: usize = 32 << 10;
/// How long requests have to come to an end when the server is to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How long nobody is let in where the system refuses.
const PAUSE: Duration = Duration::from_millis(100);
/// How many clients there may be, and how slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most connections at once, and so most requests: each connection has one at a time.
    pub connections: usize,
    /// How long a client may take to send the head of a request, or to begin its next one.
    pub head_time: Duration,
    /// How long a client may take to send the body of a request.
    pub body_time: Duration,
    /// How long a client may read nothing of what it is sent.
    pub stall_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: most(),
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(20),
            stall_time: Duration::from_secs(30),
        }
    }
}

/// What somebody is told who is one too many.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
                      content-type: application/problem+json\r\ncontent-length: 84\r\n\r\n\
                      {\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"too many connections at once\"}";

/// Serves connections until the site closes; then no new one is let in, and those at work have a
/// little time.
pub(crate) async fn serve(listener: TcpListener, router: &Router, site: &Arc<Site>) {
    let bounds = site.bounds;
    let permits = Arc::new(Semaphore::new(bounds.connections));
    let mut connections = JoinSet::new();
    let mut closing = pin!(site.closing());
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(err) if is_of_one(&err) => continue,
                Err(err) => {
                    tracing::warn!("no connection can be taken: {err}");
                    sleep(PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = &mut closing => break,
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            // A new connection has room for this; whoever does not read it loses nothing.
            drop(stream.try_write(FULL));
            continue;
        };
        let (router, site) = (router.clone(), site.clone());
        connections.spawn(async move {
            one(stream, address, router, &site).await;
            drop(permit);
        });
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        tracing::warn!("requests that did not end were cut off");
    }
}

async fn one(stream: TcpStream, address: SocketAddr, router: Router, site: &Site) {
    // Answers are written whole, so there is nothing to wait for.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(address);
        // A router is always ready.
        router.clone().call(request.map(Body::new))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(site.bounds.head_time)
        .max_header_size(MAX_HEAD);
    let stream = TokioIo::new(Patient::new(stream, site.bounds.stall_time));
    let mut connection = pin!(builder.serve_connection(stream, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = site.closing() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(err) = ended {
        // Clients go away as they like.
        tracing::debug!("a connection ended: {err}");
    }
}

/// Returns how many connections there may be: files, stores and workers need some of what a process
/// may open too.
fn most() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    soft.map_or(FEW_CONNECTIONS, |soft| (soft * 3 / 4).min(MAX_CONNECTIONS))
}

/// Returns whether an error is of one connection, gone before it was taken.
fn is_of_one(err: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(err.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_one_too_many_says_how_long_it_is() {
        let text = str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
