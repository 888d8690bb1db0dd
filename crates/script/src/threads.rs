//! Threads with big stacks, for scripts that nest deep, and the watch over them.
//!
//! Dropping, copying and printing nested data takes stack in proportion to its depth, and the
//! depth is bounded by the memory that the nesting takes: no level costs less than two allocations.
//! So a stack in proportion to the memory bound cannot overflow. It is only reserved; the system
//! gives pages as they are touched.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use blueprint_model::{block::Cancel, limits::ScriptLimits};

use crate::guard::{self, Gauge, Stop};

/// Bytes of stack per byte of the memory bound.
const STACK_PER_MEMORY: u64 = 3;
/// What evaluating may take of it.
pub(crate) const CALL_STACK: usize = 32 << 20;
/// What its last call may take before it asks.
const SPARE_STACK: u64 = 1 << 20;
/// Most threads that wait for work.
const MOST_IDLE: usize = 8;
/// How often the watch looks at clock and cancel.
const WATCH_STEP: Duration = Duration::from_millis(20);
/// How long a stopped run may take to notice before its thread is given up.
const GRACE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(&'static Gauge) + Send>;

struct Helper {
    jobs: SyncSender<Job>,
    gauge: &'static Gauge,
    stack: usize,
}

static IDLE: Mutex<Vec<Helper>> = Mutex::new(Vec::new());

/// Why there is no answer from a thread.
#[derive(Debug)]
pub(crate) enum Lost {
    /// No thread could be started.
    NoThread(io::Error),
    /// It did not stop when told to.
    Stuck(Stop),
    /// It ended without an answer.
    Dead,
}

/// Runs `work` on a thread with a big stack, and stops it at the deadline or when cancelled.
///
/// `work` calls [`guard::begin_watched`] and [`guard::end`] itself, and returns what stopped it.
pub(crate) fn run<T: Send + 'static>(
    limits: &ScriptLimits,
    cancel: &Cancel,
    work: impl FnOnce(&'static Gauge) -> (T, Option<Stop>) + Send + 'static,
) -> Result<(T, Option<Stop>), Lost> {
    let (answer, answers) = mpsc::sync_channel(1);
    // The watch may have given up on the answer; then nobody wants it.
    let job: Job = Box::new(move |gauge| drop(answer.send(work(gauge))));
    let helper = hire(stack_for(limits.memory)).map_err(Lost::NoThread)?;
    helper.jobs.send(job).map_err(|_| Lost::Dead)?;
    let mut watch = Watch { deadline: guard::now().checked_add(limits.time), stopped: None };
    loop {
        match answers.recv_timeout(WATCH_STEP) {
            Ok((value, stop)) => {
                release(helper, stop);
                return Ok((value, stop));
            }
            Err(RecvTimeoutError::Timeout) => watch.look(helper.gauge, cancel)?,
            Err(RecvTimeoutError::Disconnected) => return Err(Lost::Dead),
        }
    }
}

struct Watch {
    /// `None` where the bound is beyond what a clock can say.
    deadline: Option<Instant>,
    stopped: Option<(Stop, Instant)>,
}

impl Watch {
    /// Stops the run if it is time. Says so again at each look: the run may not have begun yet.
    fn look(&mut self, gauge: &Gauge, cancel: &Cancel) -> Result<(), Lost> {
        let now = guard::now();
        let why = match self.stopped {
            Some((why, since)) if now.duration_since(since) > GRACE => {
                return Err(Lost::Stuck(why));
            }
            Some((why, _)) => why,
            None if cancel.is_cancelled() => Stop::Cancelled,
            None if self.deadline.is_some_and(|deadline| now >= deadline) => Stop::Time,
            None => return Ok(()),
        };
        self.stopped.get_or_insert((why, now));
        gauge.stop(why);
        Ok(())
    }
}

/// Returns the bytes of stack that go with a bound on memory.
pub(crate) fn stack_for(memory: u64) -> usize {
    let stack =
        (CALL_STACK as u64 + SPARE_STACK).saturating_add(memory.saturating_mul(STACK_PER_MEMORY));
    usize::try_from(stack).unwrap_or(usize::MAX)
}

/// Starts a thread ahead of its work, for a process that will not be able to start any later.
pub(crate) fn prepare(memory: u64) -> io::Result<()> {
    let helper = start(stack_for(memory))?;
    let (answer, answers) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the thread ended at once");
    // Until it has answered, it is still being set up by the system's library.
    helper.jobs.send(Box::new(move |_| answer.send(()).unwrap_or_default())).map_err(|_| gone())?;
    answers.recv().map_err(|_| gone())?;
    release(helper, None);
    Ok(())
}

fn hire(stack: usize) -> io::Result<Helper> {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = idle.iter().position(|helper| helper.stack >= stack) {
        return Ok(idle.swap_remove(at));
    }
    drop(idle);
    start(stack)
}

fn start(stack: usize) -> io::Result<Helper> {
    let (jobs, inbox) = mpsc::sync_channel::<Job>(1);
    let gauge = Gauge::take();
    thread::Builder::new().name("script".into()).stack_size(stack).spawn(move || {
        while let Ok(job) = inbox.recv() {
            job(gauge);
        }
        gauge.give_back();
    })?;
    Ok(Helper { jobs, gauge, stack })
}

/// Keeps a thread for the next run. One that met a bound may have touched all of its stack and is
/// let go, which gives that memory back.
fn release(helper: Helper, stop: Option<Stop>) {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if stop.is_none() && idle.len() < MOST_IDLE {
        idle.push(helper);
    }
}
