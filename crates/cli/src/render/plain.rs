//! One line per event, for streams that nobody redraws.

use blueprint_model::{
    Event, EventKind, Value, Wish,
    event::{RunError, RunStatus},
    journal::QuestionKind,
};
use blueprint_project::text;

use crate::render::tree::{self, Tree};

/// Returns the line of an event that `tree` has taken in; `None` for events nobody waits for.
pub fn line(event: &Event, tree: &Tree) -> Option<String> {
    let words = match &event.kind {
        EventKind::RunStarted { blueprint, .. } => {
            format!("run {} of {blueprint}", event.run.short())
        }
        EventKind::AttemptFailed { block, attempt, message, retry_at, .. } => {
            let next = retry_at.duration_since(event.time).as_millis().max(0);
            format!("{block} attempt {attempt} failed, next in {next}ms: {message}")
        }
        EventKind::BlockFinished { at, block, outcome, result, message, duration_us, .. } => {
            let mut words = format!("{block} {outcome} {}ms", duration_us / 1_000);
            if let Some(answer) = tree::answer(result) {
                let (status, bytes) = (answer.status, answer.bytes);
                text::add(&mut words, format_args!(" status={status} bytes={bytes}"));
            }
            if let Some(progress) = tree.progress(*at) {
                let ok = progress.done.saturating_sub(progress.failed);
                text::add(&mut words, format_args!(" ok={ok} failed={}", progress.failed));
            }
            match message {
                Some(message) => format!("{words}: {message}"),
                None => words,
            }
        }
        EventKind::BlockSkipped { block, edge, .. } => format!("{block} skipped: {edge} not taken"),
        EventKind::BlockCancelled { block, reason, .. } => {
            format!("{block} cancelled: {}", tree::reason_text(*reason))
        }
        EventKind::Log { block, level, text, .. } => format!("{block} {}: {text}", level.as_str()),
        EventKind::BlockWaiting { block, wish: Wish::Answer(question), .. } => {
            match question.kind {
                QuestionKind::Approval => {
                    let (asks, run) = (&question.name, event.run.short());
                    format!("{block} asks: {asks} (blueprint runs approve {run})")
                }
                QuestionKind::Event => format!("{block} waits for event {}", question.name),
            }
        }
        EventKind::AnswerReceived { block, .. } => format!("{block} has its answer"),
        EventKind::RunResumed { after } => format!("run resumed after event {after}"),
        EventKind::CancelRequested { reason } => {
            format!("run is being cancelled: {}", tree::reason_text(*reason))
        }
        EventKind::RunFinished { status, error, value, duration_us, .. } => {
            finished(*status, error.as_ref(), value, *duration_us)
        }
        EventKind::BlockStarted { .. }
        | EventKind::BlockWaiting { .. }
        | EventKind::StateChanged { .. }
        | EventKind::SecretUsed { .. }
        | EventKind::SecretDerived { .. } => return None,
    };
    let time = event.time.strftime("%H:%M:%S%.3f");
    Some(text::fit(&format!("{time} {words}"), usize::MAX))
}

fn finished(status: RunStatus, error: Option<&RunError>, value: &Value, us: u64) -> String {
    let words = format!("run {} {}ms", status.as_str(), us / 1_000);
    match error {
        // The run's own deadline is of no block.
        Some(error) if error.block.is_empty() => format!("{words}: {}", error.message),
        Some(error) => {
            format!("{words}: `{}` of `{}`: {}", error.outcome, error.block, error.message)
        }
        None if value.is_null() => format!("{words}, no value"),
        None => words,
    }
}
