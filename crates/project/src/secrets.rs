//! The vault of a project: where it is, what opens it, and what it says where it does not.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use blueprint_engine::SecretNeed;
use blueprint_model::{Secret, SecretName, Secrets, code, journal::HandleTable};
use blueprint_vault::{
    AuditFault, AuditFile, Cost, FileVault, KeyKind, KeySource, LoadError, Need, Source, Sources,
    Vault,
    command::{self, CommandSource},
    file::FileError,
    hashicorp::{Auth, HashicorpSource},
};
use jiff::Timestamp;

use crate::{environment::Environment, failure::Failure, project::Project, settings::VaultSource};

/// The variable that holds the key of the file vault.
pub const KEY_VARIABLE: &str = "BLUEPRINT_VAULT_KEY";

/// Returns the path of the project's vault file: in the project, else the user's own if there is one.
pub fn vault_path(project: &Project, environment: &Environment) -> PathBuf {
    let own = project.home(environment).join("vault");
    let users = environment.data_folder().map(|folder| folder.join("vault"));
    match users {
        Some(users) if !own.exists() && users.exists() => users,
        Some(_) | None => own,
    }
}

/// Returns what opens the vault file: the variable, else the key file in the user's configuration,
/// else, where a passphrase is needed, what a person types.
pub fn key_source(environment: &Environment) -> KeySource {
    // Not taken away: a command may open the vault twice, as `run --key` does to go on with a run.
    if let Some(text) = environment.get(KEY_VARIABLE).filter(|text| !text.is_empty()) {
        return KeySource::Text(Secret::new(text.into()));
    }
    let folder = key_folder(environment);
    let ask = environment.ask;
    KeySource::Ask(Box::new(move |status| match status.key {
        KeyKind::Random => folder.clone().map(KeySource::Folder),
        KeyKind::Passphrase => {
            let phrase = ask?("Passphrase of the vault: ")?;
            Some(KeySource::Passphrase { phrase, cost: Cost::default() })
        }
    }))
}

/// Returns the folder of the user's key files.
pub fn key_folder(environment: &Environment) -> Option<PathBuf> {
    environment.config_folder().map(|folder| folder.join("keys"))
}

/// Returns the project's vault file. Reads nothing yet.
pub fn file_vault(project: &Project, environment: &Environment) -> FileVault {
    FileVault::new(vault_path(project, environment), key_source(environment))
}

/// Returns all sources of the project's secrets, in order, with every use told to the project's
/// audit. Reads nothing yet.
///
/// # Errors
///
/// Returns a failure if a source is set up in a way that cannot work.
pub fn vault(project: &Project, environment: &Environment) -> Result<Vault> {
    let list: Vec<Source> = project
        .settings
        .vault
        .iter()
        .map(|source| source_of(source, project, environment))
        .collect::<Result<_>>()?;
    let pairs = environment.with_prefix("BLUEPRINT_SECRET_");
    let pairs: Vec<(String, String)> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let sources = Sources {
        vault: vault_path(project, environment),
        key: Arc::new(key_source(environment)),
        environment: blueprint_vault::Environment::new(pairs),
        dotenv: project.root.join(".env"),
        audit: Arc::new(audit(project, environment)).sink(),
        clock: now,
    };
    Ok(blueprint_vault::open(list, &sources))
}

/// Returns the project's audit. Reads nothing yet.
pub fn audit(project: &Project, environment: &Environment) -> AuditFile {
    let path = project.home(environment).join("audit.jsonl");
    AuditFile::new(path, key_folder(environment), now)
}

/// Loads what a run needs, right before it. Without needs nothing is read, and the run can still keep
/// the secrets that it obtains.
///
/// # Errors
///
/// Returns a failure that names every missing secret at once, or says what keeps the vault shut.
pub fn load(needs: &[SecretNeed], project: &Project, environment: &Environment) -> Result<Secrets> {
    let needs = needs_of(needs);
    let has_vault = vault_path(project, environment).exists();
    vault(project, environment)?.load(&needs, now()).map_err(|err| load_failure(&err, has_vault))
}

/// Loads what a run needs that takes answers from an earlier one: its handles are the same.
///
/// # Errors
///
/// Returns a failure that names every missing secret at once, or says what keeps the vault shut.
pub fn reload(
    needs: &[SecretNeed],
    handles: &HandleTable,
    project: &Project,
    environment: &Environment,
) -> Result<Secrets> {
    let needs = needs_of(needs);
    let has_vault = vault_path(project, environment).exists();
    let loaded = vault(project, environment)?.reload(&needs, now(), handles);
    loaded.map_err(|err| load_failure(&err, has_vault))
}

/// Returns what the vault is asked for.
pub fn needs_of(needs: &[SecretNeed]) -> Vec<Need> {
    let need = |it: &SecretNeed| Need { name: it.name.clone(), is_optional: it.is_optional };
    needs.iter().map(need).collect()
}

