//! What the `vault` commands do.

use std::{io::Write as _, sync::Arc};

use anyhow::{Context as _, Result};
use blueprint_model::{Secret, SecretName, Value, provider::Listed, secret::Policy};
use blueprint_project::secrets::{self, file_failure};
use blueprint_vault::{Cost, FileVault, KeySource, NewSecret, WeakValues, vault::ListedKey};
use serde_json::json;

use super::{DeleteArgs, InitArgs, ListArgs, RenameArgs, SetArgs, policy};
use crate::{app::App, ask, exit::Exit};
pub(super) use blueprint_project::vault::{parse_host, parse_name};
use blueprint_project::{failure::Failure, project::Project};

pub(super) fn init(args: &InitArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let path = project.home(&app.environment).join("vault");
    let source = if args.passphrase {
        if !app.is_interactive {
            let failure = Failure::wrong("a passphrase is asked for, and there is no terminal");
            return Err(failure.help("use a key file: blueprint vault init").into());
        }
        let phrase = ask::ask_twice("New passphrase (not shown): ")?;
        KeySource::Passphrase { phrase, cost: Cost::default() }
    } else if let Some(file) = &args.key_file {
        KeySource::File(file.clone())
    } else {
        let folder = secrets::key_folder(&app.environment).ok_or_else(|| {
            Failure::environment("there is no configuration folder: `HOME` is not set")
                .help("name a file for the key: blueprint vault init --key-file FILE")
        })?;
        KeySource::Folder(folder)
    };
    let vault = FileVault::init(&path, Arc::new(source)).map_err(file_failure)?;
    app.err.line(&format!("made the vault {}", path.display()))?;
    match vault.key_file().map_err(file_failure)? {
        Some(key) => app.err.line(&format!(
            "its key is {}, which only you can read; without it the vault cannot be opened",
            key.display()
        ))?,
        None => app.err.line("it opens with the passphrase, which is stored nowhere")?,
    }
    app.err.line("next: blueprint vault set KEY")?;
    Ok(Exit::Fine)
}

pub(super) fn set(args: &SetArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let name = parse_name(&args.key)?;
    let hosts = args.hosts.iter().map(|host| parse_host(host)).collect::<Result<Vec<_>>>()?;
    let vault = secrets::file_vault(project, &app.environment);
    // A vault that is not there is said before a value is asked for.
    FileVault::status(&secrets::vault_path(project, &app.environment)).map_err(file_failure)?;
    let variable = args.from_env.as_deref();
    let value = ask::read_value(args.from_file.as_deref(), variable, &args.key, app)?;
    let policy = (!hosts.is_empty()).then(|| Policy { hosts, ..Policy::default() });
    let version = store(&vault, name, value, policy, args.force)?;
    let word = if version == 1 { "stored" } else { "replaced" };
    app.err.line(&format!("{word} {} (version {version})", args.key))?;
    Ok(Exit::Fine)
}

pub(super) fn list(args: &ListArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let listing = secrets::vault(project, &app.environment)?.list();
    if args.json {
        let keys: Vec<Value> = listing.keys.iter().map(row_json).collect();
        app.out.line(&format!("{:#}", Value::Array(keys)))?;
    } else {
        print_keys(&listing.keys, app)?;
    }
    for (provider, err) in &listing.failures {
        app.err.line(&format!("provider `{provider}` gave no answer: {err}"))?;
    }
    Ok(if listing.failures.is_empty() { Exit::Fine } else { Exit::Environment })
}

pub(super) fn delete(args: &DeleteArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let name = parse_name(&args.key)?;
    if !args.yes {
        if !app.is_interactive {
            let failure = Failure::wrong(format!("`{name}` would be deleted for good"));
            return Err(failure.help(format!("blueprint vault delete {name} --yes")).into());
        }
        app.err.write_all(format!("Delete {name} for good? Type its name: ").as_bytes())?;
        app.err.flush()?;
        let mut typed = String::new();
        std::io::stdin().read_line(&mut typed).context("cannot read from the terminal")?;
        if typed.trim() != name.as_str() {
            return Err(Failure::wrong("that is not its name; nothing was deleted").into());
        }
    }
    secrets::file_vault(project, &app.environment).delete(&name).map_err(file_failure)?;
    app.err.line(&format!("deleted {name}"))?;
    Ok(Exit::Fine)
}

pub(super) fn rename(args: &RenameArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let (old, new) = (parse_name(&args.old)?, parse_name(&args.new)?);
    secrets::file_vault(project, &app.environment)
        .rename(&old, new.clone())
        .map_err(file_failure)?;
    app.err.line(&format!("renamed {old} to {new}"))?;
    app.err.line("next: blueprint check")?;
    Ok(Exit::Fine)
}

fn store(
    vault: &FileVault,
    name: SecretName,
    value: Secret,
    policy: Option<Policy>,
    is_forced: bool,
) -> Result<u64> {
    let weak = if is_forced { WeakValues::Accept } else { WeakValues::Refuse };
    let now = secrets::now();
    vault.set(NewSecret { name, value, policy, weak, now }).map_err(file_failure)
}

fn print_keys(keys: &[ListedKey], app: &mut App) -> Result<()> {
    if keys.is_empty() {
        app.err.line("the vault is empty")?;
        app.err.line("next: blueprint vault set KEY")?;
        return Ok(());
    }
    let width = keys.iter().map(|key| key.listed.name.as_str().len()).max().unwrap_or(0);
    for key in keys {
        let Listed { name, version, changed_at, policy } = &key.listed;
        let version = if *version == 0 { String::new() } else { format!("version {version}") };
        let changed = changed_at.map_or(String::new(), |at| at.strftime("%Y-%m-%d").to_string());
        let hosts: Vec<String> = policy.hosts.iter().map(ToString::to_string).collect();
        let note = if key.is_shadowed { "  (hidden by a source before)" } else { "" };
        let line = format!(
            "{:width$}  ••••••••  {:10}  {changed:10}  {:6}  {}{note}",
            name.as_str(),
            version,
            key.provider,
            hosts.join(", ")
        );
        app.out.line(line.trim_end())?;
    }
    Ok(())
}

fn row_json(key: &ListedKey) -> Value {
    let Listed { name, version, changed_at, policy } = &key.listed;
    json!({
        "name": name.as_str(),
        "provider": key.provider,
        "version": version,
        "changed_at": changed_at.map(|at| format!("{at:.0}")),
        "policy": policy::json(policy),
        "is_shadowed": key.is_shadowed,
    })
}
