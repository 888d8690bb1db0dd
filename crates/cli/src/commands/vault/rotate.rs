//! `blueprint vault rotate-key`: the vault under another key.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use blueprint_project::secrets::{self, file_failure};
use blueprint_vault::{Cost, FileVault, KeyKind, KeySource};

use super::backup::read_phrase;
use crate::{app::App, ask, exit::Exit};
use blueprint_project::{failure::Failure, project::Project};

/// Puts the vault under a new key and seals every secret anew. Values, policies and versions stay.
///
/// Without an option the new key is of the kind of the old one. A key file keeps its older keys below
/// the new one, so that old copies of the vault still open: remove them there once they are not needed.
/// The values stay the same: one that somebody may have seen has to be replaced where it came from.
/// Next: blueprint vault status.
///
/// Examples:
///   blueprint vault rotate-key
///   blueprint vault rotate-key --passphrase
///   blueprint vault rotate-key --key-file /run/secrets/blueprint.key
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct RotateKeyArgs {
    /// Keep the new key in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["passphrase", "passphrase_file"])]
    pub key_file: Option<PathBuf>,
    /// Derive the new key from a passphrase, which is asked for
    #[arg(long)]
    pub passphrase: bool,
    /// Read the new passphrase from this file, without its last line end
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

pub(super) fn run(args: &RotateKeyArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let path = secrets::vault_path(project, &app.environment);
    let status = FileVault::status(&path).map_err(file_failure)?;
    let has_variable = app.environment.is_set(secrets::KEY_VARIABLE);
    let mut vault = secrets::file_vault(project, &app.environment);
    // Whoever cannot open it is told before a new passphrase is asked for.
    vault.list().map_err(file_failure)?;
    let source = match (&args.key_file, &args.passphrase_file) {
        (Some(file), _) => KeySource::File(file.clone()),
        (None, Some(file)) => phrase(read_phrase(file)?),
        (None, None) if args.passphrase || status.key == KeyKind::Passphrase => {
            if !app.is_interactive {
                let failure = Failure::wrong("a passphrase is asked for, and there is no terminal");
                return Err(failure.help("--passphrase-file FILE, or --key-file FILE").into());
            }
            phrase(ask::ask_twice("New passphrase (not shown): ")?)
        }
        (None, None) if has_variable => {
            let variable = secrets::KEY_VARIABLE;
            let failure = Failure::wrong(format!("the key is in the variable `{variable}`"));
            return Err(failure.help("say where the new one goes: --key-file FILE").into());
        }
        (None, None) => {
            KeySource::Folder(secrets::key_folder(&app.environment).ok_or_else(|| {
                Failure::environment("there is no configuration folder: `HOME` is not set")
                    .help("name a file for the key: blueprint vault rotate-key --key-file FILE")
            })?)
        }
    };
    vault.rotate_key(Arc::new(source)).map_err(file_failure)?;
    app.err.line(&format!("the vault {} has a new key", path.display()))?;
    match vault.key_file().map_err(file_failure)? {
        Some(key) => app.err.line(&format!("it is {}, which only you can read", key.display()))?,
        None => app.err.line("it opens with the new passphrase, which is stored nowhere")?,
    }
    if has_variable {
        let variable = secrets::KEY_VARIABLE;
        app.err.line(&format!("the variable `{variable}` holds the old one: change it"))?;
    }
    Ok(Exit::Fine)
}

fn phrase(phrase: blueprint_model::Secret) -> KeySource {
    KeySource::Passphrase { phrase, cost: Cost::default() }
}
