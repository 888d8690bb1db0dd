//! wip.

mod chain;
mod echoes;
mod failures;
mod mirror;
mod stage;
