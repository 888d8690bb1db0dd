//! The one test binary: the whole truth about the engine and its code base.

mod cli;
mod layers;
mod schema;
mod semantics;
mod suite;
mod tidy;
