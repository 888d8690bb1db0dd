//! Checks plans, folds events, runs the loop.
//!
//! A [`Plan`] is the checked, immutable graph of a blueprint. A [`RunState`] is a fold over events
//! that says what is due: it decides everything and does nothing. The dispatcher does: it takes what
//! is due, lets blocks work, and records what came of it. [`Engine::start`] begins a run and gives a
//! [`RunHandle`].

mod change;
mod clock;
mod dispatch;
mod handle;
mod host;
mod library;
mod outline;
mod plan;
mod replay;
mod resolve;
mod retry;
mod schedule;
mod state;
mod view;
pub mod why;

pub use crate::{
    clock::{Clock, Ids},
    dispatch::{Engine, Origin, Rebuilt, ResumeError, StartError, StartRun},
    handle::{Halt, RunEnd, RunHandle, Stop},
    host::{Host, News, Rebuild},
    library::{Library, Linked},
    outline::{Outline, OutlineEdge, OutlineNode},
    plan::{
        BlockInfo, Built, Goes, Plan, PlannedKind, PlannedTrigger, PlannedUse, Preview,
        PreviewField, SecretNeed,
    },
    replay::{
        Difference, Divergence, Ended, Fate, Replay, ReplayedBlock, Verdict, Written,
        first_difference, state_after, written,
    },
    schedule::Schedule,
    state::{Command, RunState},
    view::shown,
};
