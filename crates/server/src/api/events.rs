//! The events of a run: page by page, or as a stream while it lives.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use blueprint_model::{Event, EventKind, JournalError, RunId, format};
use blueprint_project::{store, tail::Tail};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use super::{
    dto::{self, Events},
    take::{Path, Query, bad},
};
use crate::{acts, problem::Problem, site::Site};

/// How many events a page has, where nothing says how many.
const PAGE: usize = 200;
/// The most events of a page.
const MAX_PAGE: usize = 1_000;
/// How many events a stream reads at once.
const BATCH: usize = 200;
/// How often a stream looks for new events.
const LOOK: Duration = Duration::from_millis(100);
/// After how long a stream without events says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Which events are shown.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paged {
    /// Those after the event with this number.
    after: Option<u64>,
    /// How many; 200 where it is not given. A stream has no limit.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Returns events of a run, in order.
///
/// With the header `Accept: text/event-stream` they come as a stream while the run lives: `id` is the
/// number of the event, `data` the event as JSON. It goes on after `Last-Event-ID`, and answers 204
/// where nothing will come any more.
#[utoipa::path(
    get,
    path = "/runs/{run}/events",
    operation_id = "list_events",
    tag = "runs",
    params(
        ("run" = String, Path, description = "Its id"),
        Paged,
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that a stream gave"),
    ),
    responses(
        (status = 200, description = "A page of them, or a stream", content(
            (Events = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 204, description = "The run has ended, and all its events are known"),
        (status = 429, description = "Too many streams", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
    Query(paged): Query<Paged>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = acts::find(&site, &run).await?.summary.run;
    let after = bounded(paged.after.unwrap_or(0))?;
    let last = last_event(&headers)?.map(bounded).transpose()?;
    if wants_stream(&headers) {
        return stream_of(site, run, last.unwrap_or(after)).await;
    }
    let limit @ 1..=MAX_PAGE = paged.limit.unwrap_or(PAGE) else {
        return Err(bad(format!("`limit` must be 1 to {MAX_PAGE}")));
    };
    Ok(Json(page(&site, &run, after, limit).await?).into_response())
}

async fn page(site: &Site, run: &RunId, after: u64, limit: usize) -> Result<Events, Problem> {
    let opened = Tail::open(&*site.journal, run, after).await.map_err(store::failure)?;
    let Some((head, mut tail)) = opened else { return Err(gone()) };
    let events = tail.next(&*site.journal, limit).await.map_err(store::failure)?;
    Ok(Events {
        next: tail.after(),
        is_last: head.summary.phase.is_ended() && tail.after() >= head.summary.events,
        events: events.iter().map(format::to_json).collect(),
    })
}

/// A stream in the making.
struct Streamed {
    site: Arc<Site>,
    tail: Tail,
    ready: VecDeque<Event>,
    is_over: bool,
    _room: OwnedSemaphorePermit,
}

async fn stream_of(site: Arc<Site>, run: RunId, after: u64) -> Result<Response, Problem> {
    let room = site.streams.take()?;
    let opened = Tail::open(&*site.journal, &run, after).await.map_err(store::failure)?;
    let Some((head, tail)) = opened else { return Err(gone()) };
    if head.summary.phase.is_ended() && after >= head.summary.events {
        // A browser does not ask again after this.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let state = Streamed { site, tail, ready: VecDeque::new(), is_over: false, _room: room };
    let events = stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((Ok::<_, Infallible>(written(&event)), state))
    });
    let alive = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

impl Streamed {
    /// Returns the next event, once it is there; `None` where the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.is_over = matches!(event.kind, EventKind::RunFinished { .. });
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            match self.tail.next(&*self.site.journal, BATCH).await {
                Ok(events) if !events.is_empty() => self.ready.extend(events),
                Ok(_) => tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = self.site.closing() => return None,
                },
                Err(err) => {
                    report(&err);
                    return None;
                }
            }
        }
    }
}

/// Says to who runs the server why a stream ends: it has no status any more to say it to the client.
fn report(err: &JournalError) {
    tracing::error!("a stream ends: {err}");
}

fn written(event: &Event) -> sse::Event {
    let data = format::to_json(event).to_string();
    sse::Event::default().id(event.seq.to_string()).data(data)
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| {
        accept
            .split(',')
            .any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/event-stream")
    })
}

fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(text) = headers.get("last-event-id") else { return Ok(None) };
    let number = text.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| bad("`Last-Event-ID` is not the number of an event"))
}

/// Returns the number of an event, within what the store can count.
fn bounded(after: u64) -> Result<u64, Problem> {
    let is_fine = i64::try_from(after).is_ok();
    is_fine.then_some(after).ok_or_else(|| bad("there is no event with such a number"))
}

fn gone() -> Problem {
    Problem::not_found("the run was removed meanwhile")
}
