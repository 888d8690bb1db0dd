//! Rule 10: graphs inside graphs. They take no thread: a block waits, and scopes work for it.

use std::sync::Arc;

use blueprint_model::{
    Value,
    block::{BodyEnd, ForEach, Granted, Wish},
    blueprint::OnError,
    event::{At, CancelReason},
    journal::Question,
    value::Shared,
};
use jiff::Timestamp;

use super::{
    Cell, Due, RunState, Scope, Status, Timer, Wait, body_end,
    scope::{ScopeView, WaitKind},
};

impl RunState {
    /// Takes the fact that a block waits, and opens what works for it.
    pub(super) fn waiting(&mut self, at: At, wish: &Wish, time: Timestamp) {
        let slot = self.slot_mut(at);
        if slot.wait.as_deref().is_some_and(|wait| wait.cancelling.is_some()) {
            return; // Its time was up while it thought about what to wish for next.
        }
        let is_first = slot.wait.is_none();
        let deadline = slot.wait.as_deref().and_then(|wait| wait.deadline);
        slot.started.get_or_insert(time);
        // Instant blocks begin an attempt without a word; others have said so.
        slot.attempt += u32::from(is_first && slot.status != Status::Running);
        let kind = match wish {
            Wish::Items(each) => {
                let ends = vec![None; each.items.len()];
                WaitKind::Items { each: each.clone(), next: 0, ends, is_stopped: false }
            }
            Wish::Round { round, last, .. } => {
                WaitKind::Round { round: *round, last: last.clone(), end: None }
            }
            Wish::Call { .. } => WaitKind::Call { end: None },
            Wish::Sleep { until } => WaitKind::Sleep { until: *until, is_over: false },
            Wish::Answer(_) => WaitKind::Answer { answer: None },
        };
        slot.wait = Some(Box::new(Wait {
            wish: kind,
            scopes: Vec::new(),
            deadline,
            cancelling: None,
            is_expired: false,
        }));
        self.set_status(at, Status::Waiting);
        // A question bears its own end.
        if is_first && !matches!(wish, Wish::Answer(_)) {
            self.arm_timeout(at, time);
        }
        match wish {
            Wish::Items(each) => self.open_items(at, each),
            Wish::Round { not_before: Some(until), .. } if *until > time => {
                self.timers.insert((*until, at, Timer::Round));
            }
            Wish::Round { .. } => self.open_round(at),
            Wish::Call { blueprint, payload } => self.open_call(at, blueprint, payload),
            Wish::Sleep { until } | Wish::Answer(Question { until: Some(until), .. }) => {
                self.timers.insert((*until, at, Timer::Sleep));
            }
            Wish::Answer(_) => {}
        }
    }

    /// Returns what came of a block's wish, once all of it is known.
    pub(super) fn granted(&mut self, at: At) -> Option<Granted> {
        if !self.is_open(at) {
            return None;
        }
        let slot = self.slot_mut(at);
        let wait = slot.wait.as_deref_mut()?;
        if wait.cancelling.is_some() || !wait.scopes.is_empty() {
            return None;
        }
        match &mut wait.wish {
            WaitKind::Items { each, ends, .. } => {
                let ids = each.items.iter().map(|(id, _)| id.clone());
                Some(Granted::Items(ids.zip(std::mem::take(ends)).collect()))
            }
            WaitKind::Round { round, end, .. } => Some(Granted::Round(*round, end.clone()?)),
            WaitKind::Call { end } => Some(Granted::Call(end.clone()?)),
            WaitKind::Sleep { until, is_over } => is_over.then_some(Granted::Slept(*until)),
            WaitKind::Answer { answer } => answer.clone().map(Granted::Answer),
        }
    }

    /// Takes a scope in and starts the blocks that nothing leads to.
    pub(super) fn open(&mut self, scope: Scope) {
        let number = self.scopes.len();
        let roots = scope.graph().roots.clone();
        self.scopes.push(Some(Box::new(scope)));
        for root in roots.iter() {
            self.make_due(super::at(number, *root as usize));
        }
    }

    /// Takes note that all blocks of a scope have ended.
    pub(super) fn close(&mut self, number: u32) {
        let Some((parent, item)) = self.scope(number).parent else {
            self.queue.push_back(Due::Finish);
            return;
        };
        let scope = self.scopes[number as usize].take().expect("it was open");
        let end = match scope.winding {
            None | Some(CancelReason::Returned) => Some(body_end(&scope)),
            Some(_) if scope.failure.is_some() => Some(body_end(&scope)),
            Some(_) => None,
        };
        self.child_ended(parent, number, item, end);
    }

    pub(super) fn woken(&mut self, at: At) {
        match self.slot_mut(at).wait.as_deref_mut().map(|wait| &mut wait.wish) {
            Some(WaitKind::Sleep { is_over, .. }) => {
                *is_over = true;
                self.settle(at);
            }
            Some(WaitKind::Answer { .. }) => self.answered(at, None),
            Some(WaitKind::Items { .. } | WaitKind::Round { .. } | WaitKind::Call { .. })
            | None => {}
        }
    }

    /// Takes the first answer to a block's question, or that none came in time.
    pub(super) fn answered(&mut self, at: At, given: Option<Shared>) {
        if let Some(Wait { wish: WaitKind::Answer { answer: answer @ None }, .. }) =
            self.slot_mut(at).wait.as_deref_mut()
        {
            *answer = Some(given);
            self.settle(at);
        }
    }

    /// Returns the round that waits for its time, as a wish without a time.
    pub(super) fn round_of(&self, at: At) -> Option<Wish> {
        if !self.is_open(at) {
            return None;
        }
        let wait = self.slot(at).wait.as_deref()?;
        match &wait.wish {
            WaitKind::Round { round, last, end: None }
                if wait.cancelling.is_none() && wait.scopes.is_empty() =>
            {
                Some(Wish::Round { round: *round, last: last.clone(), not_before: None })
            }
            _ => None,
        }
    }

