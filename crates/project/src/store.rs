//! The run store of a project: where runs are kept, how a person names one, and what a kept run needs
//! to be looked at or gone on with.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use blueprint_engine::{Library, Plan, Rebuilt, SecretNeed};
use blueprint_journal::{Flush, MemoryJournal, SqliteJournal};
use blueprint_model::{
    Journal, JournalError, Limits, Registry, RunRecord, Secrets, Value, code,
    journal::{HandleTable, History, RunFilter, RunSummary},
};
use blueprint_vault::{LoadError, Refusal, Signed, Vault};

use crate::{
    canned, earlier,
    environment::Environment,
    failure::Failure,
    project::{self, Project},
    secrets,
    settings::Flush as FlushSetting,
    tail,
};

/// Returns the path of the project's store.
pub fn path(project: &Project, environment: &Environment) -> PathBuf {
    let home = project.home(environment);
    match project.settings.store.path.strip_prefix(".blueprint/") {
        Some(name) => home.join(name),
        None => project.path(&project.settings.store.path),
    }
}

/// Opens the project's store.
///
/// # Errors
///
/// Returns a failure if it cannot be opened: it is damaged, of a newer version, or the disk is full.
pub fn open(project: &Project, environment: &Environment) -> Result<Arc<dyn Journal>> {
    Ok(Arc::new(open_file(project, environment)?))
}

/// Opens the project's store as the file it is.
///
/// # Errors
///
/// Returns a failure if it cannot be opened.
pub fn open_file(project: &Project, environment: &Environment) -> Result<SqliteJournal> {
    let flush = match project.settings.store.flush {
        FlushSetting::Full => Flush::Full,
        FlushSetting::Normal => Flush::Normal,
        FlushSetting::Off => Flush::Off,
    };
    let path = path(project, environment);
    SqliteJournal::open(&path, flush).map_err(|err| failure(err).context(project::tidy(&path)))
}

/// Opens the project's store to look at runs: there must be one.
///
/// # Errors
///
/// Returns a failure if there is none, or it cannot be opened.
pub fn open_kept(project: &Project, environment: &Environment) -> Result<Arc<dyn Journal>> {
    let path = path(project, environment);
    if !path.exists() {
        let message = format!("no run was kept yet: there is no {}", project::tidy(&path));
        return Err(Failure::wrong(message).help("blueprint run NAME, in a project").into());
    }
    open(project, environment)
}

/// Returns where runs of a project are kept, and a line that says so: in its store, or nowhere where
/// there is no `project.yaml` or nobody wants it.
///
/// # Errors
///
/// Returns a failure if the store cannot be opened.
pub fn for_run(
    project: &Project,
    is_kept: bool,
    environment: &Environment,
) -> Result<(Arc<dyn Journal>, Option<String>)> {
    if !is_kept || !project.is_there() {
        return Ok((Arc::new(MemoryJournal::forgetful()), None));
    }
    let flush = match project.settings.store.flush {
        FlushSetting::Full => "full",
        FlushSetting::Normal => "normal (a power cut may lose the last facts)",
        FlushSetting::Off => "off (the end of the process may lose the last facts)",
    };
    let line = format!("kept in {}, flush {flush}", project::tidy(&path(project, environment)));
    Ok((open(project, environment)?, Some(line)))
}

/// Returns the failure for what the store refused.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
pub fn failure(err: JournalError) -> anyhow::Error {
    let code = match &err {
        JournalError::Write(_) => code::STORE_WRITE,
        JournalError::Read(_) | JournalError::Damaged(_) | JournalError::UnknownVersion { .. } => {
            code::STORE_READ
        }
        JournalError::Fenced(_) => code::RUN_TAKEN,
    };
    Failure::environment(err.to_string()).code(code).into()
}

/// Finds the run that a person named: by its id, by a beginning or end of it that only one has, or
/// as `@last`.
///
/// # Errors
///
/// Returns a failure if there is no such run, or several.
pub async fn find(journal: &dyn Journal, typed: &str) -> Result<RunSummary> {
    let filter = match typed {
        "@last" => RunFilter { limit: Some(1), ..RunFilter::default() },
        typed => RunFilter { id: Some(typed.into()), limit: Some(2), ..RunFilter::default() },
    };
    let mut found = journal.list(&filter).await.map_err(failure)?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            let message = format!("several runs begin or end with `{typed}`");
            Err(Failure::wrong(message).help("type more of it; see: blueprint runs list").into())
        }
        (None, _) => {
            let message = match typed {
                "@last" => "no run was kept yet".into(),
                typed => format!("there is no run `{typed}`"),
            };
            let failure = Failure::wrong(message).code(code::NO_RUN);
            Err(failure.help("see: blueprint runs list").into())
        }
    }
}

