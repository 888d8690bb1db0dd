//! Work that takes its time: on threads that no other run needs meanwhile.

use blueprint_model::{EventKind, JournalError, block::Cancel, event::At};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task,
};

use super::{AtWork, Attempt, Job, Worked, broken, micros_between, poll_once};
use crate::{dispatch::Run, plan::Step};

impl Run {
    /// Works on a thread of its own: scripts that proved heavy, so that branches use all cores. Only
    /// scripts that do not see the state, so that nothing can come between.
    pub(super) fn work_on_thread(
        &mut self,
        at: At,
        step: &Step,
        mut job: Job,
    ) -> Result<(), JournalError> {
        let attempt = Attempt::of(&job.cx);
        let block = attempt.block.clone();
        self.record(EventKind::BlockStarted { at, block, attempt: attempt.number })?;
        let cancel = Cancel::default();
        job.cx.cancel = cancel.clone();
        let egress = job.cx.egress.clone();
        let broken = broken(step, attempt);
        let (clock, cost) = (self.engine.clock.clone(), step.cost.clone());
        let work = move || {
            let began = clock.now();
            let worked = poll_once(job).unwrap_or(broken);
            cost.note(micros_between(began, clock.now()));
            (at, Ok(worked))
        };
        let abort = if step.runs_elsewhere {
            let threads = self.engine.threads.clone();
            self.tasks.spawn(async move {
                // Threads that only wait must not be all that there are. Nobody closes the room.
                let turn = threads.acquire_owned().await;
                let work = move || {
                    let worked = work();
                    // A block that was put down still has its thread until its script hears of it.
                    drop(turn);
                    worked
                };
                match task::spawn_blocking(work).await {
                    Ok(worked) => worked,
                    // It ends only with the runtime, and this task with it.
                    Err(_) => std::future::pending().await,
                }
            })
        } else {
            self.tasks.spawn_blocking(work)
        };
        self.at_work.insert(at, AtWork { abort, cancel, egress });
        Ok(())
    }
}

/// Does work that waits for another process; meanwhile this thread's other tasks go on elsewhere.
pub(super) fn poll_aside(job: Job) -> Option<Worked> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => task::block_in_place(|| poll_once(job)),
        _ => poll_once(job),
    }
}
