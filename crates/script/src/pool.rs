//! Scripts in processes of their own: the second level of the sandbox.
//!
//! A pool is a handful of processes of this same binary. Each locks itself down before it hears
//! anything, then compiles and runs scripts that come over its pipe. What a script can do to its
//! process, it cannot do to this one: a worker that dies, hangs or babbles costs the block that used
//! it an error, and is replaced.
//!
//! A worker is used for one script at a time and for many scripts in a row, but not after one that
//! met a bound, and never after one that was given a secret's value.

mod hire;
mod inside;
mod janitor;
mod pooled;
mod process;
mod protocol;
mod wire;

use std::{
    env,
    ffi::OsString,
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use blueprint_model::{block::Cancel, limits::ScriptLimits};

pub use self::inside::worker_main;
pub(crate) use self::pooled::Pooled;
use self::{
    hire::{Hired, NoWorker, Office},
    janitor::Janitor,
    process::{Broken, MOST_WORK},
};
use crate::{
    lockdown::{Bounds, Measure},
    threads,
};

/// The first argument of a worker process.
pub const WORKER_WORD: &str = "__script-worker";

/// What a pool starts.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// Its first arguments; the sizes of the worker follow.
    pub arguments: Vec<OsString>,
    /// Most workers at once.
    pub workers: NonZeroUsize,
}

/// Processes that run scripts. Cheap to clone; they end with the last clone.
#[derive(Clone)]
pub struct Pool(Arc<Office>);

/// What a worker must be able to take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    memory: u64,
    time: Duration,
}

impl PoolSettings {
    /// Returns the settings for workers of this very binary: one for each processor.
    ///
    /// # Errors
    ///
    /// Returns an error if the system does not say which binary this is.
    pub fn of_this_binary() -> io::Result<Self> {
        // The link names the file that runs, also after a new one has taken its place.
        let own = Path::new("/proc/self/exe");
        let program = if own.exists() { own.to_owned() } else { env::current_exe()? };
        let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Self { program, arguments: vec![WORKER_WORD.into()], workers })
    }
}

impl Pool {
    /// Opens a pool. Workers are started when they are needed.
    ///
    /// # Errors
    ///
    /// Returns an error if its own thread cannot be started.
    pub fn open(settings: PoolSettings) -> io::Result<Self> {
        let most = settings.workers.get();
        Ok(Self(Arc::new(Office::new(Janitor::start(settings)?, most))))
    }

    /// Returns what is taken from workers on this system, and what is not; starts a worker to see.
    ///
    /// # Errors
    ///
    /// Returns an error if no worker can be started.
    pub fn measures(&self) -> io::Result<Vec<Measure>> {
        let cancel = Cancel::default();
        let size = Size::of(&ScriptLimits::default());
        let mut worker = self.hire(size, &cancel).map_err(|none| match none {
            NoWorker::Failed(err) => err,
            NoWorker::Cancelled => io::ErrorKind::Interrupted.into(),
        })?;
        worker.measures(&cancel).map_err(|broken| match broken {
            Broken::Dead => io::Error::other("the worker ended at once"),
            Broken::Stopped(_) => io::ErrorKind::TimedOut.into(),
            Broken::Nonsense => io::ErrorKind::InvalidData.into(),
        })
    }

    /// Returns how many workers there are now.
    pub fn workers(&self) -> usize {
        self.0.count()
    }

    fn hire(&self, size: Size, cancel: &Cancel) -> Result<Hired<'_>, NoWorker> {
        self.0.hire(size, cancel)
    }
}

impl Size {
    fn of(limits: &ScriptLimits) -> Self {
        Self { memory: limits.memory, time: limits.time }
    }

    fn holds(self, other: Self) -> bool {
        self.memory >= other.memory && self.time >= other.time
    }

    /// Returns what is large enough for both.
    fn and(self, other: Self) -> Self {
        Self { memory: self.memory.max(other.memory), time: self.time.max(other.time) }
    }

    fn to_arguments(self) -> [String; 2] {
        [self.memory.to_string(), self.time.as_secs().to_string()]
    }

    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut number = || arguments.next()?.parse::<u64>().ok();
        Some(Self { memory: number()?, time: Duration::from_secs(number()?) })
    }

    /// Returns the bounds of a worker of this size. Workers are let go before they meet them.
    fn to_bounds(self) -> Bounds {
        let time = MOST_WORK.saturating_mul(2).saturating_add(self.time);
        Bounds { memory: self.memory, stack: threads::stack_for(self.memory) as u64, time }
    }
}
