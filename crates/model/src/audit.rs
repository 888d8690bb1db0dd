//! What the audit is told: each use of a secret and each refusal, before a value leaves.

use std::sync::Arc;

/// A use of a secret, allowed or refused. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The key, or for a secret that the run obtained, the path of the block and of the output.
    pub key: String,
    /// Its version; 0 where it has none.
    pub version: u64,
    /// What was asked for.
    pub action: Action,
    /// The host it was for; empty for a script.
    pub host: String,
    /// The place it was for: `header:authorization`, `body`, `script` …
    pub place: String,
    /// The functions whose result it was for, as in `basic_auth(…, vault.KEY)`.
    pub function: Option<String>,
    /// Why it was refused; `None` where it was allowed.
    pub refused: Option<String>,
}

/// What can be done with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A handle becomes the value where it leaves.
    Swap,
    /// A function of the value leaves.
    Derive,
    /// A script sees the value.
    Reveal,
}

impl Action {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Derive => "derive",
            Self::Reveal => "reveal",
        }
    }
}

impl SecretUse {
    /// Returns what came of it, in a word: `swap`, `derive`, `reveal` or `refuse`.
    pub fn outcome(&self) -> &'static str {
        if self.refused.is_some() { "refuse" } else { self.action.as_str() }
    }

    /// Returns host and place.
    pub fn destination(&self) -> String {
        if self.host.is_empty() {
            self.place.clone()
        } else {
            format!("{} {}", self.host, self.place)
        }
    }
}

/// Uses of secrets by one block.
#[derive(Debug)]
pub struct Audited<'a> {
    /// The run; empty outside one.
    pub run: &'a str,
    /// The blueprint.
    pub blueprint: &'a str,
    /// The block's path; empty outside a run.
    pub block: &'a str,
    /// What it does.
    pub uses: &'a [SecretUse],
}

/// Keeps what it is told before it returns. Where it cannot, the secret is not used.
pub type Audit = Arc<dyn Fn(&Audited<'_>) -> Result<(), AuditError> + Send + Sync>;

/// Why the audit could not be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuditError(pub String);

/// Returns an audit that keeps nothing: for tests and for measuring.
pub fn no_audit() -> Audit {
    Arc::new(|_| Ok(()))
}
