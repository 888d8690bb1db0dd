//! A source in memory: for tests, and for values that a caller already has.

use std::collections::BTreeMap;

use blueprint_model::{
    Provider, ProviderError, Secret, SecretName,
    provider::{Entry, Listed},
    secret::Policy,
};

use crate::strength::weakness;

/// A source whose secrets are in memory.
#[derive(Default)]
pub struct MemoryVault {
    entries: BTreeMap<SecretName, Kept>,
}

struct Kept {
    value: Secret,
    version: u64,
    policy: Policy,
}

impl MemoryVault {
    /// Returns a source without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the source with one more secret; the same name again is a new version.
    #[must_use]
    pub fn with(mut self, name: SecretName, value: Secret, policy: Policy) -> Self {
        let version = self.entries.get(&name).map_or(1, |kept| kept.version + 1);
        self.entries.insert(name, Kept { value, version, policy });
        self
    }
}

impl Provider for MemoryVault {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError> {
        Ok(self.entries.get(name).map(|kept| Entry {
            name: name.clone(),
            version: kept.version,
            is_weak: weakness(kept.value.expose()).is_some(),
            value: Secret::new(kept.value.expose().into()),
            policy: kept.policy.clone(),
        }))
    }

    fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
        let listed = self.entries.iter().map(|(name, kept)| Listed {
            name: name.clone(),
            version: kept.version,
            changed_at: None,
            policy: kept.policy.clone(),
        });
        Ok(Some(listed.collect()))
    }
}
