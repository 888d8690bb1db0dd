//! `blueprint vault export` and `import`: encrypted backups, and lists of secrets from elsewhere.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use blueprint_model::{Secret, SecretName};
use blueprint_project::secrets::{self, file_failure};
use blueprint_vault::{
    Cost, FileVault, WeakValues, dotenv,
    file::{self, Backup, Existing, Fate},
};
use clap::ValueEnum;

use super::act::parse_name;
use crate::{app::App, ask, commands::run::Given, exit::Exit};
use blueprint_project::{failure::Failure, project::Project, vault::import_pairs};

/// Writes all secrets of the vault, with policies and versions, to a file that a passphrase opens.
///
/// The file needs neither the vault nor its key; it is as safe as the passphrase, which is asked for
/// and stretched with Argon2id.
/// Next: blueprint vault import FILE, to see that it opens.
///
/// Examples:
///   blueprint vault export vault.backup
///   blueprint vault export vault.backup --passphrase-file /run/secrets/backup
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ExportArgs {
    /// The file to make
    pub file: PathBuf,
    /// Read the passphrase from this file, without its last line end
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Stores several secrets: from an encrypted backup, or from a list in a file or on stdin.
///
/// Either all are stored or none. A backup brings values, policies and versions; a list brings values.
/// Next: delete a list that is not encrypted.
///
/// Examples:
///   blueprint vault import vault.backup
///   blueprint vault import vault.backup --existing replace
///   blueprint vault import .env
///   sops -d secrets.json | blueprint vault import @- --format json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ImportArgs {
    /// The file; @- for stdin
    #[arg(value_name = "FILE|@-", default_value = "@-")]
    pub from: String,
    /// How it is written
    #[arg(long, value_enum, default_value = "auto")]
    pub format: ImportFormat,
    /// What to do with a name that is there already; from a list, it is replaced
    #[arg(long, value_enum)]
    pub existing: Option<OnExisting>,
    /// Read the passphrase of a backup from this file, without its last line end
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Store values that are too short or plain to be searched for in texts
    #[arg(long)]
    pub force: bool,
}

/// How secrets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    /// As the text looks.
    Auto,
    /// `KEY=value`, one a line.
    Env,
    /// One object of texts.
    Json,
    /// What `vault export` wrote.
    Backup,
}

/// What to do with a name that the vault has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnExisting {
    /// Store nothing at all.
    Refuse,
    /// Store the new one in its place.
    Replace,
    /// Leave it as it is.
    Keep,
}

pub(super) fn export(args: &ExportArgs, project: &Project, app: &mut App) -> Result<Exit> {
    if args.file.exists() && !args.force {
        let failure = Failure::wrong(format!("{} is there already", args.file.display()));
        return Err(failure.help("take another name, or --force").into());
    }
    let vault = secrets::file_vault(project, &app.environment);
    FileVault::status(&secrets::vault_path(project, &app.environment)).map_err(file_failure)?;
    let phrase = match &args.passphrase_file {
        Some(file) => read_phrase(file)?,
        None if app.is_interactive => ask::ask_twice("Passphrase of the backup (not shown): ")?,
        None => return Err(no_phrase()),
    };
    let text = vault.export(&phrase, Cost::default(), secrets::now()).map_err(file_failure)?;
    file::write_private(&args.file, text.as_bytes()).map_err(file_failure)?;
    let entries = vault.list().map_err(file_failure)?.len();
    let entries = blueprint_project::text::count(entries, "secret");
    app.err.line(&format!("wrote {entries} to {}", args.file.display()))?;
    app.err.line("it opens with the passphrase, which is stored nowhere")?;
    Ok(Exit::Fine)
}

