//! Rules 6 to 8: a graph that winds down starts nothing new but its `always` blocks.

use blueprint_model::{
    blueprint::{Join, OnError},
    event::{At, CancelReason},
};
use jiff::Timestamp;

use super::{Due, RunState, Status};

impl RunState {
    pub(super) fn cancel_all(&mut self, reason: CancelReason) {
        if self.cancel.is_none() && !self.is_over {
            self.cancel = Some(reason);
            if !self.scopes.is_empty() {
                self.wind_down(0, reason, OnError::Cancel, None);
            }
        }
    }

    /// Returns whether a block is given up because its graph winds down before its first attempt.
    pub(crate) fn is_given_up(&self, at: At) -> bool {
        self.scope(at.scope).winding.is_some()
            && !self.has_begun(at)
            && self.step(at).join != Join::Always
    }

    /// Returns whether the block was at work before, in this process or in one that has ended.
    fn has_begun(&self, at: At) -> bool {
        let slot = self.slot(at);
        slot.attempt > 0 || slot.started.is_some()
    }

    /// Lets a graph wind down: what has not started is cancelled, what runs is cancelled too or, to
    /// drain, left to finish; `always` blocks go on. `except` is the block that ended just now.
    pub(super) fn wind_down(
        &mut self,
        scope: u32,
        reason: CancelReason,
        on_error: OnError,
        except: Option<At>,
    ) {
        let was_winding = self.scope(scope).winding.is_some();
        if was_winding && reason == CancelReason::Failed {
            return;
        }
        self.scope_mut(scope).winding.get_or_insert(reason);
        let blocks = self.scope(scope).slots.len();
        for block in 0..blocks {
            let at = super::at(scope as usize, block);
            if Some(at) == except || self.step(at).join == Join::Always {
                continue;
            }
            let has_begun = self.has_begun(at);
            match self.slot(at).status {
                Status::Pending => self.queue.push_back(Due::Cancel(at, reason)),
                Status::Due if !has_begun => self.queue.push_back(Due::Cancel(at, reason)),
                Status::Due | Status::Running | Status::Retrying if on_error == OnError::Cancel => {
                    self.queue.push_back(Due::Cancel(at, reason));
                }
                Status::Waiting if on_error == OnError::Cancel => self.stop_waiting(at, reason),
                Status::Due
                | Status::Running
                | Status::Retrying
                | Status::Waiting
                | Status::Finished
                | Status::Skipped
                | Status::Cancelled => {}
            }
        }
    }

    /// Cancels a block that waits: at once, or when the graphs that work for it have wound down.
    pub(super) fn stop_waiting(&mut self, at: At, reason: CancelReason) {
        let Some(wait) = self.slot_mut(at).wait.as_deref_mut() else { return };
        wait.cancelling.get_or_insert(reason);
        let scopes = wait.scopes.clone();
        for (scope, _) in &scopes {
            self.wind_down(*scope, reason, OnError::Cancel, None);
        }
        if scopes.is_empty() {
            self.settle(at);
        }
    }

    /// Ends a block whose own deadline passed while its body ran; not one that tries again since.
    pub(super) fn expire(&mut self, at: At, deadline: Timestamp) {
        let wait = self.slot(at).wait.as_deref();
        if wait.and_then(|wait| wait.deadline) != Some(deadline) {
            return;
        }
        if let Some(wait) = self.slot_mut(at).wait.as_deref_mut() {
            wait.is_expired |= wait.cancelling.is_none();
        }
        self.stop_waiting(at, CancelReason::Timeout);
    }
}
