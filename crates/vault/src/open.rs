//! The list of providers, and how a project's list of sources becomes a [`Vault`].

use std::{path::PathBuf, sync::Arc};

use blueprint_model::{Provider, audit::Audit};
use jiff::Timestamp;

use crate::{
    cached::Cached,
    command::CommandSource,
    dotenv::DotenvFile,
    env::Environment,
    file::{FileVault, KeySource},
    hashicorp::{HashicorpSource, HashicorpVault},
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
    /// What every use is told to.
    pub audit: Audit,
    /// The time, for tokens and copies that end.
    pub clock: fn() -> Timestamp,
}

/// A source as a project names it.
pub enum Source {
    /// The encrypted file.
    File,
    /// Process variables.
    Env,
    /// A `.env` file.
    Dotenv,
    /// A program.
    Command(CommandSource),
    /// A server.
    Hashicorp(HashicorpSource),
}

/// A kind of provider, as `project.yaml` names it.
pub struct ProviderKind {
    /// Its name.
    pub name: &'static str,
    /// One line for the manual.
    pub summary: &'static str,
}

/// The providers there are.
pub const PROVIDERS: &[ProviderKind] = &[
    ProviderKind { name: "file", summary: "the project's encrypted file, `.blueprint/vault`" },
    ProviderKind { name: "env", summary: "variables named `BLUEPRINT_SECRET_<KEY>`" },
    ProviderKind { name: "dotenv", summary: "a `.env` file, not encrypted" },
    ProviderKind { name: "command", summary: "a program: name on stdin, value on stdout" },
    ProviderKind {
        name: "hashicorp",
        summary: "HashiCorp Vault or OpenBao, key-value engine version 2",
    },
];

/// Returns the vault that asks these sources in this order. Reads and asks nothing yet.
pub fn open(list: Vec<Source>, sources: &Sources) -> Vault {
    let providers = list.into_iter().map(|source| open_one(source, sources)).collect();
    Vault::new(providers).with_audit(sources.audit.clone())
}

fn open_one(source: Source, sources: &Sources) -> Box<dyn Provider> {
    let remembered = |inner| Box::new(Cached::new(inner, sources.clock));
    match source {
        Source::File => Box::new(FileVault::new(&sources.vault, sources.key.clone())),
        Source::Env => Box::new(sources.environment.clone()),
        Source::Dotenv => Box::new(DotenvFile::new(&sources.dotenv)),
        Source::Command(command) => remembered(Box::new(command)),
        Source::Hashicorp(server) => {
            remembered(Box::new(HashicorpVault::new(server, sources.clock)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use blueprint_model::{Secret, SecretName, audit::no_audit, secret::Policy};

    use super::*;
    use crate::{
        file::{NewSecret, WeakValues},
        hashicorp::Auth,
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
        let (weak, now) = (WeakValues::Refuse, Timestamp::UNIX_EPOCH);
        vault.set(NewSecret { name, value: value(), policy: None, weak, now }).unwrap();
        check_contract(&vault);
        fs::write(path("give"), "read n; [ $n = ACME_KEY ] && echo hunter2-hunter3\nexit 0\n")
            .unwrap();
        check_contract(&Cached::new(
            Box::new(CommandSource {
                program: "sh ./give".into(),
                folder: folder.path().into(),
                path: Some("/usr/bin:/bin".into()),
                timeout: crate::command::TIMEOUT,
            }),
            || Timestamp::UNIX_EPOCH,
        ));
    }

    #[test]
    fn each_source_opens_the_provider_it_names() {
        let sources = Sources {
            vault: "no/vault".into(),
            key: Arc::new(KeySource::File("no/key".into())),
            environment: Environment::default(),
            dotenv: "no/.env".into(),
            audit: no_audit(),
            clock: || Timestamp::UNIX_EPOCH,
        };
        let command = CommandSource {
            program: "no".into(),
            folder: "no".into(),
            path: None,
            timeout: crate::command::TIMEOUT,
        };
        let server = HashicorpSource {
            address: "https://no.example".into(),
            mount: "secret".into(),
            path: String::new(),
            namespace: None,
            auth: Auth::None,
        };
        let list = [
            Source::File,
            Source::Env,
            Source::Dotenv,
            Source::Command(command),
            Source::Hashicorp(server),
        ];
        let names: Vec<&str> =
            list.into_iter().map(|source| open_one(source, &sources).name()).collect();
        let known: Vec<&str> = PROVIDERS.iter().map(|kind| kind.name).collect();
        assert_eq!(names, known);
    }
}