/// Returns a run with all its events.
///
/// # Errors
///
/// Returns a failure if there is no such run, or what is kept of it is damaged.
pub async fn read(journal: &dyn Journal, typed: &str) -> Result<History> {
    let summary = find(journal, typed).await?;
    let history = journal.read(&summary.run).await.map_err(failure)?;
    history.with_context(|| format!("run {} was removed meanwhile", summary.run))
}

/// A kept run's blueprints, as they were when it began.
pub struct Pinned {
    /// Its own.
    pub plan: Arc<Plan>,
    /// All that it may call.
    pub library: Arc<Library>,
}

/// Makes plans of the texts that a run was pinned with.
///
/// # Errors
///
/// Returns a failure if this version of the program finds a fault in them.
pub fn pinned(record: &RunRecord, registry: &Registry) -> Result<Pinned> {
    let mut plans = Vec::new();
    for source in &record.sources {
        let checked = project::check_bytes(&source.file, source.text.as_bytes(), registry);
        let fault = checked.diagnostics.iter().find(|found| found.is_error());
        let plan = checked.plan.ok_or_else(|| {
            let reason = fault.map_or("it cannot be read", |fault| fault.message.as_str());
            Failure::wrong(format!(
                "`{}` was right when the run began and is not for this version: {reason}",
                source.file
            ))
        })?;
        plans.push(plan);
    }
    let plan = plans.first().cloned().context("the run was kept without its blueprint")?;
    // They were linked when the run began, so there is nothing new to find.
    let library = Arc::new(Library::link(plans, &[]).library);
    canned::put_again(&record.setup, plan, library)
}

/// Returns the handles of a kept run, to show it: no value is behind them.
pub fn handles(history: &History) -> Secrets {
    let secrets = tail::handles_of(&history.record);
    history.events.iter().for_each(|event| tail::learn(event, &secrets));
    secrets
}

/// What it takes to start runs of a project and to go on with them.
pub struct Rebuilder {
    registry: Registry,
    vault: Vault,
    vault_file: PathBuf,
    /// The process variables that its runs may see.
    pub env: Arc<BTreeMap<String, String>>,
    /// The bounds of its runs.
    pub limits: Limits,
}

impl Rebuilder {
    /// Returns what goes on with the runs of a project. Reads no secret yet.
    ///
    /// # Errors
    ///
    /// Returns a failure if scripts shall run in processes of their own and none can be started.
    pub fn new(project: &Project, environment: &Environment) -> Result<Self> {
        Ok(Self {
            registry: project.registry()?,
            env: Arc::new(project.variables(environment)),
            vault: secrets::vault(project, environment)?,
            vault_file: secrets::vault_path(project, environment),
            limits: project.limits(),
        })
    }

    /// Loads the secrets that a new run needs.
    ///
    /// # Errors
    ///
    /// Returns a failure that names every missing secret, or says what keeps the vault shut.
    pub fn secrets(&self, needs: &[SecretNeed]) -> Result<Secrets> {
        let needs = secrets::needs_of(needs);
        self.vault.load(&needs, secrets::now()).map_err(|err| self.failure(&err))
    }

    /// Loads the secrets of a new run that takes answers from an earlier one, as its setup says:
    /// handles in them stand for the same keys as in it.
    ///
    /// # Errors
    ///
    /// Returns a failure that names every missing secret, or says what keeps the vault shut.
    pub fn secrets_as_before(
        &self,
        needs: &[SecretNeed],
        handles: &HandleTable,
        setup: &Value,
    ) -> Result<Secrets> {
        let needs = secrets::needs_of(needs);
        let loaded = self.vault.reload(&needs, secrets::now(), handles);
        let secrets = loaded.map_err(|err| self.failure(&err))?;
        earlier::learn(setup, &secrets);
        Ok(secrets)
    }

    /// Judges a signature with a key of the vault; the value stays there.
    ///
    /// # Errors
    ///
    /// Returns why the signature does not count.
    pub fn verify(&self, signed: &Signed<'_>) -> Result<(), Refusal> {
        self.vault.verify(signed, secrets::now())
    }

    fn failure(&self, err: &LoadError) -> anyhow::Error {
        secrets::load_failure(err, self.vault_file.exists())
    }

    /// Returns what a run goes on with: its pinned blueprints, and the newest versions of its secrets.
    ///
    /// # Errors
    ///
    /// Returns a failure if a secret is missing, or the blueprints are wrong for this version.
    pub fn rebuild(&self, record: &RunRecord) -> Result<Rebuilt> {
        let Pinned { plan, library } = pinned(record, &self.registry)?;
        let secrets = match &record.handles {
            None => Secrets::none(),
            Some(handles) => {
                self.secrets_as_before(&library.secrets(&plan), handles, &record.setup)?
            }
        };
        Ok(Rebuilt { plan, library, secrets, env: self.env.clone() })
    }
}
