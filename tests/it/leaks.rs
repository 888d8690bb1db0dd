//! wip.

mod chain;
mod echoes;
mod failures;
mod mirror;
mod scripts;
mod stage;
mod vault;
mod views;
