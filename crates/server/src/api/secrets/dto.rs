//! Secrets on the wire. There is no place for a value in what goes out.

use blueprint_engine::Goes;
use blueprint_project::vault::{self, Pair, PairState, Use, VaultEntry, VaultPage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A value for a name. It is no `Debug`: nothing may print it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewValue {
    /// The value.
    #[schema(write_only, example = "example-value")]
    pub(super) value: String,
    /// Where it may go from now on; without it, what is set stays.
    pub(super) hosts: Option<Vec<String>>,
    /// Whether a value is kept that is too short or plain to be searched for.
    #[serde(default)]
    pub(super) force: bool,
}

/// Another name for a secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewName {
    /// The name it gets.
    pub(super) name: String,
}

/// The text of a `.env` file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    /// The text.
    #[schema(write_only, example = "ACME_KEY=example-value")]
    pub(super) text: String,
    /// What to do with names that are there.
    #[serde(default)]
    pub(super) existing: OnExisting,
    /// Whether weak values are kept.
    #[serde(default)]
    pub(super) force: bool,
    /// Whether only names and what would become of them are answered.
    #[serde(default)]
    pub(super) preview: bool,
}

/// What to do with a name that is there.
#[derive(Deserialize, Default, Clone, Copy, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnExisting {
    /// Store nothing at all.
    #[default]
    Refuse,
    /// Store the new value.
    Replace,
    /// Leave it as it is.
    Keep,
}

/// The secrets of a project.
#[derive(Serialize, ToSchema)]
pub(crate) struct Secrets {
    /// By name: those that are there, and those that are used and are not.
    secrets: Vec<Secret>,
    /// Whether there is a vault file; without one nothing can be set.
    has_vault: bool,
    /// What sources did not tell.
    silent: Vec<String>,
}

/// What is known of a secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct Secret {
    /// The name.
    name: String,
    /// `set`, `unused`, `read_only`, `missing`, `optional` or `unknown`.
    state: &'static str,
    /// The source that gives it.
    provider: Option<&'static str>,
    /// Counts up with each value; null where its source does not count.
    version: Option<u64>,
    /// When it was changed, where its source knows.
    changed_at: Option<String>,
    /// When it was last used.
    last_used: Option<String>,
    /// What may be done with it.
    policy: Policy,
    /// The fields that use it.
    used_by: Vec<UsedBy>,
}

/// What may be done with a secret; empty lists allow any.
#[derive(Serialize, ToSchema)]
pub(crate) struct Policy {
    /// Where it may go.
    hosts: Vec<String>,
    /// Where in a request it may stand.
    places: Vec<String>,
    /// Which blueprints may use it.
    blueprints: Vec<String>,
    /// Whether a script may see the value.
    may_reveal: bool,
    /// When it stops being used.
    expires: Option<String>,
}

/// A field that uses a secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsedBy {
    /// The file.
    file: String,
    /// The line, from 1.
    line: usize,
    /// The blueprint.
    blueprint: String,
    /// The block.
    block: String,
    /// Its field.
    field: &'static str,
    /// The key in the field.
    part: Option<String>,
    /// Where the value goes, if that is written there.
    host: Option<String>,
    /// Whether a run does without.
    is_optional: bool,
    /// All of it in words.
    sentence: String,
}

/// A secret that was set.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stored {
    /// The name.
    pub(super) name: String,
    /// The version that it has now.
    pub(super) version: u64,
}

/// A secret that has another name now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Renamed {
    /// The name it has.
    pub(super) name: String,
    /// The name it had.
    pub(super) was: String,
    /// The fields that use the old name.
    pub(super) used_by: Vec<UsedBy>,
}

/// A secret that is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// The name it had.
    pub(super) name: String,
    /// The fields that used it.
    pub(super) used_by: Vec<UsedBy>,
}

/// What became of the pairs of a text, or would.
#[derive(Serialize, ToSchema)]
pub(crate) struct Imported {
    /// The names, in the order of the text.
    pub(super) secrets: Vec<ImportedSecret>,
    /// Whether nothing was stored.
    pub(super) is_preview: bool,
}

/// A name of a text.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportedSecret {
    /// The name.
    pub(super) name: String,
    /// The version that it has now; not in a preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
    /// In a preview, whether the vault has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_there: Option<bool>,
    /// In a preview, why its value would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weak: Option<&'static str>,
}

impl Secrets {
    /// Returns the secrets as they are sent.
    pub(super) fn of(page: VaultPage) -> Self {
        let VaultPage { has_file, entries, silent } = page;
        let secrets = entries.iter().map(Secret::of).collect();
        Self { secrets, has_vault: has_file, silent }
    }
}

impl Secret {
    /// Returns a secret as it is sent.
    pub(super) fn of(entry: &VaultEntry) -> Self {
        let policy = &entry.policy;
        Self {
            name: entry.name.clone(),
            state: entry.state.as_str(),
            provider: entry.provider,
            version: (entry.version > 0).then_some(entry.version),
            changed_at: entry.changed_at.map(|at| format!("{at:.0}")),
            last_used: entry.last_used.map(|at| format!("{at:.0}")),
            policy: Policy {
                hosts: policy.hosts.iter().map(ToString::to_string).collect(),
                places: policy.places.iter().map(ToString::to_string).collect(),
                blueprints: policy.blueprints.clone(),
                may_reveal: policy.may_reveal,
                expires: policy.expires.map(|at| format!("{at:.0}")),
            },
            used_by: entry.uses.iter().map(UsedBy::of).collect(),
        }
    }
}

impl UsedBy {
    /// Returns a use as it is sent.
    pub(super) fn of(found: &Use) -> Self {
        let planned = &found.planned;
        Self {
            file: found.file.clone(),
            line: found.line,
            blueprint: found.blueprint.clone(),
            block: planned.block.clone(),
            field: planned.field,
            part: planned.part.clone(),
            host: match &planned.goes {
                Goes::Out { host, .. } => host.clone(),
                Goes::Script | Goes::Revealed | Goes::Listed | Goes::Handle => None,
            },
            is_optional: planned.is_optional,
            sentence: vault::sentence(planned),
        }
    }
}

impl ImportedSecret {
    /// Returns a pair that could be stored.
    pub(super) fn looked_at(pair: &Pair) -> Self {
        Self {
            name: pair.name.as_str().into(),
            version: None,
            is_there: Some(pair.state == PairState::There),
            weak: pair.weak,
        }
    }
}
