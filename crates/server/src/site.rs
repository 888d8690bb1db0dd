//! What all routes share: the project, its blueprints, its store and its runs.

use std::sync::Arc;

use anyhow::Result;
use blueprint_engine::{Clock, Engine, Ids};
use blueprint_model::{Journal, Registry};
use blueprint_project::{
    environment::Environment,
    project::Project,
    store::{self, Rebuilder},
    vault::ProjectVault,
};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use crate::{
    access::Access,
    catalogue::Catalogue,
    connections::Bounds,
    health::Health,
    metrics::Metrics,
    runs::{PARK_AFTER, Runs},
    streams::Streams,
    ui::{Folds, Imports},
};

/// How many whole runs are read at once.
const HISTORIES: usize = 4;

/// The server's state. Cheap to share; routes hold it as `Arc<Site>`.
pub(crate) struct Site {
    /// The project.
    pub(crate) project: Project,
    /// The process variables.
    pub(crate) environment: Environment,
    /// Block types and languages.
    pub(crate) registry: Registry,
    /// The run store.
    pub(crate) journal: Arc<dyn Journal>,
    /// What runs run on.
    pub(crate) engine: Engine,
    /// What a run starts and goes on with.
    pub(crate) rebuilder: Arc<Rebuilder>,
    /// The vault, for looking and for changes. Its calls block.
    pub(crate) vault: ProjectVault,
    /// The blueprints as they are now.
    pub(crate) catalogue: Catalogue,
    /// The runs of this process.
    pub(crate) runs: Runs,
    /// What was read of the runs that pages show.
    pub(crate) folds: Folds,
    /// Who may do what.
    pub(crate) access: Access,
    /// How many clients there may be, and how slow.
    pub(crate) bounds: Bounds,
    /// When this process began to serve.
    pub(crate) started: Timestamp,
    /// What it counts of itself.
    pub(crate) metrics: Metrics,
    /// The streams that are open.
    pub(crate) streams: Streams,
    /// What is known of the store's health.
    pub(crate) health: Health,
    /// Texts with secrets that wait for a yes.
    pub(crate) imports: Imports,
    /// Who reads all of a run.
    pub(crate) histories: Semaphore,
    closing: watch::Sender<bool>,
}

impl Site {
    /// Opens a project for serving.
    ///
    /// # Errors
    ///
    /// Returns a failure if the store or the vault's settings keep it from that, or an error if the
    /// processes of the sandbox cannot be started.
    pub(crate) fn open(
        project: Project,
        environment: Environment,
        access: Access,
        bounds: Bounds,
    ) -> Result<Self> {
        let journal = store::open(&project, &environment)?;
        let rebuilder = Rebuilder::new(&project, &environment)?;
        let registry = project.registry()?;
        let engine =
            Engine::new(journal.clone(), Clock::System, Ids::Random, rebuilder.limits.clone())
                .parking(PARK_AFTER);
        let vault = ProjectVault::new(&project, &environment)?;
        let catalogue = Catalogue::open(&project, &registry)?;
        let runs = Runs::new(project.settings.server.max_runs);
        let started = engine.now();
        Ok(Self {
            project,
            environment,
            registry,
            journal,
            engine,
            rebuilder: Arc::new(rebuilder),
            vault,
            catalogue,
            runs,
            folds: Folds::default(),
            access,
            bounds,
            started,
            metrics: Metrics::default(),
            streams: Streams::default(),
            health: Health::default(),
            imports: Imports::default(),
            histories: Semaphore::new(HISTORIES),
            closing: watch::Sender::new(false),
        })
    }

    /// Returns the project's name: its own, else that of its folder.
    pub(crate) fn name(&self) -> String {
        let folder = || {
            let full = std::path::absolute(&self.project.root).ok()?;
            Some(full.file_name()?.to_string_lossy().into_owned())
        };
        let own = self.project.settings.name.clone();
        own.or_else(folder).unwrap_or_else(|| "blueprint".into())
    }

    /// Says that the server is to stop: streams end, and nothing new is begun.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Returns whether the server is to stop.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Returns once the server is to stop. What never ends by itself, as streams do, waits for it.
    pub(crate) async fn closing(&self) {
        let mut closing = self.closing.subscribe();
        // The sender is in this very site.
        drop(closing.wait_for(|is_closing| *is_closing).await);
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> Timestamp {
        self.engine.now()
    }
}
