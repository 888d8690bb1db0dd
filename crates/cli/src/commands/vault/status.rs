//! `blueprint vault status`: where secrets come from, what opens the vault, and whether it opens.

use anyhow::Result;
use blueprint_model::Value;
use blueprint_project::secrets::{self, file_failure};
use blueprint_project::{project::Project, settings::VaultSource, text};
use blueprint_vault::{AuditFault, FileError, FileVault, KeyKind, Status};
use serde_json::json;

use crate::{app::App, exit::Exit};

/// How soon an end is told of.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(14 * 24);

/// Says where secrets come from, what opens the vault, whether it opens, and how its audit is.
///
/// Shows no values, and names only of secrets that expire. The exit code is 3 if the vault does not
/// open or its audit is damaged.
/// Next: blueprint vault init if there is none.
///
/// Examples:
///   blueprint vault status
///   blueprint vault status --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &StatusArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let path = secrets::vault_path(project, &app.environment);
    let sources: Vec<&str> = project.settings.vault.iter().map(name_of).collect();
    let status = match FileVault::status(&path) {
        Ok(status) => Some(status),
        // Other sources may do without it.
        Err(FileError::NotInitialised { .. }) if !sources.contains(&"file") => None,
        Err(err) => return Err(file_failure(err)),
    };
    let mut rows = vec![("sources", json!(sources))];
    let mut opened = Ok(());
    if let Some(status) = &status {
        let vault = secrets::file_vault(project, &app.environment);
        let listed = vault.list();
        rows.extend(about(status, app));
        rows.push(("is_open", json!(listed.is_ok())));
        match listed {
            Ok(listed) => {
                let soon = secrets::now() + SOON;
                let ending = listed.iter().filter_map(|it| Some((it, it.policy.expires?)));
                let ending = ending.filter(|(_, at)| *at <= soon);
                let ending: Vec<String> =
                    ending.map(|(it, at)| format!("{} {at:.0}", it.name)).collect();
                rows.push(("expired_or_soon", json!(ending)));
            }
            Err(err) => opened = Err(file_failure(err)),
        }
    }
    let audit = secrets::audit(project, &app.environment);
    rows.push(("audit", json!(audit.path().display().to_string())));
    let audited = match audit.verify() {
        Ok(found) => {
            rows.push(("audit_lines", json!(found.lines)));
            Ok(())
        }
        Err(AuditFault::NotThere { .. }) => {
            rows.push(("audit_lines", json!(0)));
            Ok(())
        }
        Err(fault) => Err(secrets::audit_failure(fault)),
    };
    rows.push(("is_audit_whole", json!(audited.is_ok())));
    print(args, &rows, app)?;
    opened.and(audited).map(|()| Exit::Fine)
}

fn about(status: &Status, app: &App) -> Vec<(&'static str, Value)> {
    let kind = match status.key {
        KeyKind::Random => "key",
        KeyKind::Passphrase => "passphrase",
    };
    let folder = secrets::key_folder(&app.environment).filter(|_| status.key == KeyKind::Random);
    let key_file = folder.map(|folder| folder.join(format!("{}.key", status.store)));
    let key_file = key_file.filter(|path| path.exists()).map(|path| path.display().to_string());
    vec![
        ("path", json!(status.path.display().to_string())),
        ("opens_with", json!(kind)),
        ("key_file", json!(key_file)),
        ("entries", json!(status.entries)),
    ]
}

fn print(args: &StatusArgs, rows: &[(&'static str, Value)], app: &mut App) -> Result<()> {
    if args.json {
        let map = rows.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        app.out.line(&format!("{:#}", Value::Object(map)))?;
        return Ok(());
    }
    for (key, value) in rows {
        let value = match value {
            Value::Null => continue,
            Value::Array(list) if list.is_empty() => continue,
            Value::Array(list) => {
                let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                words.join(", ")
            }
            Value::Bool(flag) => if *flag { "yes" } else { "NO" }.into(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let word = match *key {
            "path" => "vault",
            "is_open" => "it opens",
            "is_audit_whole" => "audit whole",
            "expired_or_soon" => "ends soon",
            key => key,
        };
        let word = word.replace('_', " ");
        app.out.line(&format!("{}  {value}", text::pad(&word, 11)))?;
    }
    Ok(())
}

fn name_of(source: &VaultSource) -> &'static str {
    match source {
        VaultSource::File => "file",
        VaultSource::Env => "env",
        VaultSource::Dotenv => "dotenv",
        VaultSource::Command(_) => "command",
        VaultSource::Hashicorp(_) => "hashicorp",
    }
}
