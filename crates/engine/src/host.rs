//! Keeps the runs of a store going: a sweep that never ends, over leases.

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use blueprint_model::{JournalError, RunId, RunRecord};
use tokio::{sync::Notify, task::JoinSet, time::Instant};

use crate::{
    dispatch::{Engine, Rebuilt, ResumeError},
    handle::{Halt, RunHandle},
};

/// How often the store is looked at for what other processes leave: runs, letters, wishes to wake.
const SWEEP: Duration = Duration::from_millis(100);
/// How long a run that could not be set up is left alone.
const PAUSE: Duration = Duration::from_secs(10);

/// Makes from a run's record what it runs with.
pub type Rebuild =
    dyn Fn(&RunRecord) -> Result<Rebuilt, Box<dyn Error + Send + Sync>> + Send + Sync;

/// Goes on with every run of a store that nobody works on: when its process is gone, its time has
/// come, or a letter waits. Parked runs cost it nothing.
pub struct Host {
    engine: Engine,
    rebuild: Arc<Rebuild>,
    max_runs: usize,
    work: JoinSet<(RunId, Result<Halt, JournalError>)>,
    /// Runs that could not be set up, and until when they are left alone.
    failing: BTreeMap<RunId, Instant>,
    change: Arc<Notify>,
}

/// What a host has to tell.
#[derive(Debug)]
pub enum News {
    /// It goes on with a run.
    Resumed(RunId),
    /// A run could not be set up; it is tried again later.
    Refused(RunId, String),
    /// Nobody works on a run any more: it has ended, or is parked.
    Halted(RunId, Result<Halt, JournalError>),
}

impl Host {
    /// Returns a host that works on at most `max_runs` runs at once.
    pub fn new(engine: Engine, rebuild: Arc<Rebuild>, max_runs: usize) -> Self {
        Self {
            engine,
            rebuild,
            max_runs: max_runs.max(1),
            work: JoinSet::new(),
            failing: BTreeMap::new(),
            change: Arc::default(),
        }
    }

    /// Returns what makes the host look at the store at once.
    pub fn bell(&self) -> Arc<Notify> {
        self.change.clone()
    }

    /// Sweeps until the future is dropped, and tells what happens. Dropping it stops the runs where
    /// they are.
    pub async fn sweep(&mut self, mut tell: impl FnMut(News)) -> Result<(), JournalError> {
        loop {
            let pause = self.take_due(&mut tell).await?;
            tokio::select! {
                biased;
                Some(joined) = self.work.join_next() => {
                    if let Ok((run, halt)) = joined {
                        tell(News::Halted(run, halt));
                    }
                }
                () = self.change.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Sweeps until there is nothing to do now: no run that could go on, none at work. Returns how
    /// many went on.
    pub async fn sweep_once(&mut self, mut tell: impl FnMut(News)) -> Result<u64, JournalError> {
        let mut resumed = 0;
        loop {
            self.take_due(&mut |news| {
                resumed += u64::from(matches!(news, News::Resumed(_)));
                tell(news);
            })
            .await?;
            match self.work.join_next().await {
                Some(Ok((run, halt))) => tell(News::Halted(run, halt)),
                Some(Err(_)) => {}
                None => return Ok(resumed),
            }
        }
    }

    /// Claims what is due, as far as there is room. Returns how long nothing else will be.
    async fn take_due(&mut self, tell: &mut impl FnMut(News)) -> Result<Duration, JournalError> {
        let now = Instant::now();
        self.failing.retain(|_, until| *until > now);
        let room = self.max_runs.saturating_sub(self.work.len());
        if room == 0 {
            return Ok(SWEEP);
        }
        let time = self.engine.now();
        let due = self.engine.journal().due(time, room + self.failing.len()).await?;
        for run in due.runs {
            if !self.failing.contains_key(&run) {
                self.resume(run, tell).await?;
            }
        }
        let next = due.next.map_or(SWEEP, |next| {
            let micros = next.as_microsecond().saturating_sub(time.as_microsecond());
            Duration::from_micros(u64::try_from(micros).unwrap_or(0))
        });
        Ok(next.min(SWEEP))
    }

    async fn resume(
        &mut self,
        run: RunId,
        tell: &mut impl FnMut(News),
    ) -> Result<(), JournalError> {
        let rebuild = self.rebuild.clone();
        match self.engine.resume(&run, |record| rebuild(record)).await {
            Ok(handle) => {
                tell(News::Resumed(run));
                self.watch(handle);
            }
            // Another process was faster.
            Err(ResumeError::Busy(_) | ResumeError::Ended(_) | ResumeError::Unknown(_)) => {}
            Err(ResumeError::Setup(err)) => self.leave_alone(run, err.to_string(), tell),
            // One damaged run must not keep the others from going on.
            Err(ResumeError::Journal(err @ JournalError::Damaged(_))) => {
                self.leave_alone(run, err.to_string(), tell);
            }
            Err(ResumeError::Journal(err)) => return Err(err),
        }
        Ok(())
    }

    fn leave_alone(&mut self, run: RunId, reason: String, tell: &mut impl FnMut(News)) {
        self.failing.insert(run.clone(), Instant::now() + PAUSE);
        tell(News::Refused(run, reason));
    }

    fn watch(&mut self, handle: RunHandle) {
        let run = handle.id().clone();
        self.work.spawn(async move { (run, handle.halted().await) });
    }
}
