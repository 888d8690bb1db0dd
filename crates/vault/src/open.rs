//! The list of providers, and how a project's list of names becomes a [`Vault`].

use std::{path::PathBuf, sync::Arc};

use blueprint_model::Provider;

use crate::{
    dotenv::DotenvFile,
    env::Environment,
    file::{FileVault, KeySource},
    vault::Vault,
};

/// What providers are made from.
pub struct Sources {
    /// The encrypted file.
    pub vault: PathBuf,
    /// The key that opens it.
    pub key: Arc<KeySource>,
    /// The process's variables.
    pub environment: Environment,
    /// The `.env` file.
    pub dotenv: PathBuf,
}

/// A kind of provider, as `project.yaml` names it.
pub struct ProviderKind {
    /// Its name.
    pub name: &'static str,
    /// One line for the manual.
    pub summary: &'static str,
    open: fn(&Sources) -> Box<dyn Provider>,
}

/// The providers there are.
pub const PROVIDERS: &[ProviderKind] = &[
    ProviderKind {
        name: "file",
        summary: "the project's encrypted file, `.blueprint/vault`",
        open: |sources| Box::new(FileVault::new(&sources.vault, sources.key.clone())),
    },
    ProviderKind {
        name: "env",
        summary: "variables named `BLUEPRINT_SECRET_<KEY>`",
        open: |sources| Box::new(sources.environment.clone()),
    },
    ProviderKind {
        name: "dotenv",
        summary: "a `.env` file, not encrypted",
        open: |sources| Box::new(DotenvFile::new(&sources.dotenv)),
    },
];

/// A name in the list that no provider has.
#[derive(Debug, thiserror::Error)]
#[error("there is no vault provider `{name}`; there are {}", known())]
pub struct UnknownProvider {
    /// The name.
    pub name: String,
}

/// Returns the vault that asks these providers in this order. Reads nothing yet.
pub fn open(names: &[&str], sources: &Sources) -> Result<Vault, UnknownProvider> {
    let providers = names.iter().map(|name| {
        let kind = PROVIDERS.iter().find(|kind| kind.name == *name);
        kind.map(|kind| (kind.open)(sources))
            .ok_or_else(|| UnknownProvider { name: (*name).into() })
    });
    Ok(Vault::new(providers.collect::<Result<_, _>>()?))
}

fn known() -> String {
    let names: Vec<String> = PROVIDERS.iter().map(|kind| format!("`{}`", kind.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use blueprint_model::{Secret, SecretName, secret::Policy};

    use super::*;
    use crate::{
        file::{NewSecret, WeakValues},
        memory::MemoryVault,
    };

    /// What every provider has to do, given one that has `ACME_KEY` and nothing else.
    #[track_caller]
    fn check_contract(provider: &dyn Provider) {
        let name = |text| SecretName::parse(text).unwrap();
        let entry = provider.get(&name("ACME_KEY")).unwrap().expect("it is there");
        assert_eq!((entry.name.as_str(), entry.value.expose()), ("ACME_KEY", "hunter2-hunter3"));
        assert!(!entry.is_weak);
        assert!(provider.get(&name("ACME_KEY_2")).unwrap().is_none());
        assert!(provider.get(&name("acme_key")).unwrap().is_none(), "case counts");
        if let Some(listed) = provider.list().unwrap() {
            assert_eq!(listed.len(), 1);
            assert_eq!((&listed[0].name, listed[0].version), (&entry.name, entry.version));
            assert_eq!(listed[0].policy, entry.policy);
        }
    }

    #[test]
    fn all_providers_keep_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let value = || Secret::new("hunter2-hunter3".into());
        let name = SecretName::parse("ACME_KEY").unwrap();

        check_contract(&MemoryVault::new().with(name.clone(), value(), Policy::default()));
        let variable = ("BLUEPRINT_SECRET_ACME_KEY".into(), "hunter2-hunter3".into());
        check_contract(&Environment::new([variable]));
        fs::write(path(".env"), "ACME_KEY='hunter2-hunter3'\n").unwrap();
        check_contract(&DotenvFile::new(path(".env")));
        let vault = FileVault::init(path("vault"), KeySource::Folder(path("keys"))).unwrap();
        let (weak, now) = (WeakValues::Refuse, jiff::Timestamp::UNIX_EPOCH);
        vault.set(NewSecret { name, value: value(), policy: None, weak, now }).unwrap();
        check_contract(&vault);
    }

    fn sources() -> Sources {
        Sources {
            vault: "no/vault".into(),
            key: Arc::new(KeySource::File("no/key".into())),
            environment: Environment::default(),
            dotenv: "no/.env".into(),
        }
    }

    #[test]
    fn each_row_opens_the_provider_it_names() {
        for kind in PROVIDERS {
            assert_eq!((kind.open)(&sources()).name(), kind.name);
        }
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is() {
        let err = open(&["file", "flie"], &sources()).err().unwrap();
        assert_eq!(
            err.to_string(),
            "there is no vault provider `flie`; there are `file`, `env`, `dotenv`"
        );
    }
}
