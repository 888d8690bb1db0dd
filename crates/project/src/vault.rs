//! The vault as a team sees it: each name with its state and what uses it, and changes; never a value.

mod import;
mod last_used;
mod policy;
mod uses;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::Result;
use blueprint_engine::Plan;
use blueprint_model::{Secret, SecretName, egress::HostPattern, provider::Listed, secret::Policy};
use blueprint_vault::{FileError, FileVault, KeySource, NewSecret, Vault, WeakValues};
use jiff::Timestamp;

use self::last_used::LastUsed;
pub use self::{
    import::{Existing, Pair, PairState, import_pairs},
    policy::{PolicyChange, policy_rows},
    uses::{Usage, Use, sentence, uses_of},
};
use crate::{
    environment::Environment,
    failure::Failure,
    project::Project,
    secrets::{self, file_failure},
};

/// The vault of a project, opened once and asked often. Its calls read files and may ask other
/// servers, so they block.
pub struct ProjectVault {
    sources: Vault,
    file: FileVault,
    file_path: PathBuf,
    /// Where the key of a new vault file goes.
    keys: Option<PathBuf>,
    new_path: PathBuf,
    last_used: LastUsed,
}

/// What is shown of a vault.
#[derive(Debug, Clone, PartialEq)]
pub struct VaultPage {
    /// Whether there is a vault file that can be changed; without one: `blueprint vault init`.
    pub has_file: bool,
    /// The names, in order.
    pub entries: Vec<VaultEntry>,
    /// What sources did not tell, in sentences.
    pub silent: Vec<String>,
}

/// A name in the vault, or one that blueprints use and that is nowhere.
#[derive(Debug, Clone, PartialEq)]
pub struct VaultEntry {
    /// The name.
    pub name: String,
    /// Whether it is there, and whether it should be.
    pub state: EntryState,
    /// The source that gives it; `None` where it is missing.
    pub provider: Option<&'static str>,
    /// Its version; 0 where its source has none.
    pub version: u64,
    /// When it was changed, where its source knows.
    pub changed_at: Option<Timestamp>,
    /// When it was last used, by the audit.
    pub last_used: Option<Timestamp>,
    /// What may be done with it.
    pub policy: Policy,
    /// Which block fields of which blueprints use it.
    pub uses: Vec<Use>,
}

/// Whether a secret is there, and whether it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryState {
    /// A blueprint needs it and no source has it: its runs are refused.
    Missing,
    /// A blueprint can use it, does without, and no source has it.
    Optional,
    /// A blueprint uses it, and a source that cannot tell what it has may have it.
    Unknown,
    /// It is in the vault file and is used.
    Set,
    /// It is in the vault file and no blueprint uses it.
    Unused,
    /// It comes from a source that is not changed here.
    ReadOnly,
}

impl EntryState {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Optional => "optional",
            Self::Unknown => "unknown",
            Self::Set => "set",
            Self::Unused => "unused",
            Self::ReadOnly => "read_only",
        }
    }
}

/// A value for a name.
pub struct Change {
    /// The name.
    pub name: SecretName,
    /// The value.
    pub value: Secret,
    /// Where it may go from now on; `None` keeps what is set.
    pub hosts: Option<Vec<HostPattern>>,
    /// Whether a weak value is kept.
    pub weak: WeakValues,
}

impl ProjectVault {
    /// Returns the vault of a project. Reads nothing yet.
    ///
    /// # Errors
    ///
    /// Returns a failure if a source is set up in a way that cannot work.
    pub fn new(project: &Project, environment: &Environment) -> Result<Self> {
        Ok(Self {
            sources: secrets::vault(project, environment)?,
            file: secrets::file_vault(project, environment),
            file_path: secrets::vault_path(project, environment),
            keys: secrets::key_folder(environment),
            new_path: project.home(environment).join("vault"),
            last_used: LastUsed::new(secrets::audit(project, environment).path()),
        })
    }

