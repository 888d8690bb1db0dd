//! Events, one type per kind.

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fetch, Path, Payload, Put, StoredError, Version, read};
use crate::{
    block::{Change, ForEach, Level, Wish},
    event::{At, CancelReason, Counts, EventKind, RunError, RunStatus},
    id::BlockPath,
    journal::{Question, QuestionKind},
    value::{self, Shared, Value},
};

type Text<'e> = Cow<'e, str>;
type Data<'e> = Payload<Cow<'e, Value>>;
type Place = (u32, u32);

#[derive(Serialize, Deserialize)]
struct Started<'e> {
    v: Version,
    blueprint: Text<'e>,
    inputs: Data<'e>,
    payload: Data<'e>,
}

#[derive(Serialize, Deserialize)]
struct Attempt<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    attempt: u32,
}

#[derive(Serialize, Deserialize)]
struct Failed<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    attempt: u32,
    outcome: Text<'e>,
    message: Text<'e>,
    retry_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Waiting<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    #[serde(rename = "for")]
    wish: StoredWish<'e>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredWish<'e> {
    Items {
        items: Payload<Cow<'e, [(Value, Shared)]>>,
        name: Option<Text<'e>>,
        concurrency: usize,
        stops_on_error: bool,
    },
    Round {
        round: u64,
        last: Data<'e>,
        not_before: Option<i64>,
    },
    Call {
        blueprint: Text<'e>,
        payload: Data<'e>,
    },
    Sleep {
        until: i64,
    },
    Answer {
        kind: StoredQuestion,
        name: Text<'e>,
        details: Data<'e>,
        until: Option<i64>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredQuestion {
    Approval,
    Event,
}

#[derive(Serialize, Deserialize)]
struct Answered<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    answer: Data<'e>,
}

#[derive(Serialize, Deserialize)]
struct Changed<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    changes: Payload<Vec<StoredChange<'e>>>,
}

/// A path, and a list of the new value, empty where it was removed.
#[derive(Serialize, Deserialize)]
struct StoredChange<'e>(Cow<'e, [String]>, Vec<Cow<'e, Value>>);

#[derive(Serialize, Deserialize)]
struct Used<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    key: Text<'e>,
    version: u64,
    action: Text<'e>,
    destination: Text<'e>,
}

#[derive(Serialize, Deserialize)]
struct Derived<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    token: Text<'e>,
    function: Text<'e>,
    arguments: Payload<Cow<'e, [String]>>,
}

#[derive(Serialize, Deserialize)]
struct Logged<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    level: Text<'e>,
    text: Payload<Text<'e>>,
}

#[derive(Serialize, Deserialize)]
struct Finished<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    attempt: u32,
    outcome: Text<'e>,
    result: Data<'e>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<Text<'e>>,
    #[serde(default, skip_serializing_if = "is_false")]
    returns: bool,
    us: u64,
}

#[derive(Serialize, Deserialize)]
struct Skipped<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    edge: Text<'e>,
}

#[derive(Serialize, Deserialize)]
struct Cancelled<'e> {
    v: Version,
    at: Place,
    block: Path<'e>,
    reason: Text<'e>,
}

#[derive(Serialize, Deserialize)]
struct Resumed {
    v: Version,
    after: u64,
}

#[derive(Serialize, Deserialize)]
struct Asked<'e> {
    v: Version,
    reason: Text<'e>,
}

