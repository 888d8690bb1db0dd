//! The whole vault: providers asked in order for the keys that a run names, and no others.

use blueprint_model::{
    Provider, ProviderError, Secret, SecretName, Secrets,
    audit::{Audit, no_audit},
    journal::HandleTable,
    provider::{Entry, Listed},
    secret::{Policy, Tools},
};
use jiff::Timestamp;

use crate::{crypto, derivations::derivations, net};

/// Sources of secrets, in order: the first that has a key gives it.
pub struct Vault {
    providers: Vec<Box<dyn Provider>>,
    pub(crate) audit: Audit,
}

/// A key that a run names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The key.
    pub name: SecretName,
    /// Whether the run goes on where no source has it.
    pub is_optional: bool,
}

/// Why a run's secrets could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No source has these.
    #[error("the vault has no {}; add with `blueprint vault set {}`", quoted(.0), .0[0])]
    Missing(Vec<SecretName>),
    /// Their policy says that they are no longer used.
    #[error("{} expired; set a new value with `blueprint vault set {}`", quoted(.0), .0[0])]
    Expired(Vec<SecretName>),
    /// A source that may have one of them gave no answer.
    #[error("vault provider `{provider}` gave no answer for secret `{name}`")]
    Provider {
        /// The source.
        provider: &'static str,
        /// The key it was asked for.
        name: SecretName,
        /// What went wrong.
        #[source]
        source: ProviderError,
    },
}

/// What all sources have, without values.
#[derive(Debug, Default)]
pub struct Listing {
    /// The keys, in the order of the sources, each source's sorted by name.
    pub keys: Vec<ListedKey>,
    /// Sources that gave no answer.
    pub failures: Vec<(&'static str, ProviderError)>,
    /// Sources that cannot tell what they have.
    pub unlisted: Vec<&'static str>,
}

/// A key in a [`Listing`].
#[derive(Debug, Clone, PartialEq)]
pub struct ListedKey {
    /// The source.
    pub provider: &'static str,
    /// The key.
    pub listed: Listed,
    /// Whether a source before this one has a key of that name, so that this one is not used.
    pub is_shadowed: bool,
}

impl Vault {
    /// Returns the vault of these sources, asked in order. It keeps no audit: that is for tests; see
    /// [`Vault::with_audit`].
    pub fn new(providers: Vec<Box<dyn Provider>>) -> Self {
        Self { providers, audit: no_audit() }
    }

    /// Has every use of what it loads told to an audit.
    #[must_use]
    pub fn with_audit(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }

    /// Loads the keys that a run names, all of them or an error that names every missing one.
    ///
    /// Keys past their `expires` at `now` are not loaded. Without needs nothing is asked or read, and
    /// what comes back can keep the secrets that the run obtains.
    pub fn load(&self, needs: &[Need], now: Timestamp) -> Result<Secrets, LoadError> {
        self.load_for(needs, now, None)
    }

    /// Loads the keys of a run that another process began: its handles stand for them again, in
    /// their newest versions.
    pub fn reload(
        &self,
        needs: &[Need],
        now: Timestamp,
        handles: &HandleTable,
    ) -> Result<Secrets, LoadError> {
        self.load_for(needs, now, Some(handles))
    }

    fn load_for(
        &self,
        needs: &[Need],
        now: Timestamp,
        handles: Option<&HandleTable>,
    ) -> Result<Secrets, LoadError> {
        let (mut entries, mut missing, mut expired) = (Vec::<Entry>::new(), Vec::new(), Vec::new());
        for need in needs {
            if entries.iter().any(|entry| entry.name == need.name) {
                continue;
            }
            match self.find(&need.name)? {
                Some((_, entry)) if entry.policy.expires.is_some_and(|expires| expires <= now) => {
                    expired.push(need);
                }
                Some((_, entry)) => entries.push(entry),
                None => missing.push(need),
            }
        }
        match (required(&missing), required(&expired)) {
            (missing, _) if !missing.is_empty() => Err(LoadError::Missing(missing)),
            (_, expired) if !expired.is_empty() => Err(LoadError::Expired(expired)),
            _ => {
                let tools = tools(&entries, &self.audit);
                Ok(match handles {
                    None => Secrets::new(entries, tools),
                    Some(handles) => Secrets::restored(entries, tools, handles),
                })
            }
        }
    }

