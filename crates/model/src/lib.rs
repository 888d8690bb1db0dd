//! The words and contracts of the engine: everything else depends on this crate, and it on no one.
//!
//! Data goes one way: text becomes a [`Blueprint`], a blueprint a plan, a plan a run, a run
//! [`Event`]s. This crate names those things and the four contracts between them ([`Block`],
//! [`Provider`], [`Language`], [`Journal`]). It does no I/O, reads no clock and starts no task.

pub mod audit;
pub mod block;
pub mod blueprint;
pub mod code;
pub mod diagnostic;
pub mod egress;
pub mod event;
pub mod format;
pub mod id;
pub mod inputs;
pub mod journal;
pub mod limits;
pub mod provider;
pub mod registry;
pub mod schema;
pub mod script;
pub mod secret;
pub mod source;
pub mod template;
pub mod token;
pub mod units;
pub mod value;

pub use crate::{
    block::{Block, BlockCx, BlockError, BlockSpec, End, FieldKind, FieldSpec, Finish, Wish},
    blueprint::Blueprint,
    diagnostic::{Diagnostic, Severity, Span, Spanned},
    event::{Event, EventKind},
    id::{BlockPath, RunId, SecretName},
    inputs::{Input, Inputs},
    journal::{Journal, JournalError, RunRecord},
    limits::Limits,
    provider::{Provider, ProviderError},
    registry::Registry,
    script::{Language, Script, ScriptEnd, ScriptError, ScriptScope},
    secret::{Secret, Secrets},
    source::Source,
    template::{Reference, Template},
    value::Value,
};
