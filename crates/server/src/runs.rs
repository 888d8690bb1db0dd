//! Runs of this process: the one place that starts them, within bounds, and waits for their ends.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode;
use blueprint_engine::{Halt, Host, Library, News, Origin, Plan, RunHandle, StartError, StartRun};
use blueprint_model::{
    EventKind, JournalError, RunId, Secrets, Value, code,
    event::{Counts, RunError, RunStatus},
    value::Shared,
};
use blueprint_project::{
    canned,
    store::{self, Pinned},
    tail,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{catalogue::Snapshot, problem::Problem, site::Site};

/// How long a run must have nothing to do to be parked.
pub(crate) const PARK_AFTER: Duration = Duration::from_secs(1);
/// How long a request waits for its turn where the bound of runs is reached.
const TURN: Duration = Duration::from_secs(2);
/// How often the store is looked at for the end of a run of another process.
const LOOK: Duration = Duration::from_millis(50);
/// After which time a store that failed is looked through again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a run shall do.
pub(crate) struct Wanted {
    /// The blueprint's name.
    pub(crate) blueprint: String,
    /// The inputs: an object.
    pub(crate) inputs: Value,
    /// What the trigger brings.
    pub(crate) payload: Value,
    /// Where it comes from; its key makes the run start once only.
    pub(crate) origin: Origin,
    /// A deadline that stands above the blueprint's own.
    pub(crate) timeout: Option<Duration>,
}

/// A run that was started, now or before with the same key.
pub(crate) struct Started {
    /// The run.
    pub(crate) run: RunId,
    /// Whether it is new.
    pub(crate) is_new: bool,
    /// What tells of its end, where this process has begun it now.
    end: Option<watch::Receiver<Option<Ended>>>,
}

impl Started {
    /// Waits for the end of the run, at most this long; `None` if it has not ended by then. That of a
    /// run of this process comes without a look into the store.
    ///
    /// # Errors
    ///
    /// Returns a problem if the store cannot be read.
    pub(crate) async fn ended(
        &self,
        site: &Site,
        within: Duration,
    ) -> Result<Option<Ended>, Problem> {
        wait(site, &self.run, self.end.clone(), Instant::now() + within).await
    }
}

/// How a run ended, as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// How.
    pub(crate) status: RunStatus,
    /// The value.
    pub(crate) value: Shared,
    /// Why it failed.
    pub(crate) error: Option<RunError>,
    /// How many blocks ended in which way.
    pub(crate) counts: Counts,
    /// From start to end, in microseconds.
    pub(crate) duration_us: u64,
}

/// The runs that this process works on.
pub(crate) struct Runs {
    permits: Arc<Semaphore>,
    max: usize,
    waiting: AtomicUsize,
    tasks: Mutex<JoinSet<()>>,
}

impl Runs {
    /// Returns room for so many runs at once.
    pub(crate) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self {
            permits: Arc::new(Semaphore::new(max)),
            max,
            waiting: AtomicUsize::new(0),
            tasks: Mutex::default(),
        }
    }

    /// Returns how many runs are under way, how many requests wait for their turn, and the bound.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        let free = self.permits.available_permits();
        (self.max.saturating_sub(free), self.waiting.load(Ordering::Relaxed), self.max)
    }

    /// Waits for a turn, at most as long as is worth it; as many may wait as may run.
    ///
    /// # Errors
    ///
    /// Returns a problem if there are too many runs.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let waits = Waits::begin(&self.waiting);
        if waits.before >= self.max {
            return Err(busy());
        }
        match tokio::time::timeout(TURN, self.permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Starts no run any more, and waits until those at work have ended or are parked, at most this
    /// long. What is left is stopped where it is: another process goes on with it.
    pub(crate) async fn close(&self, within: Duration) {
        self.permits.close();
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            tasks.shutdown().await;
        }
    }

    /// Works on something to its end, also where the client that wants it hangs up meanwhile: what a
    /// run has of the store must not be lost half-way. `None` if the server stops.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, done) = oneshot::channel();
        {
            let mut tasks = lock(&self.tasks);
            while tasks.try_join_next().is_some() {}
            tasks.spawn(async move {
                // Who hung up does not need to know.
                drop(sender.send(work.await));
            });
        }
        done.await.ok()
    }

    /// Works on a run until it halts; returns what tells of its end.
    pub(crate) fn keep(
        &self,
        handle: RunHandle,
        permit: OwnedSemaphorePermit,
        site: Arc<Site>,
    ) -> watch::Receiver<Option<Ended>> {
        let run = handle.id().clone();
        let (sender, receiver) = watch::channel(None);
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let halted = handle.halted().await;
            drop(permit);
            match halted {
                Ok(Halt::Ended(end)) => {
                    let (status, value, error) = (end.status, end.value, end.error);
                    let (counts, duration_us) = (end.counts, end.duration_us);
                    site.metrics.run_ended(status);
                    // Who no longer listens does not need to know.
                    drop(sender.send(Some(Ended { status, value, error, counts, duration_us })));
                }
                Ok(Halt::Parked(_)) => {}
                Err(err) => tracing::error!("run {run}: {err}"),
            }
        });
        receiver
    }
}