    /// Returns the source that a key comes from, or `None` where no source has it.
    pub fn origin(&self, name: &SecretName) -> Result<Option<&'static str>, LoadError> {
        for provider in &self.providers {
            let provider = provider.as_ref();
            let has_it = match provider.list().map_err(|err| failure(provider, name, err))? {
                Some(listed) => listed.iter().any(|listed| listed.name == *name),
                None => provider.get(name).map_err(|err| failure(provider, name, err))?.is_some(),
            };
            if has_it {
                return Ok(Some(provider.name()));
            }
        }
        Ok(None)
    }

    /// Returns what all sources have, without values; a source that fails hides no other.
    pub fn list(&self) -> Listing {
        let mut listing = Listing::default();
        for provider in &self.providers {
            match provider.list() {
                Ok(Some(rows)) => {
                    for listed in rows {
                        let is_shadowed = listing.keys.iter().any(|k| k.listed.name == listed.name);
                        let provider = provider.name();
                        listing.keys.push(ListedKey { provider, listed, is_shadowed });
                    }
                }
                Ok(None) => listing.unlisted.push(provider.name()),
                Err(err) => listing.failures.push((provider.name(), err)),
            }
        }
        listing
    }

    pub(crate) fn find(
        &self,
        name: &SecretName,
    ) -> Result<Option<(&'static str, Entry)>, LoadError> {
        for provider in &self.providers {
            let provider = provider.as_ref();
            if let Some(entry) = provider.get(name).map_err(|err| failure(provider, name, err))? {
                return Ok(Some((provider.name(), entry)));
            }
        }
        Ok(None)
    }
}

/// Returns the handles of a run without the values: for looking at a run, not for going on with it.
pub fn without_values(handles: &HandleTable) -> Secrets {
    let entry = |(name, version): &(SecretName, u64)| Entry {
        name: name.clone(),
        version: *version,
        value: Secret::new(String::new()),
        policy: Policy::default(),
        is_weak: true,
    };
    let entries: Vec<Entry> = handles.keys.iter().map(entry).collect();
    let tools = tools(&entries, &no_audit());
    Secrets::restored(entries, tools, handles)
}

fn tools(entries: &[Entry], audit: &Audit) -> Tools {
    Tools {
        seed: crypto::random(),
        derivations: derivations(),
        keyed_hash: |key, text| crypto::hmac_sha256(key, text.as_bytes()),
        net: net::over(entries),
        search: net::over_values,
        audit: audit.clone(),
    }
}

fn failure(provider: &dyn Provider, name: &SecretName, source: ProviderError) -> LoadError {
    LoadError::Provider { provider: provider.name(), name: name.clone(), source }
}

fn required(needs: &[&Need]) -> Vec<SecretName> {
    let mut names: Vec<SecretName> = Vec::new();
    for need in needs.iter().filter(|need| !need.is_optional) {
        if !names.contains(&need.name) {
            names.push(need.name.clone());
        }
    }
    names
}

