//! Events as people see them: a handle is shown as `⟨vault.KEY⟩`, never as its token.

use std::sync::Arc;

use blueprint_model::{Event, EventKind, Secrets, value::Shared};

/// Returns the event for people. Costs nothing where a run has no secrets.
pub(crate) fn of(mut event: Event, secrets: &Secrets) -> Event {
    if secrets.is_empty() {
        return event;
    }
    match &mut event.kind {
        EventKind::RunStarted { inputs, payload, .. } => {
            show(inputs, secrets);
            show(payload, secrets);
        }
        EventKind::AttemptFailed { message, .. } | EventKind::Log { text: message, .. } => {
            show_text(message, secrets);
        }
        EventKind::StateChanged { changes, .. } => {
            for change in changes {
                if let Some(value) = &mut change.value
                    && let Some(view) = secrets.view(value)
                {
                    *value = view;
                }
            }
        }
        EventKind::BlockFinished { result, message, .. } => {
            show(result, secrets);
            if let Some(message) = message {
                show_text(message, secrets);
            }
        }
        EventKind::RunFinished { value, error, .. } => {
            show(value, secrets);
            if let Some(error) = error {
                show_text(&mut error.message, secrets);
            }
        }
        EventKind::BlockStarted { .. }
        | EventKind::BlockWaiting { .. }
        | EventKind::SecretUsed { .. }
        | EventKind::BlockSkipped { .. }
        | EventKind::BlockCancelled { .. }
        | EventKind::CancelRequested { .. } => {}
    }
    event
}

fn show(value: &mut Shared, secrets: &Secrets) {
    if let Some(view) = secrets.view(value) {
        *value = Arc::new(view);
    }
}

fn show_text(text: &mut String, secrets: &Secrets) {
    if let Some(view) = secrets.view_text(text) {
        *text = view;
    }
}