    /// Returns every name that a source has or one of these plans uses.
    pub fn page<'p>(&self, plans: impl IntoIterator<Item = &'p Plan>) -> VaultPage {
        let listing = self.sources.list();
        let usage = Usage::of(plans.into_iter().flat_map(uses_of).collect(), &listing);
        let last_used = self.last_used.now();
        let silent = usage.silent.clone();
        let mut by_key: BTreeMap<String, Vec<Use>> = BTreeMap::new();
        for found in usage.uses {
            by_key.entry(found.planned.key.as_str().into()).or_default().push(found);
        }
        let mut entries = Vec::new();
        for row in listing.keys.into_iter().filter(|row| !row.is_shadowed) {
            let uses = by_key.remove(row.listed.name.as_str()).unwrap_or_default();
            let state = match (row.provider, uses.is_empty()) {
                ("file", true) => EntryState::Unused,
                ("file", false) => EntryState::Set,
                _ => EntryState::ReadOnly,
            };
            let Listed { name, version, changed_at, policy } = row.listed;
            let (name, provider) = (name.as_str().to_owned(), Some(row.provider));
            let last_used = last_used.get(&name).copied();
            entries.push(VaultEntry {
                name,
                state,
                provider,
                version,
                changed_at,
                last_used,
                policy,
                uses,
            });
        }
        for (name, uses) in by_key {
            let state = match usage.missing.iter().find(|(missing, _)| *missing == name) {
                Some((_, true)) => EntryState::Missing,
                Some((_, false)) => EntryState::Optional,
                None => EntryState::Unknown,
            };
            entries.push(VaultEntry {
                last_used: last_used.get(&name).copied(),
                name,
                state,
                provider: None,
                version: 0,
                changed_at: None,
                policy: Policy::default(),
                uses,
            });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        VaultPage { has_file: self.file_path.exists(), entries, silent }
    }

    /// Makes an empty vault file, and the key that opens it in the user's configuration folder.
    ///
    /// # Errors
    ///
    /// Returns a failure if there is one, or no such folder.
    pub fn init(&self) -> Result<()> {
        let keys = self.keys.clone().ok_or_else(|| {
            let failure = Failure::environment("there is no configuration folder: no `HOME`");
            failure.help("blueprint vault init --key-file FILE")
        })?;
        let source = Arc::new(KeySource::Folder(keys));
        FileVault::init(&self.new_path, source).map_err(file_failure)?;
        Ok(())
    }

    /// Returns whether the vault file has a secret of this name.
    ///
    /// # Errors
    ///
    /// Returns a failure if there is no vault, or it is locked.
    pub fn has(&self, name: &SecretName) -> Result<bool> {
        let listed = self.file.list().map_err(file_failure)?;
        Ok(listed.iter().any(|listed| listed.name == *name))
    }

    /// Keeps a value as the next version of its name, for the next run on, and returns the version.
    ///
    /// # Errors
    ///
    /// Returns a failure if there is no vault, it is locked, or the value is weak.
    pub fn set(&self, change: Change) -> Result<u64> {
        let Change { name, value, hosts, weak } = change;
        let policy = match hosts {
            None => None,
            Some(hosts) => Some(Policy { hosts, ..self.policy_before(&name)? }),
        };
        let new = NewSecret { name, value, policy, weak, now: secrets::now() };
        self.file.set(new).map_err(file_failure)
    }

    /// Returns what may be done with a secret.
    ///
    /// # Errors
    ///
    /// Returns a failure if the vault file has no such secret, or does not open.
    pub fn policy(&self, name: &SecretName) -> Result<Policy> {
        self.file.policy(name).map_err(file_failure)
    }

    /// Changes where a secret may go; value and version stay.
    ///
    /// # Errors
    ///
    /// Returns a failure if the vault file has no such secret, or refuses.
    pub fn set_policy(&self, name: &SecretName, policy: &Policy) -> Result<()> {
        self.file.set_policy(name, policy).map_err(file_failure)
    }

    /// Gives a secret another name; value, version and policy stay.
    ///
    /// # Errors
    ///
    /// Returns a failure if there is no such secret, or another has the new name.
    pub fn rename(&self, from: &SecretName, to: SecretName) -> Result<()> {
        self.file.rename(from, to).map_err(file_failure)
    }

    /// Deletes a secret for good.
    ///
    /// # Errors
    ///
    /// Returns a failure if the vault file has no such secret, or refuses.
    pub fn delete(&self, name: &SecretName) -> Result<()> {
        self.file.delete(name).map_err(file_failure)
    }

    fn policy_before(&self, name: &SecretName) -> Result<Policy> {
        match self.file.policy(name) {
            Ok(policy) => Ok(policy),
            Err(FileError::NotFound { .. }) => Ok(Policy::default()),
            Err(err) => Err(file_failure(err)),
        }
    }
}

/// Reads a name.
///
/// # Errors
///
/// Returns a failure if a secret cannot have it.
pub fn parse_name(text: &str) -> Result<SecretName> {
    SecretName::parse(text).ok_or_else(|| {
        Failure::wrong(format!("`{text}` cannot be the name of a secret"))
            .help("letters, digits, `_` and `-`, beginning with a letter: ACME_API_KEY")
            .into()
    })
}

/// Reads a host of a policy.
///
/// # Errors
///
/// Returns a failure if it is none.
pub fn parse_host(text: &str) -> Result<HostPattern> {
    HostPattern::parse(text).ok_or_else(|| {
        Failure::wrong(format!("`{text}` is no host"))
            .help("as in api.acme.example, *.acme.example or http://127.0.0.1:8080")
            .into()
    })
}
