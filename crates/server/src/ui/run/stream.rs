//! A run's page as it happens: server-sent events that carry only what changed.
//!
//! `GET /runs/{run}/stream` sends messages named `news`. The id of a message is the number of the
//! last event in it, its data a JSON object: where the run stands, how much of it is over, and every
//! block that changed since the message before, as [`rows::News`] says. A client that comes with
//! `Last-Event-ID`, or `?after=`, gets what changed after that; nothing is lost and nothing is kept
//! for it here, as all of it is in the store. There are at most ten messages a second, whatever the
//! run does. With the message that says `ended` the stream ends; a client that asks again then gets
//! the same. A comment every 15 seconds keeps the connection open.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Path, Query, State},
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use blueprint_model::{RunId, journal::Phase};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    follow::{self, Followed},
    rows,
};
use crate::{site::Site, ui::shell::Fault};

/// The least time between two messages.
const PACE: Duration = Duration::from_millis(100);
/// How long nothing may happen until the store is looked at less often, and how seldom then.
const IDLE: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_millis(500);
/// How often is looked where the run stands, while no event comes.
const STAND: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where to go on.
#[derive(Deserialize)]
pub(in crate::ui) struct Asked {
    after: Option<u64>,
}

/// A client that looks.
struct Watch {
    site: Arc<Site>,
    run: RunId,
    followed: Followed,
    /// The number of the last event that the client knows of.
    sent: u64,
    /// Where the run stood in the last message; `None` before the first.
    phase: Option<Phase>,
    /// When the run's stand was looked at, and when something happened last.
    looked: Instant,
    moved: Instant,
    is_over: bool,
    /// The room of the stream.
    _permit: OwnedSemaphorePermit,
}

/// Streams what happens in a run.
pub(in crate::ui) async fn stream(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Fault> {
    let permit = site.streams.take()?;
    let run = RunId::new(&run);
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let sent = last.or(asked.after).unwrap_or(0);
    let followed = follow::follow(&site, &run).await?;
    let followed = followed.ok_or_else(|| Fault::not_found("there is no such run"))?;
    let now = Instant::now();
    let watch = Watch {
        site,
        run,
        followed,
        sent,
        phase: None,
        looked: now,
        moved: now,
        is_over: false,
        _permit: permit,
    };
    let messages = stream::unfold(watch, |mut watch| async move {
        let site = watch.site.clone();
        let next = tokio::select! {
            () = site.closing() => None,
            next = watch.next() => next,
        };
        next.map(|event| (Ok(event), watch))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

impl Watch {
    /// Returns the next message, once there is something to say; `None` once the run is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.is_over {
                return None;
            }
            let is_first = self.phase.is_none();
            if !is_first {
                let is_idle = self.moved.elapsed() > IDLE;
                tokio::time::sleep(if is_idle { SELDOM } else { PACE }).await;
            }
            // What cannot be read now can be read by the client that comes again.
            let read = self.followed.advance(&self.site).await.ok()?;
            if read > 0 {
                self.moved = Instant::now();
            }
            let phase = self.stand(read > 0).await?;
            let seq = self.followed.fold.seq;
            if !is_first && seq <= self.sent && self.phase == Some(phase) {
                continue;
            }
            let after = std::mem::replace(&mut self.sent, seq);
            self.phase = Some(phase);
            self.is_over = phase.is_ended();
            let news = rows::news(&self.followed.fold, phase, after);
            let event = Event::default().event("news").id(seq.to_string());
            return event.json_data(news).ok();
        }
    }

    /// Returns where the run stands: its events say that it has ended, the store the rest.
    async fn stand(&mut self, has_moved: bool) -> Option<Phase> {
        let has_ended = self.followed.fold.end.is_some();
        let known = self.phase.filter(|phase| !has_ended && !phase.is_ended());
        if let Some(phase) = known {
            let is_settled = phase == Phase::Running || !has_moved;
            if is_settled && self.looked.elapsed() < STAND {
                return Some(phase);
            }
        }
        self.looked = Instant::now();
        let head = self.site.journal.head(&self.run).await.ok()??;
        Some(head.summary.phase)
    }
}