pub(super) fn import(args: &ImportArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let vault = secrets::file_vault(project, &app.environment);
    FileVault::status(&secrets::vault_path(project, &app.environment)).map_err(file_failure)?;
    let given = match args.from.starts_with('@') {
        true => Given::parse(&args.from),
        false => Given::File(PathBuf::from(&args.from)),
    };
    let text = zeroizing(given.read()?);
    let format = match args.format {
        ImportFormat::Auto if Backup::is_one(text.expose()) => ImportFormat::Backup,
        ImportFormat::Auto if text.expose().trim_start().starts_with('{') => ImportFormat::Json,
        ImportFormat::Auto => ImportFormat::Env,
        format => format,
    };
    let source = args.from.trim_start_matches('@');
    let pairs = match format {
        ImportFormat::Backup => {
            return import_backup(args, text.expose(), given == Given::Stdin, &vault, app);
        }
        ImportFormat::Json => json_pairs(text.expose())?,
        ImportFormat::Env | ImportFormat::Auto => {
            dotenv::pairs(text.expose()).map_err(|err| Failure::wrong(format!("{source}:{err}")))?
        }
    };
    import_list(args, pairs, &vault, app)
}

fn import_list(
    args: &ImportArgs,
    pairs: Vec<(String, Secret)>,
    vault: &FileVault,
    app: &mut App,
) -> Result<Exit> {
    let named: Vec<(SecretName, Secret)> = pairs
        .into_iter()
        .map(|(name, value)| Ok((parse_name(&name)?, value)))
        .collect::<Result<_>>()?;
    let existing = match args.existing {
        Some(OnExisting::Refuse) => Existing::Refuse,
        Some(OnExisting::Keep) => Existing::Keep,
        Some(OnExisting::Replace) | None => Existing::Replace,
    };
    let weak = if args.force { WeakValues::Accept } else { WeakValues::Refuse };
    for (name, version) in import_pairs(vault, named, existing, weak)? {
        app.err.line(&format!("stored {name} (version {version})"))?;
    }
    app.err.line("next: delete the file that they came from")?;
    Ok(Exit::Fine)
}

fn import_backup(
    args: &ImportArgs,
    text: &str,
    is_stdin_taken: bool,
    vault: &FileVault,
    app: &mut App,
) -> Result<Exit> {
    let phrase = match &args.passphrase_file {
        Some(file) => read_phrase(file)?,
        None if app.is_interactive && !is_stdin_taken => {
            let typed = rpassword::prompt_password("Passphrase of the backup: ");
            Secret::new(typed.context("cannot read from the terminal")?)
        }
        None => return Err(no_phrase()),
    };
    let path = Path::new(args.from.trim_start_matches('@'));
    let backup = Backup::open(text, path, &phrase).map_err(file_failure)?;
    let existing = match args.existing {
        Some(OnExisting::Refuse) | None => Existing::Refuse,
        Some(OnExisting::Replace) => Existing::Replace,
        Some(OnExisting::Keep) => Existing::Keep,
    };
    let done = vault.import(&backup, existing).map_err(|err| match err {
        blueprint_vault::FileError::NameTaken { name } => {
            Failure::wrong(format!("the vault has another `{name}` already; nothing was stored"))
                .help("--existing replace takes those of the backup, --existing keep leaves them")
                .into()
        }
        err => file_failure(err),
    })?;
    for done in done {
        let what = match done.fate {
            Fate::Added => "stored",
            Fate::Replaced => "replaced",
            Fate::Unchanged => "is the same already:",
            Fate::Kept => "left as it is:",
        };
        app.err.line(&format!("{what} {} (version {})", done.name, done.version))?;
    }
    Ok(Exit::Fine)
}

fn json_pairs(text: &str) -> Result<Vec<(String, Secret)>> {
    let values: BTreeMap<String, String> = serde_json::from_str(text).map_err(|err| {
        // The text holds secrets: only the place is said.
        let (line, column) = (err.line(), err.column());
        Failure::wrong(format!("not an object of texts (line {line}, column {column})"))
    })?;
    Ok(values.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
}

pub(super) fn read_phrase(file: &Path) -> Result<Secret> {
    let text = fs::read_to_string(file)
        .map_err(|err| Failure::wrong(format!("cannot read {}: {err}", file.display())))?;
    Ok(Secret::new(ask::without_last_line_end(&text).to_owned()))
}

fn no_phrase() -> anyhow::Error {
    let failure = Failure::wrong("a passphrase is asked for, and there is no terminal");
    failure.help("give it in a file: --passphrase-file FILE").into()
}

fn zeroizing(text: String) -> Secret {
    Secret::new(text)
}
