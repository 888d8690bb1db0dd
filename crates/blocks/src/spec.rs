//! Short spellings for the parts of a block type's description.

use blueprint_model::{
    FieldKind, FieldSpec,
    block::{Need, OutcomeSpec},
};

/// Returns a field that stays inside the process.
pub(crate) const fn field(
    name: &'static str,
    kind: FieldKind,
    need: Need,
    summary: &'static str,
) -> FieldSpec {
    FieldSpec { name, kind, need, summary, is_egress: false }
}

/// Returns a field whose value leaves the process.
pub(crate) const fn outgoing_field(
    name: &'static str,
    kind: FieldKind,
    need: Need,
    summary: &'static str,
) -> FieldSpec {
    FieldSpec { name, kind, need, summary, is_egress: true }
}

/// Returns an outcome that may be left without a next block.
pub(crate) const fn outcome(name: &'static str, summary: &'static str) -> OutcomeSpec {
    OutcomeSpec { name, is_error: false, summary }
}

/// Returns an outcome that fails the run when nothing handles it.
pub(crate) const fn error_outcome(name: &'static str, summary: &'static str) -> OutcomeSpec {
    OutcomeSpec { name, is_error: true, summary }
}
