//! The bounds of the run on this thread: set when it begins, asked by everything that it does.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use blueprint_model::{
    block::Cancel,
    limits::ScriptLimits,
    script::{ScriptError, ScriptStop},
};

use crate::memory;

/// Most operations of a run on its caller's own thread.
const INLINE_OPERATIONS: u64 = 8192;
/// Up to so many operations, they bound the stack that it takes to drop what such a run made: each
/// level of nested data costs at least one. Beyond, [`NESTING_MEMORY`] bounds it.
const NESTING_OPERATIONS: u64 = 2048;
/// No more levels than [`NESTING_OPERATIONS`] fit into this: none costs less than two allocations.
const NESTING_MEMORY: i64 = 256 << 10;
/// Most memory of such a run, so that no single step of it takes long.
const INLINE_MEMORY: i64 = 1 << 20;
/// Longest such run.
const INLINE_TIME: Duration = Duration::from_millis(5);
/// Most stack that evaluating takes in such a run.
const INLINE_STACK: usize = 256 << 10;
/// How many operations of such a run go by between looks at the clock: few at first, then more, as
/// so many have taken no time.
const INLINE_STEP: u64 = 32;
const MOST_INLINE_STEP: u64 = 128;
/// How much work inside one function goes by between looks: about as many bytes copied.
const WORK_STEP: usize = 64 << 10;

/// Which bound ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Too many operations.
    Operations,
    /// Too long.
    Time,
    /// Too much memory.
    Memory,
    /// Too much printed and logged.
    Output,
    /// Nested too deep.
    Depth,
    /// Somebody cancelled it.
    Cancelled,
    /// Not small enough for the caller's thread: it starts again on a thread with a big stack.
    Heavy,
}

impl Stop {
    const ALL: [Self; 7] = [
        Self::Operations,
        Self::Time,
        Self::Memory,
        Self::Output,
        Self::Depth,
        Self::Cancelled,
        Self::Heavy,
    ];

    /// Returns the error that tells the author.
    pub(crate) fn to_error(self, limits: &ScriptLimits, line: usize, column: usize) -> ScriptError {
        let reason =
            if self == Self::Cancelled { ScriptStop::Cancelled } else { ScriptStop::Limit };
        ScriptError { message: self.explain(limits), line, column, reason }
    }

    /// Returns the message for the author: which bound, and how to raise it.
    fn explain(self, limits: &ScriptLimits) -> String {
        let (what, setting) = match self {
            Self::Operations => {
                (format!("ran more than {} operations", limits.operations), "script_operations")
            }
            Self::Time => (format!("ran longer than {:?}", limits.time), "script_time"),
            Self::Memory => (format!("used more than {} bytes", limits.memory), "script_memory"),
            Self::Output => {
                (format!("printed and logged more than {} bytes", limits.output), "script_output")
            }
            Self::Depth => {
                return "calls or data of the script are nested too deep; use a loop or a flat list"
                    .into();
            }
            Self::Cancelled => return "the script was cancelled".into(),
            Self::Heavy => return "the script is too heavy for this thread".into(),
        };
        format!("the script {what}; `limits.{setting}` in project.yaml raises this bound")
    }
}

/// How another thread stops the run of this one: position in [`Stop::ALL`] plus one, or 0.
#[derive(Debug)]
pub(crate) struct Gauge(AtomicU8);

/// Gauges of threads that have ended. Gauges live for ever, so that asking one costs nothing.
static SPARE_GAUGES: Mutex<Vec<&'static Gauge>> = Mutex::new(Vec::new());

impl Gauge {
    /// Returns a gauge that no thread uses.
    pub(crate) fn take() -> &'static Self {
        let spare = SPARE_GAUGES.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Box::leak(Box::new(Self(AtomicU8::new(0)))))
    }

    /// Gives it back when its thread ends.
    pub(crate) fn give_back(&'static self) {
        SPARE_GAUGES.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }

    /// Stops the run at its next operation.
    pub(crate) fn stop(&self, why: Stop) {
        let code = Stop::ALL.iter().position(|stop| *stop == why).map_or(0, |at| at as u8 + 1);
        self.0.store(code, Ordering::Relaxed);
    }

    fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn is_clear(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn reason(&self) -> Option<Stop> {
        let code = usize::from(self.0.load(Ordering::Relaxed));
        code.checked_sub(1).and_then(|at| Stop::ALL.get(at)).copied()
    }
}

