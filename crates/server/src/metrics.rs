//! What the server counts of itself, and the text that Prometheus reads.

pub(crate) mod page;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use blueprint_model::event::RunStatus;
use tokio::time::Instant;

use crate::site::Site;

/// The upper bounds of the histogram of durations, in milliseconds.
const BOUNDS_MS: [u64; 12] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000];

/// What is counted.
#[derive(Default)]
pub(crate) struct Metrics {
    started: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    refused: AtomicU64,
    requests: Mutex<BTreeMap<Sort, Times>>,
}

/// A sort of requests. No text of a client is in it, so there are few.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sort {
    method: &'static str,
    route: Arc<str>,
    /// The first digit of the status.
    class: u16,
}

/// How long requests of a sort took, up to the first byte of the answer.
#[derive(Debug, Clone, Default)]
struct Times {
    count: u64,
    total: Duration,
    /// How many took at most as long as each bound.
    within: [u64; BOUNDS_MS.len()],
}

impl Metrics {
    /// Notes that a run has started.
    pub(crate) fn run_started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a run has ended.
    pub(crate) fn run_ended(&self, status: RunStatus) {
        self.ended(status).fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a request was answered 429.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn ended(&self, status: RunStatus) -> &AtomicU64 {
        match status {
            RunStatus::Succeeded => &self.succeeded,
            RunStatus::Failed => &self.failed,
            RunStatus::Cancelled => &self.cancelled,
        }
    }

    fn requests(&self) -> MutexGuard<'_, BTreeMap<Sort, Times>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Times {
    fn add(&mut self, took: Duration) {
        self.count += 1;
        self.total += took;
        for (within, bound) in self.within.iter_mut().zip(BOUNDS_MS) {
            *within += u64::from(took <= Duration::from_millis(bound));
        }
    }
}

/// Counts every request by its route and the class of its status.
pub(crate) async fn observe(
    State(site): State<Arc<Site>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    // What fits no route may be anything.
    let route: Arc<str> = route.unwrap_or("other").into();
    let method = known(request.method());
    let response = next.run(request).await;
    let status = response.status();
    if status == axum::http::StatusCode::TOO_MANY_REQUESTS {
        site.metrics.refused();
    }
    let sort = Sort { method, route, class: status.as_u16() / 100 };
    site.metrics.requests().entry(sort).or_default().add(began.elapsed());
    response
}

fn known(method: &Method) -> &'static str {
    let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let names = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let found = known.iter().zip(names).find(|(known, _)| *known == method);
    found.map_or("other", |(_, name)| name)
}
