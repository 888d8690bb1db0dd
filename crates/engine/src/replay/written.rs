//! Where in its blueprint each block of a run is written.

use std::sync::Arc;

use blueprint_model::{Event, event::At};

use crate::{
    dispatch::is_answered,
    library::Library,
    plan::Plan,
    state::{RunState, Scope},
};

/// A block as it is written, for one that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The blueprint it is in.
    pub blueprint: String,
    /// Its path without items: `each.fetch`; `call.get` of the blueprint that `call` runs is
    /// `call/get`.
    pub path: String,
    /// Whether it touched the world outside, or saw the value of a secret.
    pub is_effect: bool,
}

/// Returns for each event of a run the block it is about, as it is written; `None` for events of the
/// run itself. `max_depth` bounds the nesting of blueprints, as in the run.
pub fn written(
    plan: &Arc<Plan>,
    library: &Arc<Library>,
    max_depth: usize,
    events: &[Event],
) -> Vec<Option<Written>> {
    let mut state = RunState::new(plan.clone(), library.clone(), max_depth);
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        // Before the event is applied: a graph closes with the end of its last block.
        all.push(event.kind.block().map(|(at, _)| {
            let scope = state.scope(at.scope);
            Written {
                blueprint: scope.plan.name.clone(),
                path: path(&state, scope, at),
                is_effect: is_answered(state.step(at)),
            }
        }));
        state.apply(&event.kind, event.time);
    }
    all
}

fn path(state: &RunState, scope: &Scope, at: At) -> String {
    let mut path = state.step(at).id.to_string();
    let mut here = scope;
    while let Some((parent, _)) = here.parent {
        // A called blueprint begins with its own graph; a body is another one.
        let separator = if here.graph == 0 { '/' } else { '.' };
        path = format!("{}{separator}{path}", state.step(parent).id);
        here = state.scope(parent.scope);
    }
    path
}