/// Counts who waits, as long as they do.
struct Waits<'a> {
    counter: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waits<'a> {
    fn begin(counter: &'a AtomicUsize) -> Self {
        Self { counter, before: counter.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a run.
///
/// # Errors
///
/// Returns a problem if there is no such blueprint, it is faulty, the inputs do not fit, a secret is
/// missing, or there are too many runs.
pub(crate) async fn start(site: &Arc<Site>, wanted: Wanted) -> Result<Started, Problem> {
    let started = site.runs.apart(begin(site.clone(), wanted)).await;
    started.unwrap_or_else(|| Err(Problem::stopping()))
}

async fn begin(site: Arc<Site>, wanted: Wanted) -> Result<Started, Problem> {
    let snapshot = site.catalogue.now();
    let plan = plan_of(&snapshot, &wanted.blueprint)?;
    plan.inputs_from(&wanted.inputs).map_err(wrong_inputs)?;
    let permit = site.runs.turn().await?;
    let Pinned { plan, library } =
        canned::put_again(&wanted.origin.setup, plan, snapshot.library.clone())?;
    let start = StartRun {
        secrets: secrets(&site, &plan, &library, &wanted.origin.setup).await?,
        env: site.rebuilder.env.clone(),
        library,
        plan,
        inputs: wanted.inputs,
        payload: wanted.payload,
        timeout: wanted.timeout,
        origin: wanted.origin,
    };
    match site.engine.start(start).await {
        Ok(handle) => {
            site.metrics.run_started();
            let run = handle.id().clone();
            let end = Some(site.runs.keep(handle, permit, site.clone()));
            Ok(Started { run, is_new: true, end })
        }
        Err(StartError::Known(run)) => Ok(Started { run, is_new: false, end: None }),
        Err(StartError::Conflict(run)) => {
            let detail = format!("run {} has this key and was given something else", run.short());
            Err(Problem::new(StatusCode::CONFLICT, detail).code(code::KEY_CONFLICT))
        }
        Err(StartError::Inputs(misfits)) => Err(wrong_inputs(misfits)),
        Err(StartError::Journal(err)) => Err(store::failure(err).into()),
    }
}

/// Loads what a run needs. Where it takes answers from an earlier one, as its setup says, handles in
/// them stand for the same keys as in that.
async fn secrets(
    site: &Site,
    plan: &Arc<Plan>,
    library: &Library,
    setup: &Value,
) -> Result<Secrets, Problem> {
    let earlier = setup["from"]["run"].as_str().map(RunId::new);
    let handles = match earlier {
        None => None,
        Some(run) => site.journal.head(&run).await.map_err(store::failure)?,
    };
    let handles = handles.and_then(|head| head.record.handles);
    let needs = library.secrets(plan);
    if handles.is_none() && needs.is_empty() {
        return Ok(site.rebuilder.secrets(&needs)?);
    }
    // A source may be a program or another server, and take its time.
    let (rebuilder, setup) = (site.rebuilder.clone(), setup.clone());
    let loaded = tokio::task::spawn_blocking(move || match handles {
        None => rebuilder.secrets(&needs),
        Some(handles) => rebuilder.secrets_as_before(&needs, &handles, &setup),
    });
    match loaded.await {
        Ok(loaded) => Ok(loaded?),
        Err(err) => Err(anyhow::Error::from(err).into()),
    }
}

async fn wait(
    site: &Site,
    run: &RunId,
    own: Option<watch::Receiver<Option<Ended>>>,
    until: Instant,
) -> Result<Option<Ended>, Problem> {
    if let Some(mut own) = own {
        let end = tokio::select! {
            end = tokio::time::timeout_at(until, own.wait_for(Option::is_some)) => end,
            // Who is to stop does not keep a client waiting.
            () = site.closing() => return Ok(None),
        };
        match end {
            Ok(Ok(end)) => return Ok(end.clone()),
            // Parked, or its store is gone: the store says more.
            Ok(Err(_)) => {}
            Err(_) => return Ok(None),
        }
    }
    loop {
        let found = end_of(site, run).await.map_err(|err| Problem::from(store::failure(err)))?;
        if found.is_some() || Instant::now() >= until {
            return Ok(found);
        }
        let look = until.min(Instant::now() + LOOK);
        tokio::select! {
            () = tokio::time::sleep_until(look) => {}
            () = site.closing() => return Ok(None),
        }
    }
}

/// Returns how a run ended, from the store; `None` if it has not, or there is no such run.
pub(crate) async fn end_of(site: &Site, run: &RunId) -> Result<Option<Ended>, JournalError> {
    let last = tail::last(&*site.journal, run).await?;
    Ok(last.and_then(|(_, event)| ended_by(event?.kind)))
}

/// Returns how a run ended, from its last event.
pub(crate) fn ended_by(last: EventKind) -> Option<Ended> {
    match last {
        EventKind::RunFinished { status, value, error, counts, duration_us } => {
            Some(Ended { status, value, error, counts, duration_us })
        }
        EventKind::RunStarted { .. }
        | EventKind::BlockStarted { .. }
        | EventKind::AttemptFailed { .. }
        | EventKind::BlockWaiting { .. }
        | EventKind::AnswerReceived { .. }
        | EventKind::StateChanged { .. }
        | EventKind::SecretUsed { .. }
        | EventKind::SecretDerived { .. }
        | EventKind::Log { .. }
        | EventKind::BlockFinished { .. }
        | EventKind::BlockSkipped { .. }
        | EventKind::BlockCancelled { .. }
        | EventKind::RunResumed { .. }
        | EventKind::CancelRequested { .. } => None,
    }
}

/// Goes on with the runs of the store that nobody works on, for ever.
pub(crate) async fn host(site: Arc<Site>) {
    let rebuilder = site.rebuilder.clone();
    let rebuild = Arc::new(move |record: &blueprint_model::RunRecord| {
        rebuilder.rebuild(record).map_err(|err| format!("{err:#}").into())
    });
    let mut host = Host::new(site.engine.clone(), rebuild, site.project.settings.server.max_runs);
    loop {
        let told = host.sweep(|news| match news {
            News::Halted(_, Ok(Halt::Ended(end))) => site.metrics.run_ended(end.status),
            News::Resumed(_) | News::Taken(_) | News::Halted(_, Ok(Halt::Parked(_))) => {}
            News::Refused(run, why) => tracing::warn!("run {run} cannot go on: {why}"),
            News::Halted(run, Err(err)) => tracing::error!("run {run}: {err}"),
        });
        if let Err(err) = told.await {
            // A disk can have room again; runs that wait must not wait for ever.
            tracing::error!("the run store could not be looked through: {err}");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Returns the plan in force of a blueprint.
///
/// # Errors
///
/// Returns a problem if there is none, with the nearest name.
pub(crate) fn plan_of(snapshot: &Snapshot, name: &str) -> Result<Arc<Plan>, Problem> {
    let entry = snapshot.get(name)?;
    entry.plan.clone().ok_or_else(|| {
        let detail = format!("`{name}` has faults and was not run");
        Problem::new(StatusCode::CONFLICT, detail).help("blueprint check")
    })
}

fn wrong_inputs(misfits: Vec<String>) -> Problem {
    let detail = match misfits.as_slice() {
        [one] => one.clone(),
        _ => "the inputs are wrong".into(),
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).code(code::BAD_INPUTS);
    Problem { faults: misfits, ..problem }
}

fn busy() -> Problem {
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many runs at once");
    Problem { retry_after: Some(1), ..problem }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