    pub(super) fn open_round(&mut self, at: At) {
        let Some(wait) = self.slot(at).wait.as_deref() else { return };
        let WaitKind::Round { round, last, .. } = &wait.wish else { return };
        let (round, last) = (*round, last.clone());
        let view = ScopeView { round: Some((round, last)), ..self.scope(at.scope).view.clone() };
        self.open_body(at, 0, &round.to_string(), view);
    }

    fn open_items(&mut self, at: At, each: &ForEach) {
        if each.items.is_empty() {
            self.queue.push_back(Due::Resume(at));
        }
        for _ in 0..each.concurrency.max(1) {
            self.open_next_item(at);
        }
    }

    fn open_next_item(&mut self, at: At) {
        let Some(wait) = self.slot_mut(at).wait.as_deref_mut() else { return };
        let WaitKind::Items { each, next, is_stopped, .. } = &mut wait.wish else { return };
        if *is_stopped || *next >= each.items.len() || wait.cancelling.is_some() {
            return;
        }
        let index = *next;
        *next += 1;
        let (id, item) = each.items[index].clone();
        let label = match &id {
            Value::String(key) => key.clone(),
            other => other.to_string(),
        };
        let view = ScopeView { item: Some((id, item)), ..self.scope(at.scope).view.clone() };
        let index = u32::try_from(index).expect("the limits bound the items of a loop");
        self.open_body(at, index, &label, view);
    }

    fn open_body(&mut self, at: At, item: u32, label: &str, view: ScopeView) {
        let path = self.path(at);
        let outer = self.scope(at.scope);
        let body = self.step(at).body.expect("the plan gives every loop a body");
        let mut scope = Scope::new(outer.plan.clone(), body, path.body(label).into(), view);
        scope.cell = outer.cell;
        self.open_child(at, item, scope);
    }

    fn open_call(&mut self, at: At, blueprint: &str, payload: &Shared) {
        match self.callee(at, blueprint, payload) {
            Ok(scope) => self.open_child(at, 0, scope),
            Err(message) => {
                let block = self.path(at).to_string();
                self.child_ended(at, u32::MAX, 0, Some(BodyEnd::Failed { block, message }));
            }
        }
    }

    fn callee(&mut self, at: At, blueprint: &str, payload: &Shared) -> Result<Scope, String> {
        let plan = self.library.get(blueprint).ok_or_else(|| {
            format!("there is no blueprint `{blueprint}`{}", self.library.suggestion(blueprint))
        })?;
        let plan = plan.clone();
        if self.scope(at.scope).depth as usize >= self.max_depth {
            return Err(format!("blueprints are nested more than {} deep", self.max_depth));
        }
        let inputs = plan.inputs_from(payload).map_err(|misfits| {
            format!("the inputs of `{blueprint}` are wrong: {}", misfits.join("; "))
        })?;
        let prefix: Arc<str> = self.path(at).callee().into();
        let view = ScopeView { inputs, payload: payload.clone(), ..ScopeView::default() };
        let mut scope = Scope::new(plan.clone(), 0, prefix, view);
        scope.cell = u32::try_from(self.cells.len()).expect("scopes are bounded");
        self.cells.push(Cell { value: plan.state.clone(), version: 0 });
        Ok(scope)
    }

    fn open_child(&mut self, at: At, item: u32, mut scope: Scope) {
        let number = u32::try_from(self.scopes.len()).expect("the limits bound scopes");
        scope.parent = Some((at, item));
        scope.depth = self.scope(at.scope).depth + 1;
        if let Some(wait) = self.slot_mut(at).wait.as_deref_mut() {
            wait.scopes.push((number, item));
        }
        self.open(scope);
    }

    fn child_ended(&mut self, at: At, number: u32, item: u32, end: Option<BodyEnd>) {
        let has_failed = matches!(end, Some(BodyEnd::Failed { .. }));
        let Some(wait) = self.slot_mut(at).wait.as_deref_mut() else { return };
        wait.scopes.retain(|(scope, _)| *scope != number);
        let mut stop = Vec::new();
        match &mut wait.wish {
            WaitKind::Items { each, ends, is_stopped, .. } => {
                ends[item as usize] = end;
                if has_failed && each.stops_on_error && !*is_stopped {
                    *is_stopped = true;
                    stop.clone_from(&wait.scopes);
                }
            }
            WaitKind::Round { end: slot, .. } | WaitKind::Call { end: slot } => *slot = end,
            WaitKind::Sleep { .. } | WaitKind::Answer { .. } => {}
        }
        for (scope, _) in stop {
            self.wind_down(scope, CancelReason::Failed, OnError::Cancel, None);
        }
        self.open_next_item(at);
        self.settle(at);
    }

    /// Lets a block go on, or end as cancelled, once nothing works for it any more.
    pub(super) fn settle(&mut self, at: At) {
        let Some(wait) = self.slot(at).wait.as_deref() else { return };
        if !wait.scopes.is_empty() {
            return;
        }
        self.queue.push_back(match wait.cancelling {
            Some(_) if wait.is_expired => Due::Expire(at),
            Some(reason) => Due::Cancel(at, reason),
            None => Due::Resume(at),
        });
    }

    fn arm_timeout(&mut self, at: At, time: Timestamp) {
        if let Some(deadline) =
            self.step(at).timeout.and_then(|timeout| time.checked_add(timeout).ok())
        {
            if let Some(wait) = self.slot_mut(at).wait.as_deref_mut() {
                wait.deadline = Some(deadline);
            }
            self.deadlines.insert((deadline, at));
        }
    }
}
