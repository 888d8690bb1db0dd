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

struct Worker {
    jobs: SyncSender<Job>,
    gauge: &'static Gauge,
    stack: usize,
}

static IDLE: Mutex<Vec<Worker>> = Mutex::new(Vec::new());

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
    let worker = hire(stack_for(limits)).map_err(Lost::NoThread)?;
    worker.jobs.send(job).map_err(|_| Lost::Dead)?;
    let mut watch = Watch { deadline: guard::now().checked_add(limits.time), stopped: None };
    loop {
        match answers.recv_timeout(WATCH_STEP) {
            Ok((value, stop)) => {
                release(worker, stop);
                return Ok((value, stop));
            }
            Err(RecvTimeoutError::Timeout) => watch.look(worker.gauge, cancel)?,
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

fn stack_for(limits: &ScriptLimits) -> usize {
    let stack = (CALL_STACK as u64 + SPARE_STACK)
        .saturating_add(limits.memory.saturating_mul(STACK_PER_MEMORY));
    usize::try_from(stack).unwrap_or(usize::MAX)
}

fn hire(stack: usize) -> io::Result<Worker> {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = idle.iter().position(|worker| worker.stack >= stack) {
        return Ok(idle.swap_remove(at));
    }
    drop(idle);
    let (jobs, inbox) = mpsc::sync_channel::<Job>(1);
    let gauge = Gauge::take();
    thread::Builder::new().name("script".into()).stack_size(stack).spawn(move || {
        while let Ok(job) = inbox.recv() {
            job(gauge);
        }
        gauge.give_back();
    })?;
    Ok(Worker { jobs, gauge, stack })
}

/// Keeps a thread for the next run. One that met a bound may have touched all of its stack and is
/// let go, which gives that memory back.
fn release(worker: Worker, stop: Option<Stop>) {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if stop.is_none() && idle.len() < MOST_IDLE {
        idle.push(worker);
    }
}