/// Returns the time.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the process: uses of secrets have times"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns the failure for what the vault file refused.
pub fn file_failure(err: FileError) -> anyhow::Error {
    let failure = match &err {
        FileError::NotInitialised { .. } => {
            Failure::environment(err.to_string()).code(code::NO_VAULT)
        }
        FileError::Locked { .. }
        | FileError::WrongKey { .. }
        | FileError::NotAKey { .. }
        | FileError::Permissions { .. } => {
            Failure::environment(err.to_string()).code(code::VAULT_LOCKED)
        }
        FileError::Damaged { .. } | FileError::UnknownVersion { .. } => {
            Failure::environment(err.to_string()).code(code::VAULT_DAMAGED)
        }
        FileError::Weak { .. } => Failure::wrong(err.to_string()).code(code::WEAK_SECRET),
        FileError::AlreadyInitialised { .. }
        | FileError::BadBackup { .. }
        | FileError::BackupLocked { .. }
        | FileError::Empty { .. }
        | FileError::TooLarge { .. }
        | FileError::NotFound { .. }
        | FileError::NameTaken { .. } => Failure::wrong(err.to_string()),
        FileError::Disk { .. } => return anyhow::Error::from(err),
    };
    failure.into()
}

/// Returns the failure for what the audit refused.
pub fn audit_failure(fault: AuditFault) -> anyhow::Error {
    match fault {
        AuditFault::Disk { .. } => anyhow::Error::from(fault),
        AuditFault::NotThere { .. } => Failure::wrong(fault.to_string()).into(),
        AuditFault::Torn { .. }
        | AuditFault::Broken { .. }
        | AuditFault::Cut { .. }
        | AuditFault::NoKey { .. }
        | AuditFault::UnknownVersion { .. } => {
            Failure::environment(fault.to_string()).code(code::VAULT_DAMAGED).into()
        }
    }
}

/// Returns the failure for secrets that a run would miss, with the commands that store the first.
pub fn missing(names: &[&str], has_vault: bool) -> Failure {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let noun = if names.len() == 1 { "secret" } else { "secrets" };
    let message = format!("the vault has no {noun} {}", quoted.join(", "));
    let set = names.first().map_or(String::new(), |name| format!("blueprint vault set {name}"));
    let hint = if has_vault { set } else { format!("blueprint vault init\n{set}") };
    Failure::environment(message).code(code::SECRETS_MISSING).help(hint)
}

/// Returns the failure for secrets that could not be loaded.
pub fn load_failure(err: &LoadError, has_vault: bool) -> anyhow::Error {
    if let LoadError::Missing(names) = err {
        let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
        return missing(&names, has_vault).into();
    }
    use blueprint_model::ProviderError;
    let code = match err {
        LoadError::Missing(_) | LoadError::Expired(_) => code::SECRETS_MISSING,
        LoadError::Provider { source: ProviderError::Damaged { .. }, .. } => code::VAULT_DAMAGED,
        LoadError::Provider { .. } => code::VAULT_LOCKED,
    };
    let cause = std::error::Error::source(err).map(|cause| format!(": {cause}"));
    Failure::environment(format!("{err}{}", cause.unwrap_or_default())).code(code).into()
}

fn source_of(source: &VaultSource, project: &Project, environment: &Environment) -> Result<Source> {
    let variable = |name: &str| {
        let value = environment.get(name).filter(|value| !value.is_empty());
        value.map(|value| Secret::new(value.into()))
    };
    Ok(match source {
        VaultSource::File => Source::File,
        VaultSource::Env => Source::Env,
        VaultSource::Dotenv => Source::Dotenv,
        VaultSource::Command(program) if program.trim().is_empty() => {
            let failure = Failure::wrong("project.yaml: `vault`: `command` names no program");
            return Err(failure.code(code::BAD_PROJECT).help("command: ./give-secret").into());
        }
        VaultSource::Command(program) => Source::Command(CommandSource {
            program: program.clone(),
            folder: project.root.clone(),
            path: environment.get("PATH").map(str::to_owned),
            timeout: command::TIMEOUT,
        }),
        VaultSource::Hashicorp(server) => Source::Hashicorp(HashicorpSource {
            address: server.address.clone(),
            mount: server.mount.clone(),
            path: server.path.clone(),
            namespace: server.namespace.clone(),
            auth: match (
                variable("VAULT_TOKEN"),
                variable("VAULT_ROLE_ID"),
                variable("VAULT_SECRET_ID"),
            ) {
                (Some(token), _, _) => Auth::Token(token),
                (None, Some(role), Some(secret)) => Auth::AppRole { role, secret },
                (None, _, _) => Auth::None,
            },
        }),
    })
}