#[derive(Serialize, Deserialize)]
struct Over<'e> {
    v: Version,
    status: Text<'e>,
    value: Data<'e>,
    error: Option<(Text<'e>, Text<'e>, Text<'e>)>,
    ran: u64,
    skipped: u64,
    cancelled: u64,
    us: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Returns the body of an event; its run, number, time and kind are kept beside it. `put` keeps
/// values of more than [`super::MAX_INLINE`] bytes.
#[expect(clippy::too_many_lines, reason = "one arm for each kind, and nothing in it but fields")]
pub fn encode(kind: &EventKind, put: &mut Put<'_>) -> Vec<u8> {
    let v = Version;
    match kind {
        EventKind::RunStarted { blueprint, inputs, payload } => write(&Started {
            v,
            blueprint: blueprint.into(),
            inputs: data(inputs, put),
            payload: data(payload, put),
        }),
        EventKind::BlockStarted { at, block, attempt } => {
            write(&Attempt { v, at: place(*at), block: path(block), attempt: *attempt })
        }
        EventKind::AttemptFailed { at, block, attempt, outcome, message, retry_at } => {
            write(&Failed {
                v,
                at: place(*at),
                block: path(block),
                attempt: *attempt,
                outcome: (&**outcome).into(),
                message: message.into(),
                retry_at: retry_at.as_microsecond(),
            })
        }
        EventKind::BlockWaiting { at, block, wish } => {
            write(&Waiting { v, at: place(*at), block: path(block), wish: stored_wish(wish, put) })
        }
        EventKind::AnswerReceived { at, block, answer } => {
            write(&Answered { v, at: place(*at), block: path(block), answer: data(answer, put) })
        }
        EventKind::StateChanged { at, block, changes } => write(&Changed {
            v,
            at: place(*at),
            block: path(block),
            changes: stored_changes(changes, put),
        }),
        EventKind::SecretUsed { at, block, key, version, action, destination } => write(&Used {
            v,
            at: place(*at),
            block: path(block),
            key: key.into(),
            version: *version,
            action: action.into(),
            destination: destination.into(),
        }),
        EventKind::SecretDerived { at, block, token, function, arguments } => {
            let size = arguments.iter().map(|argument| argument.len() as u64).sum();
            write(&Derived {
                v,
                at: place(*at),
                block: path(block),
                token: token.into(),
                function: function.into(),
                arguments: Payload::pack(arguments.as_slice().into(), size, put),
            })
        }
        EventKind::Log { at, block, level, text } => write(&Logged {
            v,
            at: place(*at),
            block: path(block),
            level: level.as_str().into(),
            text: Payload::pack(text.into(), text.len() as u64, put),
        }),
        EventKind::BlockFinished {
            at,
            block,
            attempt,
            outcome,
            result,
            message,
            is_return,
            duration_us,
        } => write(&Finished {
            v,
            at: place(*at),
            block: path(block),
            attempt: *attempt,
            outcome: (&**outcome).into(),
            result: data(result, put),
            message: message.as_ref().map(Into::into),
            returns: *is_return,
            us: *duration_us,
        }),
        EventKind::BlockSkipped { at, block, edge } => {
            write(&Skipped { v, at: place(*at), block: path(block), edge: edge.into() })
        }
        EventKind::BlockCancelled { at, block, reason } => write(&Cancelled {
            v,
            at: place(*at),
            block: path(block),
            reason: reason.as_str().into(),
        }),
        EventKind::RunResumed { after } => write(&Resumed { v, after: *after }),
        EventKind::CancelRequested { reason } => {
            write(&Asked { v, reason: reason.as_str().into() })
        }
        EventKind::RunFinished { status, value, error, counts, duration_us } => write(&Over {
            v,
            status: status.as_str().into(),
            value: data(value, put),
            error: error
                .as_ref()
                .map(|it| ((&it.block).into(), (&it.outcome).into(), (&it.message).into())),
            ran: counts.ran,
            skipped: counts.skipped,
            cancelled: counts.cancelled,
            us: *duration_us,
        }),
    }
}

/// Returns the event of this kind that a body says.
#[expect(clippy::too_many_lines, reason = "one arm for each kind, and nothing in it but fields")]
pub fn decode(kind: &str, body: &[u8], fetch: &mut Fetch<'_>) -> Result<EventKind, StoredError> {
    Ok(match kind {
        "run_started" => {
            let it: Started<'_> = read(body)?;
            EventKind::RunStarted {
                blueprint: it.blueprint.into(),
                inputs: shared(it.inputs, fetch)?,
                payload: shared(it.payload, fetch)?,
            }
        }
        "block_started" => {
            let it: Attempt<'_> = read(body)?;
            EventKind::BlockStarted { at: at(it.at), block: name(it.block), attempt: it.attempt }
        }
        "attempt_failed" => {
            let it: Failed<'_> = read(body)?;
            EventKind::AttemptFailed {
                at: at(it.at),
                block: name(it.block),
                attempt: it.attempt,
                outcome: it.outcome.into(),
                message: it.message.into(),
                retry_at: time(it.retry_at)?,
            }
        }
        "block_waiting" => {
            let it: Waiting<'_> = read(body)?;
            let wish = wish(it.wish, fetch)?;
            EventKind::BlockWaiting { at: at(it.at), block: name(it.block), wish }
        }
        "answer_received" => {
            let it: Answered<'_> = read(body)?;
            let answer = shared(it.answer, fetch)?;
            EventKind::AnswerReceived { at: at(it.at), block: name(it.block), answer }
        }
        "state_changed" => {
            let it: Changed<'_> = read(body)?;
            let changes = it.changes.unpack(fetch)?.into_iter().map(change).collect();
            EventKind::StateChanged { at: at(it.at), block: name(it.block), changes }
        }
        "secret_used" => {
            let it: Used<'_> = read(body)?;
            EventKind::SecretUsed {
                at: at(it.at),
                block: name(it.block),
                key: it.key.into(),
                version: it.version,
                action: it.action.into(),
                destination: it.destination.into(),
            }
        }
        "secret_derived" => {
            let it: Derived<'_> = read(body)?;
            EventKind::SecretDerived {
                at: at(it.at),
                block: name(it.block),
                token: it.token.into(),
                function: it.function.into(),
                arguments: it.arguments.unpack(fetch)?.into_owned(),
            }
        }
        "log" => {
            let it: Logged<'_> = read(body)?;
            let level = Level::parse(&it.level)
                .ok_or_else(|| StoredError::Malformed(format!("`{}` is no level", it.level)))?;
            let text = it.text.unpack(fetch)?.into();
            EventKind::Log { at: at(it.at), block: name(it.block), level, text }
        }
        "block_finished" => {
            let it: Finished<'_> = read(body)?;
            EventKind::BlockFinished {
                at: at(it.at),
                block: name(it.block),
                attempt: it.attempt,
                outcome: it.outcome.into(),
                result: shared(it.result, fetch)?,
                message: it.message.map(Into::into),
                is_return: it.returns,
                duration_us: it.us,
            }
        }
        "block_skipped" => {
            let it: Skipped<'_> = read(body)?;
            EventKind::BlockSkipped { at: at(it.at), block: name(it.block), edge: it.edge.into() }
        }
        "block_cancelled" => {
            let it: Cancelled<'_> = read(body)?;
            let reason = reason(&it.reason)?;
            EventKind::BlockCancelled { at: at(it.at), block: name(it.block), reason }
        }
        "run_resumed" => EventKind::RunResumed { after: read::<Resumed>(body)?.after },
        "cancel_requested" => {
            EventKind::CancelRequested { reason: reason(&read::<Asked<'_>>(body)?.reason)? }
        }
        "run_finished" => over(body, fetch)?,
        other => return Err(StoredError::Malformed(format!("`{other}` is no kind of event"))),
    })
}

fn over(body: &[u8], fetch: &mut Fetch<'_>) -> Result<EventKind, StoredError> {
    let it: Over<'_> = read(body)?;
    let status = RunStatus::ALL
        .into_iter()
        .find(|status| status.as_str() == it.status)
        .ok_or_else(|| StoredError::Malformed(format!("`{}` is no status", it.status)))?;
    Ok(EventKind::RunFinished {
        status,
        value: shared(it.value, fetch)?,
        error: it.error.map(|(block, outcome, message)| RunError {
            block: block.into(),
            outcome: outcome.into(),
            message: message.into(),
        }),
        counts: Counts { ran: it.ran, skipped: it.skipped, cancelled: it.cancelled },
        duration_us: it.us,
    })
}

fn stored_changes<'e>(changes: &'e [Change], put: &mut Put<'_>) -> Payload<Vec<StoredChange<'e>>> {
    let stored = changes.iter().map(|change| {
        let value = change.value.iter().map(Cow::Borrowed).collect();
        StoredChange(change.path.as_slice().into(), value)
    });
    let size = changes.iter().filter_map(|it| it.value.as_ref()).map(value::size).sum();
    Payload::pack(stored.collect(), size, put)
}

fn change(stored: StoredChange<'_>) -> Change {
    let value = stored.1.into_iter().next().map(Cow::into_owned);
    Change { path: stored.0.into_owned(), value }
}

fn stored_wish<'e>(wish: &'e Wish, put: &mut Put<'_>) -> StoredWish<'e> {
    match wish {
        Wish::Items(each) => {
            let size = each.items.iter().map(|(id, item)| value::size(id) + value::size(item));
            StoredWish::Items {
                items: Payload::pack(each.items.as_slice().into(), size.sum(), put),
                name: each.name.as_deref().map(Into::into),
                concurrency: each.concurrency,
                stops_on_error: each.stops_on_error,
            }
        }
        Wish::Round { round, last, not_before } => StoredWish::Round {
            round: *round,
            last: data(last, put),
            not_before: not_before.map(Timestamp::as_microsecond),
        },
        Wish::Call { blueprint, payload } => {
            StoredWish::Call { blueprint: blueprint.into(), payload: data(payload, put) }
        }
        Wish::Sleep { until } => StoredWish::Sleep { until: until.as_microsecond() },
        Wish::Answer(question) => StoredWish::Answer {
            kind: match question.kind {
                QuestionKind::Approval => StoredQuestion::Approval,
                QuestionKind::Event => StoredQuestion::Event,
            },
            name: (&question.name).into(),
            details: data(&question.details, put),
            until: question.until.map(Timestamp::as_microsecond),
        },
    }
}

fn wish(stored: StoredWish<'_>, fetch: &mut Fetch<'_>) -> Result<Wish, StoredError> {
    Ok(match stored {
        StoredWish::Items { items, name, concurrency, stops_on_error } => Wish::Items(ForEach {
            items: Arc::new(items.unpack(fetch)?.into_owned()),
            name: name.map(Into::into),
            concurrency,
            stops_on_error,
        }),
        StoredWish::Round { round, last, not_before } => Wish::Round {
            round,
            last: shared(last, fetch)?,
            not_before: not_before.map(time).transpose()?,
        },
        StoredWish::Call { blueprint, payload } => {
            Wish::Call { blueprint: blueprint.into(), payload: shared(payload, fetch)? }
        }
        StoredWish::Sleep { until } => Wish::Sleep { until: time(until)? },
        StoredWish::Answer { kind, name, details, until } => Wish::Answer(Question {
            kind: match kind {
                StoredQuestion::Approval => QuestionKind::Approval,
                StoredQuestion::Event => QuestionKind::Event,
            },
            name: name.into(),
            details: shared(details, fetch)?,
            until: until.map(time).transpose()?,
        }),
    })
}

fn write(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts, numbers and JSON values are JSON")
}

fn data<'e>(value: &'e Shared, put: &mut Put<'_>) -> Data<'e> {
    Payload::pack(Cow::Borrowed(&**value), value::size(value), put)
}

fn shared(data: Data<'_>, fetch: &mut Fetch<'_>) -> Result<Shared, StoredError> {
    data.unpack(fetch).map(|value| Arc::new(value.into_owned()))
}

fn path(block: &BlockPath) -> Path<'_> {
    Path(Cow::Borrowed(block))
}

fn name(path: Path<'_>) -> BlockPath {
    path.0.into_owned()
}

fn place(at: At) -> Place {
    (at.scope, at.block)
}

fn at((scope, block): Place) -> At {
    At { scope, block }
}

fn time(us: i64) -> Result<Timestamp, StoredError> {
    Timestamp::from_microsecond(us).map_err(|err| StoredError::malformed(&err))
}

fn reason(name: &str) -> Result<CancelReason, StoredError> {
    CancelReason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == name)
        .ok_or_else(|| StoredError::Malformed(format!("`{name}` is no reason")))
}