/// Where a run takes place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// On its caller's thread, whose stack may be small: only while it is small itself.
    Inline,
    /// On a thread of `threads`, whose caller watches the clock.
    Thread,
}

/// Only plain cells, so that asking is a read of thread-local memory.
struct Guard {
    /// The run stops when its thread holds more than this.
    ceiling: Cell<i64>,
    look_at: Cell<u64>,
    gauge: Cell<Option<&'static Gauge>>,
    reason: Cell<Option<Stop>>,
    stage: Cell<Stage>,
    operations: Cell<u64>,
    started: Cell<Option<Instant>>,
    work: Cell<usize>,
    /// What the thread held when the run began.
    held_before: Cell<i64>,
    /// How far the stack may grow in evaluating.
    stack_end: Cell<usize>,
}

thread_local! {
    static GUARD: Guard = const {
        Guard {
            ceiling: Cell::new(i64::MAX),
            look_at: Cell::new(u64::MAX),
            gauge: Cell::new(None),
            reason: Cell::new(None),
            stage: Cell::new(Stage::Thread),
            operations: Cell::new(u64::MAX),
            started: Cell::new(None),
            work: Cell::new(0),
            held_before: Cell::new(0),
            stack_end: Cell::new(0),
        }
    };
    static CANCEL: RefCell<Option<Cancel>> = const { RefCell::new(None) };
}

/// Begins a run on its caller's thread.
pub(crate) fn begin_inline(limits: &ScriptLimits, cancel: &Cancel) {
    CANCEL.set(Some(cancel.clone()));
    let memory = bytes(limits).min(INLINE_MEMORY);
    GUARD.with(|guard| {
        guard.begin(Stage::Inline, memory, INLINE_STACK, limits);
        guard.look_at.set(INLINE_STEP.min(guard.look_at.get()));
    });
}

/// Begins a run on a thread of `threads`, which another thread watches by this gauge.
pub(crate) fn begin_watched(limits: &ScriptLimits, gauge: &'static Gauge, stack: usize) {
    gauge.reset();
    GUARD.with(|guard| {
        guard.gauge.set(Some(gauge));
        guard.begin(Stage::Thread, bytes(limits), stack, limits);
    });
}

fn bytes(limits: &ScriptLimits) -> i64 {
    i64::try_from(limits.memory).unwrap_or(i64::MAX)
}

/// Ends the run on this thread and returns what stopped it.
pub(crate) fn end() -> Option<Stop> {
    GUARD.with(|guard| {
        guard.look_at.set(u64::MAX);
        guard.ceiling.set(i64::MAX);
        guard.stack_end.set(0);
        let from_outside = guard.gauge.take().and_then(Gauge::reason);
        guard.reason.get().or(from_outside)
    })
}

/// Returns why the run must stop, if it must. Called at every operation, so it must cost nothing.
#[inline]
pub(crate) fn poll(operations: u64) -> Option<Stop> {
    let is_fine = GUARD
        .with(|guard| guard.is_within() && guard.has_stack() && operations < guard.look_at.get());
    if is_fine { None } else { look(operations) }
}

/// Apart from [`poll`], so that what is called at every operation keeps no registers for it.
#[cold]
#[inline(never)]
fn look(operations: u64) -> Option<Stop> {
    GUARD.with(|guard| guard.look(operations))
}

/// Stops the run at its next operation. The first reason counts.
pub(crate) fn stop(why: Stop) {
    GUARD.with(|guard| guard.stop(why));
}

/// Returns whether so many more bytes may be held; asked by functions before they make something.
pub(crate) fn room(bytes: usize) -> Result<(), Stop> {
    GUARD.with(|guard| {
        let wanted = memory::allocated().saturating_add_unsigned(bytes as u64);
        if wanted <= guard.ceiling.get() { Ok(()) } else { Err(guard.refuse_memory()) }
    })
}

