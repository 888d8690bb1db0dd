//! A graph being run: the blueprint's own, a loop's body at one item, or a called blueprint.

use std::sync::Arc;

use blueprint_model::{
    block::{BodyEnd, Change, ForEach},
    event::{At, CancelReason, RunError},
    value::{Shared, Value},
};
use jiff::Timestamp;

use crate::plan::{GraphPlan, Plan};

/// A graph being run.
pub(crate) struct Scope {
    /// The plan, and which of its graphs.
    pub plan: Arc<Plan>,
    pub graph: u32,
    /// The block whose body or callee this is, and which item of it.
    pub parent: Option<(At, u32)>,
    /// How deep it is nested.
    pub depth: u32,
    /// The names of its blocks begin with this.
    pub prefix: Arc<str>,
    /// One per block, in file order.
    pub slots: Vec<Slot>,
    /// Blocks that have not ended.
    pub open: u32,
    /// What its blocks see beside each other's results.
    pub view: ScopeView,
    /// Which state its blocks see and change.
    pub cell: u32,
    /// The value of a return.
    pub returned: Option<Shared>,
    /// How many blocks ran with no block after them, and the result of the last of them.
    pub leaves: u32,
    pub leaf: Option<Shared>,
    /// The first error that nothing handled.
    pub failure: Option<RunError>,
    /// Why it winds down, if it does.
    pub winding: Option<CancelReason>,
}

/// What the blocks of a scope see beside each other's results.
#[derive(Clone, Default)]
pub(crate) struct ScopeView {
    pub inputs: Shared,
    pub payload: Shared,
    /// The loop's item and its index or key.
    pub item: Option<(Value, Shared)>,
    /// The round of a `repeat`, and the value of the round before.
    pub round: Option<(u64, Shared)>,
}

/// Where a block stands.
#[derive(Default)]
pub(crate) struct Slot {
    pub status: Status,
    /// Incoming edges that are not resolved.
    pub open_edges: u32,
    /// Incoming edges that were taken.
    pub taken: u32,
    /// Of the edges taken: the first in file order, or under `first` the first to arrive.
    pub from: Option<u32>,
    pub attempt: u32,
    pub started: Option<Timestamp>,
    /// The result, until its last reader has ended.
    pub result: Option<Shared>,
    /// Why, after an error-like outcome.
    pub message: Option<Arc<str>>,
    /// Readers of the result that have not ended.
    pub readers: u32,
    /// Changes of the state that take effect when the block finishes.
    pub staged: Option<Arc<[Change]>>,
    /// What it waits for.
    pub wait: Option<Box<Wait>>,
}

/// The ways a block can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    /// Its join is not decided.
    #[default]
    Pending,
    /// It may start.
    Due,
    /// An attempt is at work.
    Running,
    /// The next attempt waits for its time.
    Retrying,
    /// It waits for its wish.
    Waiting,
    /// It ended with an outcome.
    Finished,
    /// It will not run.
    Skipped,
    /// It was stopped.
    Cancelled,
}

impl Status {
    pub(crate) fn is_ended(self) -> bool {
        matches!(self, Self::Finished | Self::Skipped | Self::Cancelled)
    }
}

/// What a block waits for.
pub(crate) struct Wait {
    pub wish: WaitKind,
    /// Scopes that work for it, with the items they are at.
    pub scopes: Vec<(u32, u32)>,
    /// When this attempt's time is up.
    pub deadline: Option<Timestamp>,
    /// Set when it will end as cancelled once its scopes have wound down.
    pub cancelling: Option<CancelReason>,
    /// Set when it is its own deadline that ends it.
    pub is_expired: bool,
}

/// The kinds of waiting.
pub(crate) enum WaitKind {
    Items {
        each: ForEach,
        next: usize,
        ends: Vec<Option<BodyEnd>>,
        is_stopped: bool,
    },
    Round {
        round: u64,
        last: Shared,
        end: Option<BodyEnd>,
    },
    Call {
        end: Option<BodyEnd>,
    },
    Sleep {
        until: Timestamp,
        is_over: bool,
    },
    /// The answer once there is one; in it `None` if none came in time.
    Answer {
        answer: Option<Option<Shared>>,
    },
}

impl Scope {
    /// Returns the scope of the blueprint itself.
    pub(crate) fn root(plan: Arc<Plan>, inputs: Shared, payload: Shared) -> Self {
        let view = ScopeView { inputs, payload, ..ScopeView::default() };
        Self::new(plan, 0, "".into(), view)
    }

    /// Returns a scope of one graph of a plan, with all blocks pending.
    pub(crate) fn new(plan: Arc<Plan>, graph: u32, prefix: Arc<str>, view: ScopeView) -> Self {
        let steps = &plan.graphs[graph as usize].steps;
        let slots: Vec<Slot> = steps
            .iter()
            .map(|step| Slot {
                status: if step.is_left_out { Status::Skipped } else { Status::Pending },
                open_edges: step.in_degree,
                readers: step.readers,
                ..Slot::default()
            })
            .collect();
        let open = slots.iter().filter(|slot| !slot.status.is_ended()).count();
        let open = u32::try_from(open).expect("the reader bounds the blocks of a file");
        Self {
            plan,
            graph,
            parent: None,
            depth: 0,
            prefix,
            slots,
            open,
            view,
            cell: 0,
            returned: None,
            leaves: 0,
            leaf: None,
            failure: None,
            winding: None,
        }
    }

    pub(crate) fn graph(&self) -> &GraphPlan {
        &self.plan.graphs[self.graph as usize]
    }

    /// Returns the value of the graph: that of its return, else the result of the final block that
    /// ran, else null.
    pub(crate) fn value(&self) -> Shared {
        match (&self.returned, self.leaves) {
            (Some(value), _) => value.clone(),
            (None, 1) => self.leaf.clone().unwrap_or_default(),
            (None, _) => Shared::default(),
        }
    }
}
