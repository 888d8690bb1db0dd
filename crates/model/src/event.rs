//! Facts: everything that happens in a run is one of these, in order.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    block::{Change, Level, Wish},
    id::{BlockPath, RunId},
    value::Shared,
};

/// One fact of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// Its place in the run, from 1.
    pub seq: u64,
    /// When it was recorded.
    pub time: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// Where a block is in a run: its scope, and its place in that scope's graph.
///
/// Scopes are numbered in the order in which the fold opens them, so the same events give the same
/// numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The scope: 0 is the blueprint's own graph.
    pub scope: u32,
    /// The block's place in the graph, in file order.
    pub block: u32,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// The run began.
    RunStarted {
        /// The blueprint's name.
        blueprint: String,
        /// The validated inputs.
        inputs: Shared,
        /// What the trigger brought.
        payload: Shared,
    },
    /// An attempt of a block began.
    BlockStarted {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// An attempt failed and there will be another.
    AttemptFailed {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// Which attempt.
        attempt: u32,
        /// The outcome it would have ended with.
        outcome: Arc<str>,
        /// Why.
        message: String,
        /// When the next attempt starts.
        retry_at: Timestamp,
    },
    /// A block waits for something that the engine does for it.
    BlockWaiting {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// For what.
        wish: Wish,
    },
    /// Somebody outside answered what a block waits for.
    AnswerReceived {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// The answer.
        answer: Shared,
    },
    /// A block changed the state; in force once the block has finished.
    StateChanged {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// What changed.
        changes: Arc<[Change]>,
    },
    /// A secret was used, or its use refused.
    SecretUsed {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// The key's name.
        key: String,
        /// The key's version.
        version: u64,
        /// `swap` or `reveal`.
        action: String,
        /// Host and place.
        destination: String,
    },
    /// A block made a handle for the result of a function over secrets; its token stands for that
    /// from now on, also in a process that goes on with the run.
    SecretDerived {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// The token.
        token: String,
        /// The function.
        function: String,
        /// Its arguments, which may hold tokens.
        arguments: Vec<String>,
    },
    /// A block wrote to the log.
    Log {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// How loud.
        level: Level,
        /// The text.
        text: String,
    },
    /// A block ended with an outcome.
    BlockFinished {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// Which attempt.
        attempt: u32,
        /// The outcome.
        outcome: Arc<str>,
        /// The result.
        result: Shared,
        /// Why, on an error-like outcome.
        message: Option<String>,
        /// Whether the graph ends here with the result as its value.
        is_return: bool,
        /// From the start of the first attempt, in microseconds.
        duration_us: u64,
    },
    /// A block will not run, because of an edge.
    BlockSkipped {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// The dead edge, as `from.outcome`.
        edge: String,
    },
    /// A block was stopped, or will not be started any more.
    BlockCancelled {
        /// Which block.
        at: At,
        /// Its name.
        block: BlockPath,
        /// Why.
        reason: CancelReason,
    },
    /// Another process goes on with the run: what was in flight when the last one ended is not.
    RunResumed {
        /// How many events there were.
        after: u64,
    },
    /// Somebody asked the run to stop, or its time was up.
    CancelRequested {
        /// Why.
        reason: CancelReason,
    },
    /// The run ended.
    RunFinished {
        /// How.
        status: RunStatus,
        /// The value of its graph.
        value: Shared,
        /// Why, if it failed.
        error: Option<RunError>,
        /// How many blocks ran, were skipped, were cancelled; nested ones included.
        counts: Counts,
        /// From start to end, in microseconds.
        duration_us: u64,
    },
}

/// Why a block was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// Another block returned from the same graph.
    Returned,
    /// An error in the same graph was not handled.
    Failed,
    /// Somebody cancelled the run.
    Requested,
    /// The run's deadline passed.
    Deadline,
    /// The block's own deadline passed while its body ran.
    Timeout,
}

impl CancelReason {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Returned, Self::Failed, Self::Requested, Self::Deadline, Self::Timeout];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Failed => "failed",
            Self::Requested => "requested",
            Self::Deadline => "deadline",
            Self::Timeout => "timeout",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// Every error was handled.
    Succeeded,
    /// An error was not handled.
    Failed,
    /// It was cancelled, or its deadline passed.
    Cancelled,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Succeeded, Self::Failed, Self::Cancelled];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// The path of the block whose error was not handled.
    pub block: String,
    /// Its outcome.
    pub outcome: String,
    /// Why.
    pub message: String,
}

/// How many blocks ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Ended with an outcome.
    pub ran: u64,
    /// Skipped.
    pub skipped: u64,
    /// Cancelled.
    pub cancelled: u64,
}

impl EventKind {
    /// Returns the name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run_started",
            Self::BlockStarted { .. } => "block_started",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::BlockWaiting { .. } => "block_waiting",
            Self::AnswerReceived { .. } => "answer_received",
            Self::StateChanged { .. } => "state_changed",
            Self::SecretUsed { .. } => "secret_used",
            Self::SecretDerived { .. } => "secret_derived",
            Self::Log { .. } => "log",
            Self::BlockFinished { .. } => "block_finished",
            Self::BlockSkipped { .. } => "block_skipped",
            Self::BlockCancelled { .. } => "block_cancelled",
            Self::RunResumed { .. } => "run_resumed",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::RunFinished { .. } => "run_finished",
        }
    }

    /// Returns the name of the block it is about, to change it in a view.
    pub fn block_mut(&mut self) -> Option<&mut BlockPath> {
        match self {
            Self::BlockStarted { block, .. }
            | Self::AttemptFailed { block, .. }
            | Self::BlockWaiting { block, .. }
            | Self::AnswerReceived { block, .. }
            | Self::StateChanged { block, .. }
            | Self::SecretUsed { block, .. }
            | Self::SecretDerived { block, .. }
            | Self::Log { block, .. }
            | Self::BlockFinished { block, .. }
            | Self::BlockSkipped { block, .. }
            | Self::BlockCancelled { block, .. } => Some(block),
            Self::RunStarted { .. }
            | Self::RunResumed { .. }
            | Self::CancelRequested { .. }
            | Self::RunFinished { .. } => None,
        }
    }

    /// Returns the block it is about.
    pub fn block(&self) -> Option<(At, &BlockPath)> {
        match self {
            Self::BlockStarted { at, block, .. }
            | Self::AttemptFailed { at, block, .. }
            | Self::BlockWaiting { at, block, .. }
            | Self::AnswerReceived { at, block, .. }
            | Self::StateChanged { at, block, .. }
            | Self::SecretUsed { at, block, .. }
            | Self::SecretDerived { at, block, .. }
            | Self::Log { at, block, .. }
            | Self::BlockFinished { at, block, .. }
            | Self::BlockSkipped { at, block, .. }
            | Self::BlockCancelled { at, block, .. } => Some((*at, block)),
            Self::RunStarted { .. }
            | Self::RunResumed { .. }
            | Self::CancelRequested { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}
