//! Who gets a worker, and when: the first that is free and large enough, else a new one, else wait.

use std::{
    io,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use blueprint_model::{
    block::Cancel,
    script::{ScriptEnd, ScriptError, ScriptScope},
};

use super::{
    Size,
    janitor::Janitor,
    pooled::Parcel,
    process::{Broken, Process},
};
use crate::lockdown::Measure;

/// How often who waits for a worker looks at cancel.
const STEP: Duration = Duration::from_millis(10);

/// The workers of a pool.
pub(super) struct Office {
    janitor: Janitor,
    most: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Process>,
    /// All workers, those at work included.
    count: usize,
    /// What the largest script so far has needed; the next worker can take it too.
    largest: Size,
}

/// Why there is no worker.
#[derive(Debug)]
pub(crate) enum NoWorker {
    /// Somebody cancelled the script that was to run.
    Cancelled,
    /// None could be started.
    Failed(io::Error),
}

/// A worker that is at work for somebody.
pub(super) struct Hired<'o> {
    office: &'o Office,
    process: Option<Process>,
}

impl Office {
    /// Opens it; there are no workers at first.
    pub(super) fn new(janitor: Janitor, most: usize) -> Self {
        Self { janitor, most, state: Mutex::default(), freed: Condvar::new() }
    }

    /// Returns a worker; waits until one is free.
    pub(super) fn hire(&self, size: Size, cancel: &Cancel) -> Result<Hired<'_>, NoWorker> {
        let mut state = self.lock();
        loop {
            if cancel.is_cancelled() {
                return Err(NoWorker::Cancelled);
            }
            while let Some(process) = state.idle.pop() {
                if process.suits(size) {
                    return Ok(Hired { office: self, process: Some(process) });
                }
                state.count -= 1;
                self.janitor.bury(process);
            }
            if state.count < self.most {
                state.count += 1;
                state.largest = state.largest.and(size);
                let size = state.largest;
                drop(state);
                // Counted before it is started, and given back if that fails.
                let mut hired = Hired { office: self, process: None };
                hired.process = Some(self.janitor.hire(size).map_err(NoWorker::Failed)?);
                return Ok(hired);
            }
            let waited = self.freed.wait_timeout(state, STEP);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns how many workers there are.
    pub(super) fn count(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hired<'_> {
    /// Runs a script. An error comes with how the worker ended.
    pub(super) fn run(
        &mut self,
        parcel: &Parcel,
        scope: &ScriptScope<'_>,
    ) -> Result<Result<ScriptEnd, ScriptError>, (Broken, String)> {
        let process = self.process.as_mut().expect("it is there until it is dropped");
        process.run(&self.office.janitor, parcel, scope).map_err(|broken| {
            let obituary = match broken {
                Broken::Dead => process.seat.obituary(),
                Broken::Stopped(_) | Broken::Nonsense => String::new(),
            };
            (broken, obituary)
        })
    }

    /// Returns which measures hold in this worker.
    pub(super) fn measures(&mut self, cancel: &Cancel) -> Result<Vec<Measure>, Broken> {
        let process = self.process.as_mut().expect("it is there until it is dropped");
        let measures = process.measures(&self.office.janitor, cancel);
        process.seat.rest();
        measures
    }
}

impl Drop for Hired<'_> {
    fn drop(&mut self) {
        let process = self.process.take();
        let mut state = self.office.lock();
        match process {
            Some(process) if process.is_fresh() => state.idle.push(process),
            Some(process) => {
                state.count -= 1;
                self.office.janitor.bury(process);
            }
            None => state.count -= 1,
        }
        drop(state);
        self.office.freed.notify_one();
    }
}
