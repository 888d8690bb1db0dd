//! Where secrets come from, one file per provider; what is computed from them; the second net.
//!
//! A [`Vault`] asks its providers in order for the keys that a run names, and only those, and hands
//! out [`blueprint_model::Secrets`]: handles, with the functions over secrets ([`derivations()`]) and
//! the second net ([`net`]) that finds values in what comes back from outside.
//!
//! The crate reads no environment and no clock: callers pass both.

pub mod audit;
pub mod cached;
pub mod command;
pub mod derivations;
pub mod dotenv;
pub mod env;
pub mod file;
pub mod hashicorp;
pub mod memory;
pub mod net;
pub mod open;
pub mod strength;
pub mod vault;
pub mod verify;

mod crypto;

pub use crate::{
    audit::{AuditFault, AuditFile, AuditLine, Verified},
    derivations::derivations,
    dotenv::DotenvFile,
    env::Environment,
    file::{Cost, FileError, FileVault, KeyKind, KeySource, NewSecret, Status, WeakValues},
    memory::MemoryVault,
    net::{NetStream, SecondNet},
    open::{PROVIDERS, Source, Sources, open},
    strength::weakness,
    vault::{LoadError, Need, Vault, without_values},
    verify::{Refusal, Signed},
};
