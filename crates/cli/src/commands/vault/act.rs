//! What the `vault` commands do.

use std::{collections::BTreeMap, io::Write as _, sync::Arc};

use anyhow::{Context as _, Result};
use blueprint_model::{
    Secret, SecretName, Value, code, egress::HostPattern, provider::Listed, secret::Policy,
};
use blueprint_vault::{
    Cost, FileVault, KeyKind, KeySource, NewSecret, WeakValues, dotenv, vault::ListedKey,
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    DeleteArgs, ImportArgs, ImportFormat, InitArgs, ListArgs, RenameArgs, SetArgs, StatusArgs,
};
use crate::{
    app::App,
    commands::run::Given,
    exit::Exit,
    failure::Failure,
    project::Project,
    secrets::{self, file_failure},
};

pub(super) fn init(args: &InitArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let path = project.home(&app.environment).join("vault");
    let source = if args.passphrase {
        if !app.is_interactive {
            let failure = Failure::wrong("a passphrase is asked for, and there is no terminal");
            return Err(failure.help("use a key file: blueprint vault init").into());
        }
        let phrase = secrets::ask_twice("New passphrase (not shown): ")?;
        KeySource::Passphrase { phrase, cost: Cost::default() }
    } else if let Some(file) = &args.key_file {
        KeySource::File(file.clone())
    } else {
        let folder = secrets::key_folder(app).ok_or_else(|| {
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
    let vault = secrets::file_vault(project, app);
    // A vault that is not there is said before a value is asked for.
    FileVault::status(&secrets::vault_path(project, app)).map_err(file_failure)?;
    let variable = args.from_env.as_deref();
    let value = secrets::read_value(args.from_file.as_deref(), variable, &args.key, app)?;
    let policy = (!hosts.is_empty()).then(|| Policy { hosts, ..Policy::default() });
    let version = store(&vault, name, value, policy, args.force)?;
    let word = if version == 1 { "stored" } else { "replaced" };
    app.err.line(&format!("{word} {} (version {version})", args.key))?;
    Ok(Exit::Fine)
}

pub(super) fn list(args: &ListArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let listing = secrets::vault(project, app)?.list();
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
    secrets::file_vault(project, app).delete(&name).map_err(file_failure)?;
    app.err.line(&format!("deleted {name}"))?;
    Ok(Exit::Fine)
}

pub(super) fn rename(args: &RenameArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let (old, new) = (parse_name(&args.old)?, parse_name(&args.new)?);
    secrets::file_vault(project, app).rename(&old, new.clone()).map_err(file_failure)?;
    app.err.line(&format!("renamed {old} to {new}"))?;
    app.err.line("next: blueprint check")?;
    Ok(Exit::Fine)
}

pub(super) fn import(args: &ImportArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let vault = secrets::file_vault(project, app);
    FileVault::status(&secrets::vault_path(project, app)).map_err(file_failure)?;
    let text = Given::parse(&args.from).read()?;
    let pairs = match args.format {
        ImportFormat::Env => dotenv::pairs(&text).map_err(|err| {
            Failure::wrong(format!("{}:{err}", args.from.trim_start_matches('@')))
        })?,
        ImportFormat::Json => json_pairs(&text)?,
    };
    let named: Vec<(SecretName, Secret)> = pairs
        .into_iter()
        .map(|(name, value)| Ok((parse_name(&name)?, value)))
        .collect::<Result<_>>()?;
    // All or none: what would be refused is found before anything is stored.
    for (name, value) in named.iter().filter(|_| !args.force) {
        if let Some(why) = blueprint_vault::weakness(value.expose()) {
            let failure = Failure::wrong(format!("the value of `{name}` is too weak: {why}"));
            let hint = "nothing was stored; `--force` stores weak values too";
            return Err(failure.code(code::WEAK_SECRET).help(hint).into());
        }
    }
    for (name, value) in named {
        let shown = name.clone();
        let version = store(&vault, name, value, None, args.force)?;
        app.err.line(&format!("stored {shown} (version {version})"))?;
    }
    app.err.line("next: delete the file that they came from")?;
    Ok(Exit::Fine)
}

pub(super) fn status(args: &StatusArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let path = secrets::vault_path(project, app);
    let status = FileVault::status(&path).map_err(file_failure)?;
    let opened = secrets::file_vault(project, app).list();
    let kind = match status.key {
        KeyKind::Random => "key",
        KeyKind::Passphrase => "passphrase",
    };
    if args.json {
        app.out.line(&format!(
            "{:#}",
            json!({
                "path": path.display().to_string(),
                "opens_with": kind,
                "entries": status.entries,
                "is_open": opened.is_ok(),
            })
        ))?;
    } else {
        app.out.line(&format!("vault       {}", path.display()))?;
        app.out.line(&format!("opens with  {kind}"))?;
        app.out.line(&format!("entries     {}", status.entries))?;
    }
    opened.map_err(file_failure)?;
    if !args.json {
        app.out.line("it opens")?;
    }
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
    #[expect(clippy::disallowed_methods, reason = "the edge of the process: a change has a time")]
    let now = Timestamp::now();
    vault.set(NewSecret { name, value, policy, weak, now }).map_err(file_failure)
}

fn parse_name(text: &str) -> Result<SecretName> {
    SecretName::parse(text).ok_or_else(|| {
        Failure::wrong(format!("`{text}` cannot be the name of a secret"))
            .help("letters, digits, `_` and `-`, beginning with a letter: ACME_API_KEY")
            .into()
    })
}

fn parse_host(text: &str) -> Result<HostPattern> {
    HostPattern::parse(text).ok_or_else(|| {
        Failure::wrong(format!("`{text}` is no host"))
            .help("as in api.acme.example, *.acme.example or http://127.0.0.1:8080")
            .into()
    })
}

fn json_pairs(text: &str) -> Result<Vec<(String, Secret)>> {
    let values: BTreeMap<String, String> = serde_json::from_str(text).map_err(|err| {
        // The text holds secrets: only the place is said.
        let (line, column) = (err.line(), err.column());
        Failure::wrong(format!("not an object of texts (line {line}, column {column})"))
    })?;
    Ok(values.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
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
        "hosts": policy.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "is_shadowed": key.is_shadowed,
    })
}
