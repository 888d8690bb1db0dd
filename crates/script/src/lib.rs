//! Sandboxed script languages, one file each.
//!
//! A script has no host: it gets its variables and the functions registered here, and runs within
//! the bounds of [`ScriptLimits`](blueprint_model::limits::ScriptLimits). What every language
//! needs is kept apart from the languages: [`memory`] counts what a thread holds, `guard` knows the
//! bounds of the run on a thread, `threads` lends threads with big stacks, `keys` asks for secrets.
//!
//! Scripts run at one of two levels. [`all`] gives languages that run in this process; [`pooled`]
//! gives the same languages running in processes of a [`Pool`], which [`lockdown`] has taken
//! everything from that scripts do not need. [`worker_main`] is what those processes do.
//!
//! The memory bound holds only in a binary that installs [`memory::CountingAllocator`].
//!
//! A language is one file that implements [`Language`], with its parts in a folder beside it; one
//! variant in `kinds`; and one row in the sandbox tests (`tests/it/sandbox.rs`).

use std::sync::Arc;

use blueprint_model::{Language, secret::Derivation};

mod guard;
mod keys;
mod kinds;
pub mod lockdown;
pub mod memory;
mod pool;
mod rhai;
mod threads;

pub use crate::pool::{Pool, PoolSettings, WORKER_WORD, worker_main};

use crate::{kinds::Kind, pool::Pooled};

/// Returns every language, for scripts that run in this process. `derivations` are the functions
/// over secrets that scripts may call.
pub fn all(derivations: &'static [Derivation]) -> Vec<Arc<dyn Language>> {
    Kind::all(derivations).into_iter().map(Kind::into_language).collect()
}

/// Returns every language, for scripts that run in the processes of a pool.
pub fn pooled(derivations: &'static [Derivation], pool: &Pool) -> Vec<Arc<dyn Language>> {
    let all = Kind::all(derivations).into_iter();
    all.map(|kind| Arc::new(Pooled::new(kind, pool.clone())) as Arc<dyn Language>).collect()
}