/// Counts work inside one function, which no operation counts, and returns whether it may go on.
pub(crate) fn work(units: usize) -> Result<(), Stop> {
    GUARD.with(|guard| {
        let done = guard.work.get().saturating_add(units);
        if done < WORK_STEP && guard.is_within() {
            guard.work.set(done);
            return Ok(());
        }
        guard.work.set(0);
        guard.look(0).map_or(Ok(()), Err)
    })
}

/// Returns the time of the machine that bounds are measured with.
pub(crate) fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "a deadline on computing is about the machine; no script can see this clock"
    )]
    Instant::now()
}

/// Returns about where the stack stands. It grows towards smaller addresses.
#[inline]
fn here() -> usize {
    let marker = 0_u8;
    (&raw const marker).addr()
}

impl Guard {
    fn begin(&self, stage: Stage, memory: i64, stack: usize, limits: &ScriptLimits) {
        self.stage.set(stage);
        self.operations.set(limits.operations);
        self.look_at.set(limits.operations.saturating_add(1));
        self.started.set(None);
        self.work.set(0);
        self.reason.set(None);
        self.stack_end.set(here().saturating_sub(stack));
        let held = memory::allocated();
        self.held_before.set(held);
        self.ceiling.set(held.saturating_add(memory));
    }

    #[inline]
    fn has_stack(&self) -> bool {
        here() >= self.stack_end.get()
    }

    #[inline]
    fn is_within(&self) -> bool {
        memory::allocated() <= self.ceiling.get() && self.gauge.get().is_none_or(Gauge::is_clear)
    }

    fn stop(&self, why: Stop) {
        if self.reason.get().is_none() {
            self.reason.set(Some(why));
        }
        self.ceiling.set(i64::MIN);
    }

    fn look(&self, operations: u64) -> Option<Stop> {
        if let Some(stop) = self.reason.get() {
            return Some(stop);
        }
        if memory::allocated() > self.ceiling.get() {
            return Some(self.refuse_memory());
        }
        let stop = match self.stage.get() {
            Stage::Inline if !self.has_stack() => Some(Stop::Heavy),
            Stage::Thread if !self.has_stack() => Some(Stop::Depth),
            _ if operations > self.operations.get() => Some(Stop::Operations),
            Stage::Inline => self.look_inline(operations),
            Stage::Thread => self.gauge.get().and_then(Gauge::reason),
        };
        if let Some(stop) = stop {
            self.stop(stop);
        }
        stop
    }

    fn look_inline(&self, operations: u64) -> Option<Stop> {
        if CANCEL.with_borrow(|cancel| cancel.as_ref().is_some_and(Cancel::is_cancelled)) {
            return Some(Stop::Cancelled);
        }
        let is_late = match self.started.get() {
            Some(started) => now().duration_since(started) > INLINE_TIME,
            None => {
                self.started.set(Some(now()));
                false
            }
        };
        if is_late || operations > INLINE_OPERATIONS {
            return Some(Stop::Heavy);
        }
        if operations > NESTING_OPERATIONS && !self.bound_nesting() {
            return Some(Stop::Heavy);
        }
        if operations > 0 {
            let step = (operations / 4).clamp(INLINE_STEP, MOST_INLINE_STEP);
            self.look_at.set((operations + step).min(self.operations.get().saturating_add(1)));
        }
        None
    }

    /// Bounds how deep the data of the run can nest from here on, and returns whether it does not
    /// already hold too much for that. Where memory is not counted, it cannot be bounded.
    fn bound_nesting(&self) -> bool {
        let most = self.held_before.get().saturating_add(NESTING_MEMORY);
        self.ceiling.set(most.min(self.ceiling.get()));
        let held = memory::allocated();
        held != 0 && held <= most
    }

    #[cold]
    fn refuse_memory(&self) -> Stop {
        self.stop(match self.stage.get() {
            Stage::Inline => Stop::Heavy,
            Stage::Thread => Stop::Memory,
        });
        self.reason.get().unwrap_or(Stop::Memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_memory_is_not_counted_operations_bound_how_deep_data_nests() {
        assert!(!memory::is_counting());
        begin_inline(&ScriptLimits::default(), &Cancel::default());
        assert_eq!(poll(NESTING_OPERATIONS), None);
        assert_eq!(poll(NESTING_OPERATIONS + MOST_INLINE_STEP), Some(Stop::Heavy));
        assert_eq!(end(), Some(Stop::Heavy));
    }
}
