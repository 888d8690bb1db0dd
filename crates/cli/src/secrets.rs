//! The vault of a project: where it is, what opens it, and how a person gives a passphrase or value.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
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

use crate::{app::App, config::project::VaultSource, failure::Failure, project::Project};

/// The variable that holds the key of the file vault.
pub const KEY_VARIABLE: &str = "BLUEPRINT_VAULT_KEY";

/// Returns the path of the project's vault file: in the project, else the user's own if there is one.
pub fn vault_path(project: &Project, app: &App) -> PathBuf {
    let own = project.home(&app.environment).join("vault");
    let users = app.environment.data_folder().map(|folder| folder.join("vault"));
    match users {
        Some(users) if !own.exists() && users.exists() => users,
        Some(_) | None => own,
    }
}

/// Returns what opens the vault file: the variable, else the key file in the user's configuration,
/// else, where a passphrase is needed, what a person types.
pub fn key_source(app: &mut App) -> KeySource {
    // Not taken away: a command may open the vault twice, as `run --key` does to go on with a run.
    if let Some(text) = app.environment.get(KEY_VARIABLE).filter(|text| !text.is_empty()) {
        return KeySource::Text(Secret::new(text.into()));
    }
    let folder = key_folder(app);
    let is_interactive = app.is_interactive;
    KeySource::Ask(Box::new(move |status| match status.key {
        KeyKind::Random => folder.clone().map(KeySource::Folder),
        KeyKind::Passphrase if is_interactive => {
            let phrase = rpassword::prompt_password("Passphrase of the vault: ").ok()?;
            Some(KeySource::Passphrase { phrase: Secret::new(phrase), cost: Cost::default() })
        }
        KeyKind::Passphrase => None,
    }))
}

/// Returns the folder of the user's key files.
pub fn key_folder(app: &App) -> Option<PathBuf> {
    app.environment.config_folder().map(|folder| folder.join("keys"))
}

/// Returns the project's vault file. Reads nothing yet.
pub fn file_vault(project: &Project, app: &mut App) -> FileVault {
    FileVault::new(vault_path(project, app), key_source(app))
}

/// Returns all sources of the project's secrets, in order, with every use told to the project's
/// audit. Reads nothing yet.
///
/// # Errors
///
/// Returns a failure if a source is set up in a way that cannot work.
pub fn vault(project: &Project, app: &mut App) -> Result<Vault> {
    let list: Vec<Source> = project
        .settings
        .vault
        .iter()
        .map(|source| source_of(source, project, app))
        .collect::<Result<_>>()?;
    let pairs = app.environment.with_prefix("BLUEPRINT_SECRET_");
    let pairs: Vec<(String, String)> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let sources = Sources {
        vault: vault_path(project, app),
        key: Arc::new(key_source(app)),
        environment: blueprint_vault::Environment::new(pairs),
        dotenv: project.root.join(".env"),
        audit: Arc::new(audit(project, app)).sink(),
        clock: now,
    };
    Ok(blueprint_vault::open(list, &sources))
}

/// Returns the project's audit. Reads nothing yet.
pub fn audit(project: &Project, app: &App) -> AuditFile {
    let path = project.home(&app.environment).join("audit.jsonl");
    AuditFile::new(path, key_folder(app), now)
}

/// Loads what a run needs, right before it. Without needs nothing is read, and the run can still keep
/// the secrets that it obtains.
///
/// # Errors
///
/// Returns a failure that names every missing secret at once, or says what keeps the vault shut.
pub fn load(needs: &[SecretNeed], project: &Project, app: &mut App) -> Result<Secrets> {
    let needs = needs_of(needs);
    let has_vault = vault_path(project, app).exists();
    vault(project, app)?.load(&needs, now()).map_err(|err| load_failure(&err, has_vault))
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
    app: &mut App,
) -> Result<Secrets> {
    let needs = needs_of(needs);
    let has_vault = vault_path(project, app).exists();
    let loaded = vault(project, app)?.reload(&needs, now(), handles);
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

/// Reads a new value: from a file, a variable, a hidden prompt typed twice, or stdin.
///
/// # Errors
///
/// Returns a failure if there is none, or the two differ.
pub fn read_value(
    file: Option<&Path>,
    variable: Option<&str>,
    key: &str,
    app: &mut App,
) -> Result<Secret> {
    let text = match (file, variable) {
        (Some(file), _) => fs::read_to_string(file)
            .map_err(|err| Failure::wrong(format!("cannot read {}: {err}", file.display())))?,
        (None, Some(variable)) => app.environment.take(variable).ok_or_else(|| {
            Failure::wrong(format!("the process variable `{variable}` is not set"))
        })?,
        (None, None) if app.is_interactive => {
            return ask_twice(&format!("Value of {key} (not shown): "));
        }
        (None, None) => read_stdin()?,
    };
    Ok(Secret::new(without_last_line_end(&text).to_owned()))
}

/// Asks for something twice, hidden.
///
/// # Errors
///
/// Returns a failure if the two differ or the terminal is gone.
pub fn ask_twice(prompt: &str) -> Result<Secret> {
    let first = rpassword::prompt_password(prompt).context("cannot read from the terminal")?;
    let second =
        rpassword::prompt_password("Once more: ").context("cannot read from the terminal")?;
    if first != second {
        return Err(Failure::wrong("the two do not match; nothing was stored").into());
    }
    Ok(Secret::new(first))
}

/// Reads all of stdin as text.
///
/// # Errors
///
/// Returns an error if it is not UTF-8 or cannot be read.
pub fn read_stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read stdin")?;
    Ok(text)
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

fn source_of(source: &VaultSource, project: &Project, app: &App) -> Result<Source> {
    let variable = |name: &str| {
        let value = app.environment.get(name).filter(|value| !value.is_empty());
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
            path: app.environment.get("PATH").map(str::to_owned),
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

/// Returns a text without its last line end.
pub fn without_last_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
