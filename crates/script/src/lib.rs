//! Sandboxed script languages, one file each.
//!
//! A script has no host: it gets its variables and the functions registered here, and runs within
//! the bounds of [`ScriptLimits`](blueprint_model::limits::ScriptLimits). What every language
//! needs is kept apart from the languages: [`memory`] counts what a thread holds, `guard` knows the
//! bounds of the run on a thread, `worker` lends threads with big stacks.
//!
//! The memory bound holds only in a binary that installs [`memory::CountingAllocator`].
//!
//! A language is one file that implements [`Language`], with its parts in a folder beside it; one
//! line in [`all`]; and one row in the sandbox tests (`tests/it/sandbox.rs`).

use std::sync::Arc;

use blueprint_model::{Language, secret::Derivation};

mod guard;
pub mod memory;
mod rhai;
mod worker;

/// Returns every language. `derivations` are the functions over secrets that scripts may call.
pub fn all(derivations: &'static [Derivation]) -> Vec<Arc<dyn Language>> {
    vec![Arc::new(rhai::Rhai::new(derivations))]
}
