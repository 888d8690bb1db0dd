//! Events as the command line and the server write them: JSON, version 1.
//!
//! [`stored`] is what a store keeps of them.

pub mod stored;

use serde_json::{Map, Value, json};

use crate::{
    block::{Change, Wish},
    event::{Event, EventKind},
};

/// The version of the format, in every event as `v`.
pub const VERSION: u64 = 1;

/// Returns the event as an object with the keys `v`, `run`, `seq`, `time`, `kind`, and then those
/// of its kind.
pub fn to_json(event: &Event) -> Value {
    let mut map = Map::new();
    map.insert("v".into(), VERSION.into());
    map.insert("run".into(), event.run.as_str().into());
    map.insert("seq".into(), event.seq.into());
    map.insert("time".into(), format!("{:.3}", event.time).into());
    map.insert("kind".into(), event.kind.name().into());
    if let Some((_, block)) = event.kind.block() {
        map.insert("block".into(), block.to_string().into());
    }
    if let Value::Object(details) = details(&event.kind) {
        map.extend(details.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(map)
}

/// Returns a change of the state as an object: `path`, and `value` unless it was removed.
pub fn change_to_json(change: &Change) -> Value {
    match &change.value {
        Some(value) => json!({"path": change.path.join("."), "value": value}),
        None => json!({"path": change.path.join("."), "removed": true}),
    }
}

fn details(kind: &EventKind) -> Value {
    match kind {
        EventKind::RunStarted { blueprint, inputs, payload } => {
            json!({"blueprint": blueprint, "inputs": **inputs, "payload": **payload})
        }
        EventKind::BlockStarted { attempt, .. } => json!({"attempt": attempt}),
        EventKind::AttemptFailed { attempt, outcome, message, retry_at, .. } => json!({
            "attempt": attempt,
            "outcome": **outcome,
            "message": message,
            "retry_at": format!("{retry_at:.3}"),
        }),
        EventKind::BlockWaiting { wish, .. } => wish_to_json(wish),
        EventKind::AnswerReceived { answer, .. } => json!({"answer": **answer}),
        EventKind::StateChanged { changes, .. } => {
            json!({"changes": changes.iter().map(change_to_json).collect::<Vec<_>>()})
        }
        EventKind::SecretUsed { key, version, action, destination, .. } => json!({
            "key": key,
            "version": version,
            "action": action,
            "destination": destination,
        }),
        // The token is shown to nobody.
        EventKind::SecretDerived { function, .. } => json!({"function": function}),
        EventKind::Log { level, text, .. } => json!({"level": level.as_str(), "text": text}),
        EventKind::BlockFinished { attempt, outcome, result, message, duration_us, .. } => json!({
            "outcome": **outcome,
            "attempt": attempt,
            "duration_ms": in_ms(*duration_us),
            "message": message,
            "result": **result,
        }),
        EventKind::BlockSkipped { edge, .. } => json!({"edge": edge}),
        EventKind::BlockCancelled { reason, .. } | EventKind::CancelRequested { reason } => {
            json!({"reason": reason.as_str()})
        }
        EventKind::RunResumed { after } => json!({"after": after}),
        EventKind::RunFinished { status, value, error, counts, duration_us } => json!({
            "status": status.as_str(),
            "value": **value,
            "error": error.as_ref().map(|error| json!({
                "block": error.block,
                "outcome": error.outcome,
                "message": error.message,
            })),
            "ran": counts.ran,
            "skipped": counts.skipped,
            "cancelled": counts.cancelled,
            "duration_ms": in_ms(*duration_us),
        }),
    }
}

fn wish_to_json(wish: &Wish) -> Value {
    match wish {
        Wish::Items(each) => json!({"for": "items", "items": each.items.len()}),
        Wish::Round { round, .. } => json!({"for": "round", "round": round}),
        Wish::Call { blueprint, .. } => json!({"for": "call", "blueprint": blueprint}),
        Wish::Sleep { until } => json!({"for": "sleep", "until": format!("{until:.3}")}),
        Wish::Answer(question) => json!({
            "for": question.kind.as_str(),
            "name": question.name,
            "details": *question.details,
            "until": question.until.map(|until| format!("{until:.3}")),
        }),
    }
}

/// Returns a duration in milliseconds, to the microsecond.
pub fn in_ms(duration_us: u64) -> f64 {
    duration_us as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        event::At,
        id::{BlockPath, RunId},
    };

    #[test]
    fn an_event_reads_as_documented() {
        let event = Event {
            run: RunId::new("0198"),
            seq: 7,
            time: "2026-11-23T12:00:00.123456Z".parse::<Timestamp>().unwrap(),
            kind: EventKind::BlockFinished {
                at: At { scope: 3, block: 0 },
                block: BlockPath { scope: "each_order[12].".into(), id: "price".into() },
                attempt: 1,
                outcome: "success".into(),
                result: Arc::new(json!(4)),
                message: None,
                is_return: false,
                duration_us: 400,
            },
        };
        assert_eq!(
            to_json(&event).to_string(),
            concat!(
                r#"{"v":1,"run":"0198","seq":7,"time":"2026-11-23T12:00:00.123Z","#,
                r#""kind":"block_finished","block":"each_order[12].price","outcome":"success","#,
                r#""attempt":1,"duration_ms":0.4,"result":4}"#
            )
        );
    }
}
