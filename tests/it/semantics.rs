//! What must always hold (P1 to P6 of `docs/semantics.md`), over random graphs, random outcomes and
//! random order of completion, against the reference evaluator.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_engine::{Command, Library, Plan, RunState};
use blueprint_model::{
    EventKind, Value,
    blueprint::{Join, OnError},
    event::{At, CancelReason},
    id::BlockPath,
    value::Shared,
};
use jiff::Timestamp;
use tests::{
    graphs::{OUTCOMES, Sketch, id},
    random::Random,
    reference::{Ended, evaluate},
};

/// How many random graphs each property sees. `GRAPHS=100000` for the full proof.
fn rounds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a knob of the test suite")]
    std::env::var("GRAPHS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000)
}

/// How a block ended in a simulated run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Finished(usize),
    Skipped,
    Cancelled,
}

/// A run without blocks: outcomes come from the sketch, completion order from chance.
struct Simulation<'s> {
    sketch: &'s Sketch,
    plan: Arc<Plan>,
    state: RunState,
    journal: Vec<EventKind>,
    at_work: Vec<At>,
    fates: BTreeMap<u32, Fate>,
    is_finished: bool,
}

impl<'s> Simulation<'s> {
    fn new(sketch: &'s Sketch, plan: Arc<Plan>) -> Self {
        let state = RunState::new(plan.clone(), Arc::new(Library::default()), 32);
        Self {
            sketch,
            plan,
            state,
            journal: Vec::new(),
            at_work: Vec::new(),
            fates: BTreeMap::new(),
            is_finished: false,
        }
    }

    /// Runs to the end. `cancel_after` events somebody cancels.
    fn run(mut self, random: &mut Random, cancel_after: Option<usize>) -> Self {
        if self.journal.is_empty() {
            let (inputs, payload) = (Shared::default(), Shared::default());
            self.record(EventKind::RunStarted { blueprint: "random".into(), inputs, payload });
        }
        while !self.is_finished {
            if cancel_after == Some(self.journal.len()) {
                self.record(EventKind::CancelRequested { reason: CancelReason::Requested });
            }
            match self.state.next(true) {
                Some(command) => self.perform(command),
                None => {
                    assert!(!self.at_work.is_empty(), "a hang: nothing is due and nothing works");
                    let done = self.at_work.swap_remove(random.below(self.at_work.len()));
                    self.finish(done);
                }
            }
        }
        self
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::Start(at) => {
                self.check_may_start(at);
                self.at_work.push(at);
                let block = path(at);
                self.record(EventKind::BlockStarted { at, block, attempt: 1 });
            }
            Command::Skip(at, edge) => {
                self.end(at, Fate::Skipped);
                self.record(EventKind::BlockSkipped { at, block: path(at), edge });
            }
            Command::Cancel(at, reason) => {
                self.at_work.retain(|other| *other != at);
                self.end(at, Fate::Cancelled);
                self.record(EventKind::BlockCancelled { at, block: path(at), reason });
            }
            Command::Finish => {
                self.is_finished = true;
                let (status, value, error) = self.state.verdict();
                let counts = self.state.counts();
                self.record(EventKind::RunFinished {
                    status,
                    value,
                    error,
                    counts,
                    duration_us: 0,
                });
            }
            Command::Resume(..)
            | Command::Open(..)
            | Command::Expire(_)
            | Command::Interrupt(_) => unreachable!("probes do not wait"),
        }
    }

    fn finish(&mut self, at: At) {
        let outcome = self.sketch.outcomes[at.block as usize];
        self.end(at, Fate::Finished(outcome));
        self.record(EventKind::BlockFinished {
            at,
            block: path(at),
            attempt: 1,
            outcome: OUTCOMES[outcome].into(),
            result: Arc::new(Value::from(at.block)),
            message: None,
            is_return: false,
            duration_us: 0,
        });
    }

    /// P1: every block ends exactly once.
    fn end(&mut self, at: At, fate: Fate) {
        let before = self.fates.insert(at.block, fate);
        assert_eq!(before, None, "block {} ended twice", at.block);
    }

    /// P4: a block never starts before the journal implies it may.
    fn check_may_start(&self, at: At) {
        let block = at.block as usize;
        let edges: Vec<Option<bool>> = self
            .sketch
            .edges
            .iter()
            .filter(|(_, _, to)| *to == block)
            .map(|(from, outcome, _)| {
                let fate = self.fates.get(&u32::try_from(*from).unwrap());
                fate.map(|fate| *fate == Fate::Finished(*outcome))
            })
            .collect();
        let may = edges.is_empty()
            || match self.sketch.joins[block] {
                Join::Any => edges.iter().all(Option::is_some) && edges.contains(&Some(true)),
                Join::All => edges.iter().all(|edge| *edge == Some(true)),
                Join::First => edges.contains(&Some(true)),
                Join::Always => edges.iter().all(Option::is_some),
            };
        assert!(may, "block {block} started too early");
    }

    fn record(&mut self, event: EventKind) {
        self.state.apply(&event, Timestamp::UNIX_EPOCH);
        self.journal.push(event);
    }

    /// P5: a run from a prefix of another's journal.
    fn recovered(&self, events: usize) -> Self {
        let mut recovered = Self::new(self.sketch, self.plan.clone());
        for event in &self.journal[..events] {
            let fate = match event {
                EventKind::BlockFinished { at, outcome, .. } => {
                    let outcome = OUTCOMES.iter().position(|known| *known == &**outcome).unwrap();
                    Some((at, Fate::Finished(outcome)))
                }
                EventKind::BlockSkipped { at, .. } => Some((at, Fate::Skipped)),
                EventKind::BlockCancelled { at, .. } => Some((at, Fate::Cancelled)),
                _ => None,
            };
            if let Some((at, fate)) = fate {
                recovered.end(*at, fate);
            }
            recovered.record(event.clone());
        }
        let resumed = EventKind::RunResumed { after: events as u64 };
        recovered.state.apply(&resumed, Timestamp::UNIX_EPOCH);
        recovered
    }
}