fn quoted(names: &[SecretName]) -> String {
    let noun = if names.len() == 1 { "secret" } else { "secrets" };
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("{noun} {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use blueprint_model::Value;

    use super::*;
    use crate::memory::MemoryVault;

    /// A source whose device is unplugged.
    struct Unplugged;

    impl Provider for Unplugged {
        fn name(&self) -> &'static str {
            "unplugged"
        }

        fn get(&self, _: &SecretName) -> Result<Option<Entry>, ProviderError> {
            Err(ProviderError::Locked { message: "it is unplugged".into() })
        }

        fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
            Err(ProviderError::Locked { message: "it is unplugged".into() })
        }
    }

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).unwrap()
    }

    fn memory(pairs: &[(&str, &str)]) -> Box<dyn Provider> {
        Box::new(pairs.iter().fold(MemoryVault::new(), |vault, (key, value)| {
            vault.with(name(key), Secret::new((*value).into()), Policy::default())
        }))
    }

    fn needs(names: &[&str]) -> Vec<Need> {
        let need = |text: &&str| match text.strip_suffix('?') {
            Some(text) => Need { name: name(text), is_optional: true },
            None => Need { name: name(text), is_optional: false },
        };
        names.iter().map(need).collect()
    }

    #[track_caller]
    fn check(providers: Vec<Box<dyn Provider>>, names: &[&str], expected: Result<&[&str], &str>) {
        let loaded = Vault::new(providers).load(&needs(names), Timestamp::UNIX_EPOCH);
        let values = loaded.as_ref().map_err(ToString::to_string).map(|secrets| {
            secrets.entries().iter().map(|entry| entry.value.expose()).collect::<Vec<_>>()
        });
        assert_eq!(values, expected.map(<[&str]>::to_vec).map_err(str::to_owned));
    }

    #[test]
    fn the_first_source_that_has_a_key_gives_it() {
        let first = memory(&[("A", "first-value-1")]);
        let second = memory(&[("A", "second-value-1"), ("B", "second-value-2"), ("C", "unused")]);
        check(vec![first, second], &["A", "B", "A"], Ok(&["first-value-1", "second-value-2"]));
    }

    #[test]
    fn all_missing_keys_are_named_at_once() {
        check(vec![memory(&[("A", "value-of-a")])], &["B", "A", "C", "D?"], {
            Err("the vault has no secrets `B`, `C`; add with `blueprint vault set B`")
        });
        check(vec![memory(&[])], &["D?"], Ok(&[]));
    }

    #[test]
    fn a_failing_source_hurts_only_those_who_need_it() {
        let has_a = || memory(&[("A", "value-of-a")]);
        check(vec![has_a(), Box::new(Unplugged)], &["A"], Ok(&["value-of-a"]));
        check(vec![has_a(), Box::new(Unplugged)], &["A", "B"], {
            Err("vault provider `unplugged` gave no answer for secret `B`")
        });
        check(vec![Box::new(Unplugged), has_a()], &["A?"], {
            Err("vault provider `unplugged` gave no answer for secret `A`")
        });
        check(vec![Box::new(Unplugged)], &[], Ok(&[]));
    }

    #[test]
    fn an_expired_key_is_not_used() {
        let policy = Policy { expires: Some(Timestamp::UNIX_EPOCH), ..Policy::default() };
        let vault = || -> Vec<Box<dyn Provider>> {
            let value = Secret::new("old-value".into());
            vec![Box::new(MemoryVault::new().with(name("OLD"), value, policy.clone()))]
        };
        check(vault(), &["OLD"], {
            Err("secret `OLD` expired; set a new value with `blueprint vault set OLD`")
        });
        check(vault(), &["OLD?"], Ok(&[]));
    }

    #[test]
    fn lists_name_the_source_and_what_is_shadowed() {
        let vault = Vault::new(vec![
            memory(&[("A", "value-of-a")]),
            Box::new(Unplugged),
            memory(&[("A", "shadowed-value"), ("B", "value-of-b")]),
        ]);
        let listing = vault.list();
        let rows: Vec<(&str, bool)> =
            listing.keys.iter().map(|key| (key.listed.name.as_str(), key.is_shadowed)).collect();
        assert_eq!(rows, [("A", false), ("A", true), ("B", false)]);
        assert_eq!(listing.failures.len(), 1);
        assert_eq!(vault.origin(&name("A")).unwrap(), Some("memory"));
        assert!(vault.origin(&name("B")).is_err());
    }

    #[test]
    fn loaded_secrets_have_handles_and_a_net() {
        let vault = Vault::new(vec![memory(&[("A", "hunter2-hunter3"), ("PIN", "1234")])]);
        let load = || vault.load(&needs(&["A", "PIN"]), Timestamp::UNIX_EPOCH).unwrap();
        let secrets = load();
        let handle = secrets.handle(0);
        assert_ne!(handle, load().handle(0), "each run has tokens of its own");
        let mut value = Value::from("you sent hunter2-hunter3 and 1234");
        assert!(secrets.catch(&mut value));
        assert_eq!(value, Value::from(format!("you sent {handle} and 1234")));
        assert!(!secrets.catch(&mut value), "a handle is not searched again");
    }
}
