//! The one test binary: the whole truth about the engine and its code base.

#![expect(clippy::unwrap_used, reason = "a test that fails there says where")]

mod cli;
mod host;
mod kills;
mod layers;
mod leaks;
mod readme;
mod replay;
mod schema;
mod semantics;
mod server;
mod simulation;
mod suite;
mod tidy;
