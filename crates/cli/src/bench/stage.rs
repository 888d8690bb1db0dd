//! A blueprint that is run again and again, in this process and as any other run.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use blueprint_engine::{Engine, Library, Origin, Plan, StartError, StartRun};
use blueprint_journal::{Flush, MemoryJournal, SqliteJournal};
use blueprint_model::{
    Block, Journal, JournalError, Limits, Registry, Secret, SecretName, Secrets, Value,
    event::RunStatus, secret::Policy,
};
use blueprint_project::secrets;
use blueprint_project::{project, wiring};
use blueprint_vault::{MemoryVault, Vault};
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    bench::{
        harness::Stopwatch,
        pass::{Outside, Pass},
        source::Source,
    },
    execute,
};

/// Why a measurement came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A run could not begin.
    #[error("cannot start a run")]
    Start(#[from] StartError),
    /// A store did not take what happened.
    #[error("cannot write to the store of the bench")]
    Store(#[from] JournalError),
    /// A file could not be written.
    #[error("cannot write to the folder of the bench")]
    File(#[from] io::Error),
    /// Somebody stopped it.
    #[error("the bench was stopped")]
    Stopped,
    /// A file is too large for what was asked.
    #[error("{0}")]
    Blueprint(String),
}

/// Where the runs of a bench are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nowhere.
    Memory,
    /// In SQLite, so safe.
    Sqlite(Flush),
}

impl Keep {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(flush) => flush.as_str(),
        }
    }

    /// Returns a journal of this sort, whose file is in a folder.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be made.
    pub fn open(self, folder: &Path) -> Result<Arc<dyn Journal>, Fault> {
        match self {
            Self::Memory => Ok(Arc::new(MemoryJournal::forgetful())),
            Self::Sqlite(flush) => Ok(Arc::new(SqliteJournal::open(&file(folder, flush), flush)?)),
        }
    }
}

fn file(folder: &Path, flush: Flush) -> PathBuf {
    folder.join(format!("runs-{}.db", flush.as_str()))
}

/// A checked blueprint with all that a run of it needs.
#[derive(Clone)]
pub struct Stage {
    engine: Engine,
    plan: Arc<Plan>,
    library: Arc<Library>,
    needs: Arc<[blueprint_vault::Need]>,
    inputs: Value,
    /// How many units of work a run does.
    pub units: usize,
}

/// Builds the engine of a bench that keeps its runs in a journal.
pub fn engine(journal: Arc<dyn Journal>) -> Engine {
    execute::engine(journal, Limits::default())
}

/// The block types of this process, and those of benches.
static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let registry = wiring::registry();
    let mut blocks: Vec<Arc<dyn Block>> = registry.blocks().to_vec();
    blocks.push(Arc::new(Pass));
    blocks.push(Arc::new(Outside));
    Registry::new(blocks, registry.languages().to_vec())
});

impl Stage {
    /// Checks a blueprint and those that it calls.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with it: only its size can be.
    pub fn new(source: &Source, engine: Engine) -> Result<Self, Fault> {
        let checked = |text: &String| {
            let checked = project::check_bytes("bench.yaml", text.as_bytes(), &REGISTRY);
            let fault = checked.diagnostics.iter().find(|found| found.is_error());
            let reason = fault.map_or("it cannot be read", |fault| fault.message.as_str());
            checked.plan.clone().ok_or_else(|| Fault::Blueprint(reason.into()))
        };
        let plan = checked(&source.text)?;
        let callees: Result<Vec<Arc<Plan>>, Fault> = source.callees.iter().map(checked).collect();
        let library = Library::link(callees?, &[]).library;
        let needs = secrets::needs_of(&library.secrets(&plan)).into();
        let (inputs, units) = (source.inputs.clone(), source.units);
        Ok(Self { engine, plan, library: Arc::new(library), needs, inputs, units })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// Returns an error if the store does not take it.
    ///
    /// # Panics
    ///
    /// Panics if the run fails: nothing in it can.
    pub async fn once(&self) -> Result<(), Fault> {
        let start = StartRun {
            plan: self.plan.clone(),
            library: self.library.clone(),
            payload: Value::Null,
            inputs: self.inputs.clone(),
            secrets: self.secrets(),
            env: Arc::default(),
            timeout: None,
            origin: Origin::default(),
        };
        let mut handle = self.engine.start(start).await?;
        drop(handle.events());
        let end = handle.finished().await?;
        assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.error);
        Ok(())
    }

    /// Runs it so many times, one after the other.
    ///
    /// # Errors
    ///
    /// Returns an error if the store does not take it.
    pub fn repeat(&self, runtime: &Runtime, times: usize) -> Result<(), Fault> {
        let stage = self.clone();
        on_worker(runtime, async move {
            for _ in 0..times {
                stage.once().await?;
            }
            Ok(())
        })
    }

    /// Runs it `at_once` times side by side, each `times` in a row, and returns how long each run
    /// took, sorted.
    ///
    /// # Errors
    ///
    /// Returns an error if the store does not take it.
    pub fn latencies(
        &self,
        runtime: &Runtime,
        at_once: usize,
        times: usize,
    ) -> Result<Vec<Duration>, Fault> {
        let stage = self.clone();
        on_worker(runtime, async move {
            let mut tasks = JoinSet::new();
            for _ in 0..at_once {
                let stage = stage.clone();
                tasks.spawn(async move {
                    let mut took = Vec::with_capacity(times);
                    for _ in 0..times {
                        let start = Stopwatch::start();
                        stage.once().await?;
                        took.push(start.elapsed());
                    }
                    Ok::<_, Fault>(took)
                });
            }
            let mut all = Vec::with_capacity(at_once * times);
            while let Some(took) = tasks.join_next().await {
                all.extend(took.expect("a run of a bench does not panic")?);
            }
            all.sort_unstable();
            Ok(all)
        })
    }

    fn secrets(&self) -> Secrets {
        if self.needs.is_empty() {
            return Secrets::none();
        }
        let name = SecretName::parse("API_KEY").expect("the name is well-formed");
        let value = Secret::new("example-bench-4Kp9".into());
        let source = MemoryVault::new().with(name, value, Policy::default());
        let vault = Vault::new(vec![Box::new(source)]);
        vault.load(&self.needs, secrets::now()).expect("the vault has the one key of the bench")
    }
}

/// Does some work on a thread of the runtime, as a server would: a thread outside of it meets every
/// run with two changes of thread.
pub fn on_worker<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        tasks.spawn(work);
        let done = tasks.join_next().await.expect("it was spawned");
        done.expect("a bench does not panic")
    })
}
