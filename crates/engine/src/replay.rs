//! What a run's events say about it afterwards, and whether it would go the same way again.

mod compare;
mod script;
mod written;

use blueprint_model::{Event, EventKind, block::Wish, value::Shared};

pub use self::compare::{
    Difference, Divergence, Ended, Fate, Replay, ReplayedBlock, Verdict, first_difference,
};
pub(crate) use self::script::{Script, Turn};
pub use self::written::{Written, written};
use crate::{change, plan::Plan};

/// Returns the state of a run of `plan` after these events of it. Blueprints that it called have
/// states of their own, which are not looked at.
pub fn state_after<'e>(plan: &Plan, events: impl IntoIterator<Item = &'e Event>) -> Shared {
    let mut state = (*plan.state).clone();
    let mut callees: Vec<String> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::BlockWaiting { block, wish: Wish::Call { .. }, .. } => {
                callees.push(block.callee());
            }
            EventKind::StateChanged { block, changes, .. }
                if !callees.iter().any(|callee| block.scope.starts_with(callee)) =>
            {
                changes.iter().for_each(|change| change::apply(&mut state, change));
            }
            _ => {}
        }
    }
    Shared::new(state)
}
