//! Events as people see them: a handle is shown as `⟨vault.KEY⟩`, never as its token.

use std::sync::Arc;

use blueprint_model::{Event, EventKind, Secrets, block::Wish, event::RunError, value::Shared};

/// Returns the event for people: handles are shown by name. Costs nothing where a run has no secrets.
pub fn shown(mut event: Event, secrets: &Secrets) -> Event {
    if secrets.is_empty() {
        return event;
    }
    // The path of a block in a loop holds the item's key, which may be a handle.
    if let Some(block) = event.kind.block_mut()
        && let Some(scope) = secrets.view_text(&block.scope)
    {
        block.scope = scope.into();
    }
    match &mut event.kind {
        EventKind::RunStarted { inputs, payload, .. } => {
            show(inputs, secrets);
            show(payload, secrets);
        }
        EventKind::AttemptFailed { message, .. } | EventKind::Log { text: message, .. } => {
            show_text(message, secrets);
        }
        EventKind::AnswerReceived { answer, .. } => show(answer, secrets),
        EventKind::SecretDerived { token, arguments, .. } => {
            show_text(token, secrets);
            arguments.iter_mut().for_each(|argument| show_text(argument, secrets));
        }
        EventKind::BlockWaiting { wish: Wish::Answer(question), .. } => {
            show_text(&mut question.name, secrets);
            show(&mut question.details, secrets);
        }
        EventKind::StateChanged { changes, .. } => {
            for change in Arc::make_mut(changes) {
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
                show_error(error, secrets);
            }
        }
        EventKind::BlockStarted { .. }
        | EventKind::BlockWaiting { .. }
        | EventKind::SecretUsed { .. }
        | EventKind::BlockSkipped { .. }
        | EventKind::BlockCancelled { .. }
        | EventKind::RunResumed { .. }
        | EventKind::CancelRequested { .. } => {}
    }
    event
}

fn show(value: &mut Shared, secrets: &Secrets) {
    if let Some(view) = secrets.view(value) {
        *value = Arc::new(view);
    }
}

/// Shows why a run failed.
pub(crate) fn show_error(error: &mut RunError, secrets: &Secrets) {
    show_text(&mut error.block, secrets);
    show_text(&mut error.message, secrets);
}

fn show_text(text: &mut String, secrets: &Secrets) {
    if let Some(view) = secrets.view_text(text) {
        *text = view;
    }
}
