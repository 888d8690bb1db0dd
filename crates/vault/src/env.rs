//! Secrets in the environment: `BLUEPRINT_SECRET_<KEY>`.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{
    Provider, ProviderError, Secret, SecretName,
    provider::{Entry, Listed},
    secret::Policy,
};

use crate::strength::weakness;

/// What the name of a variable begins with, before the name of the secret.
pub const PREFIX: &str = "BLUEPRINT_SECRET_";

/// The secrets among a process's variables. Cheap to clone.
#[derive(Clone, Default)]
pub struct Environment(Arc<BTreeMap<SecretName, Secret>>);

impl Environment {
    /// Takes the secrets out of all variables; the others are dropped.
    ///
    /// A variable without a value is none: no secret is ever an empty text.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let secrets = variables.into_iter().filter_map(|(variable, value)| {
            let name = SecretName::parse(variable.strip_prefix(PREFIX)?)?;
            (!value.is_empty()).then(|| (name, Secret::new(value)))
        });
        Self(Arc::new(secrets.collect()))
    }
}

impl Provider for Environment {
    fn name(&self) -> &'static str {
        "env"
    }

    fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError> {
        Ok(self.0.get(name).map(|value| unversioned(name, value.expose())))
    }

    fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
        Ok(Some(self.0.keys().map(unversioned_row).collect()))
    }
}

/// Returns an entry of a source that keeps neither versions nor policies.
pub(crate) fn unversioned(name: &SecretName, value: &str) -> Entry {
    Entry {
        name: name.clone(),
        version: 0,
        value: Secret::new(value.into()),
        policy: Policy::default(),
        is_weak: weakness(value).is_some(),
    }
}

/// Returns the row of such an entry in a list.
pub(crate) fn unversioned_row(name: &SecretName) -> Listed {
    Listed { name: name.clone(), version: 0, changed_at: None, policy: Policy::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        let variables = [
            ("BLUEPRINT_SECRET_ACME_KEY", "hunter2-hunter3"),
            ("BLUEPRINT_SECRET_SHORT", "abc"),
            ("BLUEPRINT_SECRET_EMPTY", ""),
            ("BLUEPRINT_SECRET_", "nameless"),
            ("HOME", "/root"),
        ];
        Environment::new(variables.map(|(name, value)| (name.into(), value.into())))
    }

    #[track_caller]
    fn check(name: &str, expected: Option<(&str, bool)>) {
        let entry = environment().get(&SecretName::parse(name).unwrap()).unwrap();
        let found = entry.as_ref().map(|entry| (entry.value.expose(), entry.is_weak));
        assert_eq!(found, expected);
    }

    #[test]
    fn variables_with_the_prefix_are_secrets() {
        check("ACME_KEY", Some(("hunter2-hunter3", false)));
        check("SHORT", Some(("abc", true)));
    }

    #[test]
    fn empty_and_other_variables_are_none() {
        check("EMPTY", None);
        check("HOME", None);
        assert_eq!(environment().list().unwrap().unwrap().len(), 2);
    }
}
