//! Keeps the runs of a store going: a sweep that never ends, over leases.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::Arc,
    time::Duration,
};

use blueprint_model::{JournalError, RunId, RunRecord};
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    task::JoinSet,
    time::Instant,
};

use crate::{
    dispatch::{Engine, Rebuilt, ResumeError},
    handle::Halt,
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
    tasks: JoinSet<()>,
    /// Runs that a task of this host is about to claim, or works on.
    at_work: BTreeSet<RunId>,
    /// Runs that could not be set up, and until when they are left alone.
    failing: BTreeMap<RunId, Instant>,
    sender: UnboundedSender<News>,
    news: UnboundedReceiver<News>,
    bell: Arc<Notify>,
}

/// What a host has to tell.
#[derive(Debug)]
pub enum News {
    /// It goes on with a run.
    Resumed(RunId),
    /// Another process was faster.
    Taken(RunId),
    /// A run could not be set up, or is damaged; it is tried again later.
    Refused(RunId, String),
    /// Nobody works on a run any more: it has ended, or is parked.
    Halted(RunId, Result<Halt, JournalError>),
}

impl Host {
    /// Returns a host that works on at most `max_runs` runs at once.
    pub fn new(engine: Engine, rebuild: Arc<Rebuild>, max_runs: usize) -> Self {
        let (sender, news) = unbounded_channel();
        Self {
            engine,
            rebuild,
            max_runs: max_runs.max(1),
            tasks: JoinSet::new(),
            at_work: BTreeSet::new(),
            failing: BTreeMap::new(),
            sender,
            news,
            bell: Arc::default(),
        }
    }

    /// Returns what makes the host look at the store at once.
    pub fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    /// Sweeps until the future is dropped, and tells what happens. Dropping the host stops its runs
    /// where they are.
    pub async fn sweep(&mut self, mut tell: impl FnMut(News)) -> Result<(), JournalError> {
        loop {
            let look = Instant::now() + self.take_due().await?;
            // News come thick and fast; the store is looked at again when there is reason to.
            loop {
                let bell = self.bell.clone();
                tokio::select! {
                    Some(news) = self.news.recv() => {
                        let was_full = self.at_work.len() >= self.max_runs;
                        self.take_note(&news);
                        tell(news);
                        if was_full && self.at_work.len() < self.max_runs {
                            break;
                        }
                    }
                    () = bell.notified() => break,
                    () = tokio::time::sleep_until(look) => break,
                }
            }
        }
    }

    /// Sweeps until there is nothing to do now: no run that could go on, none at work. Returns how
    /// many went on.
    pub async fn sweep_once(&mut self, mut tell: impl FnMut(News)) -> Result<u64, JournalError> {
        let mut resumed = 0;
        loop {
            self.take_due().await?;
            if self.at_work.is_empty() {
                return Ok(resumed);
            }
            if let Some(news) = self.news.recv().await {
                resumed += u64::from(matches!(news, News::Resumed(_)));
                self.take_note(&news);
                tell(news);
            }
        }
    }

    /// Begins to go on with what is due, as far as there is room. Returns for how long nothing else
    /// will be.
    async fn take_due(&mut self) -> Result<Duration, JournalError> {
        let now = Instant::now();
        self.failing.retain(|_, until| *until > now);
        while self.tasks.try_join_next().is_some() {}
        if self.at_work.len() >= self.max_runs {
            return Ok(SWEEP);
        }
        let time = self.engine.now();
        let limit = self.max_runs + self.failing.len();
        let due = self.engine.journal().due(time, limit).await?;
        for run in due.runs {
            let is_new = !self.failing.contains_key(&run) && !self.at_work.contains(&run);
            if is_new && self.at_work.len() < self.max_runs {
                self.at_work.insert(run.clone());
                let (engine, rebuild) = (self.engine.clone(), self.rebuild.clone());
                self.tasks.spawn(go_on(engine, rebuild, run, self.sender.clone()));
            }
        }
        let next = due.next.map_or(SWEEP, |next| {
            let micros = next.as_microsecond().saturating_sub(time.as_microsecond());
            Duration::from_micros(u64::try_from(micros).unwrap_or(0))
        });
        Ok(next.min(SWEEP))
    }

    fn take_note(&mut self, news: &News) {
        match news {
            News::Resumed(_) => {}
            News::Taken(run) | News::Halted(run, _) => {
                self.at_work.remove(run);
            }
            News::Refused(run, _) => {
                self.at_work.remove(run);
                self.failing.insert(run.clone(), Instant::now() + PAUSE);
            }
        }
    }
}

/// Goes on with a run until it halts. One that cannot go on does not keep the others from it.
async fn go_on(engine: Engine, rebuild: Arc<Rebuild>, run: RunId, sender: UnboundedSender<News>) {
    let resumed = engine.resume(&run, |record| rebuild(record)).await;
    // Nobody listens any more when the host is gone.
    let tell = |news| drop(sender.send(news));
    match resumed {
        Ok(handle) => {
            tell(News::Resumed(run.clone()));
            tell(News::Halted(run, handle.halted().await));
        }
        Err(ResumeError::Busy(_) | ResumeError::Ended(_) | ResumeError::Unknown(_)) => {
            tell(News::Taken(run));
        }
        Err(err @ (ResumeError::Setup(_) | ResumeError::Journal(_))) => {
            tell(News::Refused(run, err.to_string()));
        }
    }
}
