//! The contract of a source of secrets.

use jiff::Timestamp;

use crate::{
    id::SecretName,
    secret::{Policy, Secret},
};

/// A source of secrets. Called before a run, never during one; may block the thread.
pub trait Provider: Send + Sync {
    /// Returns the name in `project.yaml`.
    fn name(&self) -> &'static str;

    /// Returns the secret, or `None` where this source has none of that name.
    fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError>;

    /// Returns the names it has, without values, for lists; `None` where it cannot tell.
    fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError>;
}

/// A secret as a source gives it.
pub struct Entry {
    /// Its name.
    pub name: SecretName,
    /// Counts up with each change; 0 where the source keeps no versions.
    pub version: u64,
    /// The value.
    pub value: Secret,
    /// What may be done with it.
    pub policy: Policy,
    /// Whether it is too short or plain to be searched for in texts.
    pub is_weak: bool,
}

/// A secret in a list: everything but the value.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its name.
    pub name: SecretName,
    /// Counts up with each change; 0 where the source keeps no versions.
    pub version: u64,
    /// When it was last changed, where known.
    pub changed_at: Option<Timestamp>,
    /// What may be done with it.
    pub policy: Policy,
}

/// Why a source gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It is locked: the key that opens it is missing or wrong.
    #[error("{message}")]
    Locked {
        /// What is missing, and what to do.
        message: String,
    },
    /// It is damaged.
    #[error("{message}")]
    Damaged {
        /// What was found.
        message: String,
    },
    /// It cannot be reached or read.
    #[error("{message}")]
    Unavailable {
        /// What was tried.
        message: String,
        /// What went wrong below.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}