fn path(at: At) -> BlockPath {
    BlockPath { scope: "".into(), id: id(at.block as usize).into() }
}

fn fates_of(ends: &[Ended]) -> BTreeMap<u32, Fate> {
    let fate = |end: &Ended| match end {
        Ended::Finished(outcome) => Fate::Finished(*outcome),
        Ended::Skipped => Fate::Skipped,
    };
    ends.iter().enumerate().map(|(at, end)| (u32::try_from(at).unwrap(), fate(end))).collect()
}

/// Runs a property over many seeds; a failure names its seed.
fn for_seeds(property: impl Fn(&mut Random) + std::panic::RefUnwindSafe) {
    for seed in 0..rounds() {
        let result = std::panic::catch_unwind(|| property(&mut Random::new(seed)));
        assert!(result.is_ok(), "seed {seed}");
    }
}

/// A random graph that the checker accepts.
fn random_plan(random: &mut Random, with_failures: bool) -> (Sketch, Arc<Plan>, OnError) {
    let on_error = *random.pick(&[OnError::Cancel, OnError::Drain]);
    loop {
        let sketch = Sketch::random(random, 14, with_failures);
        if let Some(plan) = sketch.plan(on_error) {
            return (sketch, plan, on_error);
        }
    }
}

#[test]
fn p1_every_block_ends_exactly_once_whatever_happens() {
    for_seeds(|random| {
        let (sketch, plan, _) = random_plan(random, true);
        let cancel_after = random.one_in(3).then(|| 1 + random.below(20));
        let run = Simulation::new(&sketch, plan).run(random, cancel_after);
        assert_eq!(run.fates.len(), sketch.joins.len());
    });
}

#[test]
fn p2_and_p3_the_blocks_that_run_are_those_of_the_reference_in_any_order() {
    for_seeds(|random| {
        let (sketch, plan, _) = random_plan(random, false);
        let expected = fates_of(&evaluate(&sketch));
        for _ in 0..3 {
            let run = Simulation::new(&sketch, plan.clone()).run(random, None);
            assert_eq!(run.fates, expected);
        }
    });
}

#[test]
fn p5_recovery_from_any_prefix_ends_in_the_same_run() {
    for_seeds(|random| {
        let (sketch, plan, _) = random_plan(random, false);
        let whole = Simulation::new(&sketch, plan).run(random, None);
        let events = 1 + random.below(whole.journal.len());
        let recovered = whole.recovered(events);
        let ended = recovered.journal.len() == whole.journal.len();
        let fates = if ended { recovered.fates } else { recovered.run(random, None).fates };
        assert_eq!(fates, whole.fates);
    });
}

#[test]
fn p6_a_dead_branch_changes_nothing_else() {
    for_seeds(|random| {
        let (sketch, plan, on_error) = random_plan(random, false);
        let longer = sketch.with_dead_branch(random);
        let Some(longer_plan) = longer.plan(on_error) else { return };
        let run = Simulation::new(&sketch, plan).run(random, None);
        let mut other = Simulation::new(&longer, longer_plan).run(random, None);
        let added = u32::try_from(sketch.joins.len()).unwrap();
        assert_eq!(other.fates.remove(&added), Some(Fate::Skipped));
        assert_eq!(other.fates, run.fates);
    });
}

#[test]
fn an_unhandled_error_fails_the_run_and_starts_nothing_new() {
    for_seeds(|random| {
        let (sketch, plan, _) = random_plan(random, true);
        let run = Simulation::new(&sketch, plan).run(random, None);
        let failed = run.fates.iter().any(|(block, fate)| {
            *fate == Fate::Finished(2) && !sketch.has_edge(*block as usize, 2)
        });
        let (status, ..) = run.state.verdict();
        assert_eq!(status.as_str(), if failed { "failed" } else { "succeeded" });
    });
}
