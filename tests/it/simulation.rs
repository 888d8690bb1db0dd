//! A deterministic simulation: random blueprints with loops, callees, retries, deadlines and
//! returns, on the real engine with a virtual clock, cancelled or ended and resumed at random moments.
//!
//! The same seed gives the same run, event by event. A failure names its seed.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use async_trait::async_trait;
use blueprint_engine::{Clock, Engine, Ids, Library, Origin, Plan, Rebuilt, RunEnd, StartRun};
use blueprint_journal::MemoryJournal;
use blueprint_model::{
    Event, EventKind, Inputs, Journal, Limits, Registry, Secrets, Value,
    block::{
        Block, BlockCx, BlockError, BlockSpec, Change, End, FieldKind, FieldSpec, Finish, Need,
        OutcomeSpec, Pace, Reach,
    },
    event::RunStatus,
    format,
};
use jiff::Timestamp;
use tests::random::Random;
use tokio::{runtime::Builder, time::Instant};

fn rounds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a knob of the test suite")]
    std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000)
}

const FIELD: FieldSpec = FieldSpec {
    name: "",
    kind: FieldKind::Any,
    need: Need::Optional,
    summary: "for tests",
    is_egress: false,
};

static SPEC: BlockSpec = BlockSpec {
    kind: "sim",
    summary: "Take time, then end by chance",
    docs: "For tests of the engine.",
    fields: &[
        FieldSpec { name: "delay", kind: FieldKind::Integer, ..FIELD },
        FieldSpec { name: "outcome", kind: FieldKind::Text, ..FIELD },
        FieldSpec { name: "fails_before", kind: FieldKind::Integer, ..FIELD },
    ],
    outcomes: &[
        OutcomeSpec { name: "success", is_error: false, summary: "well" },
        OutcomeSpec { name: "other", is_error: false, summary: "otherwise" },
        OutcomeSpec { name: "error", is_error: true, summary: "badly" },
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Waiting,
    reach: Reach::Outside,
    result: "the attempt",
    example: "{type: sim}",
};

/// A block that waits in virtual time, fails a few attempts, and ends as its fields say.
struct Sim;

#[async_trait]
impl Block for Sim {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let delay = inputs.integer("delay")?.unwrap_or(0).unsigned_abs();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        if i64::from(cx.attempt) <= inputs.integer("fails_before")?.unwrap_or(0) {
            return Err(BlockError::transient("not yet"));
        }
        let outcome = inputs.text("outcome")?.unwrap_or_else(|| "success".into());
        let changes = vec![Change {
            path: vec![format!("seen_{}", cx.path.id)],
            value: Some(Value::from(cx.attempt)),
        }];
        let message = (outcome == "error").then(|| "as told".into());
        Ok(End { changes, message, ..End::new(outcome, Value::from(cx.attempt)) }.into())
    }
}

/// Writes random blueprints as text, as an author would.
struct Writer<'r> {
    random: &'r mut Random,
    text: String,
    next_id: usize,
}

impl Writer<'_> {
    fn blueprint(random: &mut Random, name: &str, callee: Option<&str>) -> String {
        let on_error = *random.pick(&["cancel", "drain"]);
        let concurrency = 1 + random.below(6);
        let mut writer = Writer { random, text: String::new(), next_id: 0 };
        writer.line(0, &format!("name: {name}"));
        writer.line(0, &format!("on_error: {on_error}"));
        writer.line(0, &format!("concurrency: {concurrency}"));
        writer.line(0, "state: {}");
        writer.line(0, "blocks:");
        writer.graph(1, 2, callee);
        writer.text
    }

    fn graph(&mut self, indent: usize, depth: usize, callee: Option<&str>) {
        let blocks = 1 + self.random.below(6);
        let ids: Vec<String> = (0..blocks).map(|at| format!("b{}", self.next_id + at)).collect();
        self.next_id += blocks;
        for (at, id) in ids.iter().enumerate() {
            self.line(indent, &format!("{id}:"));
            let outcomes = self.block(indent + 1, depth, callee);
            if *self.random.pick(&[true, false, false]) {
                let join = *self.random.pick(&["first", "always", "any"]);
                self.line(indent + 1, &format!("join: {join}"));
            }
            let later = &ids[at + 1..];
            if outcomes.is_empty() || later.is_empty() {
                continue;
            }
            let mut next = Vec::new();
            for outcome in outcomes {
                if self.random.one_in(3) {
                    continue;
                }
                let target = self.random.pick(later).clone();
                next.push(format!("{outcome}: {target}"));
            }
            if !next.is_empty() {
                self.line(indent + 1, &format!("next: {{{}}}", next.join(", ")));
            }
        }
    }

    fn block(
        &mut self,
        indent: usize,
        depth: usize,
        callee: Option<&str>,
    ) -> &'static [&'static str] {
        match self.random.below(if depth > 0 { 9 } else { 6 }) {
            0 if self.random.one_in(3) => {
                self.line(indent, "type: return_value");
                self.line(indent, "value: 1");
                &[]
            }
            1 => {
                let delay = self.random.below(400);
                self.line(indent, &format!("type: wait\n{0}duration: {delay}ms", pad(indent)));
                &["success"]
            }
            6 => {
                let (items, at_once) = (self.random.below(5), 1 + self.random.below(3));
                let items: Vec<String> = (0..items).map(|n| n.to_string()).collect();
                let on_error = *self.random.pick(&["stop", "continue"]);
                self.line(
                    indent,
                    &format!("type: for_each\n{0}items: [{1}]", pad(indent), items.join(", ")),
                );
                self.line(
                    indent,
                    &format!("concurrency: {at_once}\n{0}on_item_error: {on_error}", pad(indent)),
                );
                self.timeout(indent);
                self.line(indent, "do:");
                self.graph(indent + 1, depth - 1, callee);
                &["success", "partial", "error"]
            }
            7 => {
                self.line(
                    indent,
                    &format!(
                        "type: repeat\n{0}until: round >= 2\n{0}max_iterations: 3",
                        pad(indent)
                    ),
                );
                if self.random.one_in(2) {
                    self.line(indent, "delay: 30ms");
                }
                self.timeout(indent);
                self.line(indent, "do:");
                self.graph(indent + 1, depth - 1, callee);
                &["success", "exhausted", "error"]
            }
            8 if callee.is_some() => {
                let callee = callee.unwrap_or_default();
                self.line(
                    indent,
                    &format!("type: run_blueprint\n{0}blueprint: {callee}", pad(indent)),
                );
                self.timeout(indent);
                &["success", "error"]
            }
            _ => self.sim(indent),
        }
    }

    fn sim(&mut self, indent: usize) -> &'static [&'static str] {
        let delay = *self.random.pick(&[0, 0, 5, 50, 300]);
        let outcome = *self.random.pick(&["success", "success", "success", "other", "error"]);
        let fails = self.random.below(4);
        self.line(
            indent,
            &format!("type: sim\n{0}delay: {delay}\n{0}outcome: {outcome}", pad(indent)),
        );
        if self.random.one_in(2) {
            self.line(indent, &format!("fails_before: {fails}"));
            self.line(indent, "retry: {attempts: 3, delay: 40ms}");
        }
        self.timeout(indent);
        &["success", "other", "error"]
    }

    fn timeout(&mut self, indent: usize) {
        if self.random.one_in(4) {
            let timeout = 1 + self.random.below(200);
            self.line(indent, &format!("timeout: {timeout}ms"));
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "{}{text}", pad(indent));
    }
}

fn pad(indent: usize) -> String {
    "  ".repeat(indent)
}

struct Played {
    events: Vec<Arc<Event>>,
    end: RunEnd,
    /// How much of it happened before the process ended.
    crashed_after: usize,
}

/// What happens to a run from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing.
    Peace,
    /// Somebody cancels it after so many milliseconds.
    Cancelled(u64),
    /// Its process ends after so many events, and another goes on with it.
    Crash(usize),
}

/// Plays a run in virtual time.
fn play(plan: &Arc<Plan>, callee: &Arc<Plan>, fate: Fate) -> Played {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let epoch: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let clock = Clock::Runtime { epoch, start: Instant::now() };
        let journal = Arc::new(MemoryJournal::keeping());
        let engine = Engine::new(journal.clone(), clock, Ids::counted(), Limits::default());
        let library = Arc::new(Library::link(vec![plan.clone(), callee.clone()], &[]).library);
        let mut handle = engine
            .start(StartRun {
                plan: plan.clone(),
                library: library.clone(),
                inputs: Value::Null,
                payload: Value::Null,
                secrets: Secrets::none(),
                env: Arc::default(),
                timeout: None,
                origin: Origin::default(),
            })
            .await
            .unwrap();
        let mut crashed_after = 0;
        let mut events = Vec::new();
        if let Fate::Crash(after) = fate {
            let mut stream = handle.events().unwrap();
            while events.len() < after {
                events.extend(stream.recv().await);
            }
            let id = handle.id().clone();
            drop(handle);
            // More was recorded than was seen, up to the end.
            let mut history = journal.read(&id).await.unwrap().unwrap();
            history.events.truncate(after);
            events = history.events.iter().cloned().map(Arc::new).collect();
            crashed_after = events.len();
            journal.put(&id, history.record, history.events);
            let (plan, env) = (plan.clone(), Arc::default());
            let rebuilt = Rebuilt { plan, library, secrets: Secrets::none(), env };
            let resumed = engine.resume(&id, |_| Ok::<_, String>(rebuilt)).await;
            handle = resumed.unwrap_or_else(|err| panic!("{err}"));
        }
        let stop = handle.stop();
        let mut stream = handle.events().unwrap();
        let finished = handle.finished();
        tokio::pin!(finished);
        if let Fate::Cancelled(ms) = fate {
            tokio::select! {
                biased;
                () = tokio::time::sleep(Duration::from_millis(ms)) => stop.cancel(),
                end = &mut finished => {
                    let end = end.unwrap();
                    return Played { events: drain(&mut stream), end, crashed_after };
                }
            }
        }
        let end = tokio::time::timeout(Duration::from_secs(3600), finished)
            .await
            .expect("a hang: nothing happened for an hour")
            .unwrap();
        events.extend(drain(&mut stream));
        Played { events, end, crashed_after }
    })
}

fn drain(stream: &mut tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>) -> Vec<Arc<Event>> {
    std::iter::from_fn(|| stream.try_recv().ok()).collect()
}

fn check(played: &Played) {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut failed = false;
    for (at, event) in played.events.iter().enumerate() {
        assert_eq!(event.seq, at as u64 + 1, "events are numbered without a gap");
        match &event.kind {
            EventKind::BlockFinished { block, .. }
            | EventKind::BlockSkipped { block, .. }
            | EventKind::BlockCancelled { block, .. } => {
                *ends.entry(block.to_string()).or_default() += 1;
            }
            EventKind::BlockStarted { block, .. } | EventKind::StateChanged { block, .. } => {
                let has_ended = ends.contains_key(&block.to_string());
                assert!(!has_ended, "{block} did something after its end");
            }
            EventKind::RunFinished { status, .. } => {
                assert_eq!(at + 1, played.events.len(), "something happened after the end");
                failed = *status == RunStatus::Failed;
            }
            _ => {}
        }
    }
    assert!(ends.values().all(|times| *times == 1), "a block ended twice: {ends:?}");
    let counts = played.end.counts;
    let ended = counts.ran + counts.skipped + counts.cancelled;
    assert_eq!(ends.len() as u64, ended, "every block ends, and all ends are counted");
    assert_eq!(failed, played.end.status == RunStatus::Failed);
}

fn random_plans(random: &mut Random) -> (Arc<Plan>, Arc<Plan>, String) {
    let mut blocks = blueprint_project::wiring::registry().blocks().to_vec();
    blocks.push(Arc::new(Sim));
    let languages = blueprint_project::wiring::registry().languages().to_vec();
    let registry = Registry::new(blocks, languages);
    loop {
        let callee_text = Writer::blueprint(random, "callee", None);
        let text = Writer::blueprint(random, "caller", Some("callee"));
        let plan = |text: &str| {
            let (blueprint, faults) = blueprint_syntax::parse("random.yaml", text);
            assert!(faults.is_empty(), "{faults:?}\n{text}");
            Plan::build(&blueprint, &registry).plan
        };
        if let (Some(caller), Some(callee)) = (plan(&text), plan(&callee_text)) {
            return (caller, callee, format!("{text}---\n{callee_text}"));
        }
    }
}

#[test]
fn random_runs_end_once_and_the_same_way_each_time() {
    for seed in 0..rounds() {
        let mut random = Random::new(seed);
        let (plan, callee, text) = random_plans(&mut random);
        let fate = match random.one_in(3) {
            true => Fate::Cancelled(random.below(500) as u64),
            false => Fate::Peace,
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let played = play(&plan, &callee, fate);
            check(&played);
            let again = play(&plan, &callee, fate);
            let lines = |played: &Played| -> Vec<String> {
                played.events.iter().map(|event| format::to_json(event).to_string()).collect()
            };
            assert_eq!(lines(&played), lines(&again), "the same seed gave another run");
        }));
        assert!(result.is_ok(), "seed {seed}, {fate:?}:\n{text}");
    }
}

/// How each block ended, by its place in the run, and what the run came to. Times are left out: what
/// was in flight takes its time again.
fn outcome_of(played: &Played) -> (BTreeMap<String, String>, String) {
    let mut ends = BTreeMap::new();
    for event in &played.events {
        let end = match &event.kind {
            EventKind::BlockFinished { attempt, outcome, result, message, .. } => {
                format!("{outcome} {attempt} {result} {message:?}")
            }
            EventKind::BlockSkipped { edge, .. } => format!("skipped {edge}"),
            EventKind::BlockCancelled { reason, .. } => format!("cancelled {}", reason.as_str()),
            _ => continue,
        };
        let (_, block) = event.kind.block().expect("an end is that of a block");
        ends.insert(block.to_string(), end);
    }
    let RunEnd { status, value, error, counts, .. } = &played.end;
    (ends, format!("{status:?} {value} {error:?} {counts:?}"))
}

/// Whether the order in which blocks end can change what happens: then what is in flight at a crash,
/// and takes its time again, may lose a race that it had won.
fn is_racy(whole: &Played, text: &str) -> bool {
    let is_error = |event: &Arc<Event>| {
        matches!(event.kind, EventKind::BlockFinished { message: Some(_), .. })
    };
    whole.end.counts.cancelled > 0
        || whole.events.iter().any(is_error)
        || ["join: first", "return_value", "timeout:"].iter().any(|word| text.contains(word))
}

#[test]
fn random_runs_end_the_same_after_a_crash() {
    let mut compared = 0;
    for seed in 0..rounds() {
        let mut random = Random::new(seed);
        let (plan, callee, text) = random_plans(&mut random);
        let mut fate = Fate::Peace;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let whole = play(&plan, &callee, Fate::Peace);
            fate = Fate::Crash(1 + random.below(whole.events.len() - 1));
            let resumed = play(&plan, &callee, fate);
            check(&resumed);
            let is_resumed =
                |event: &Arc<Event>| matches!(event.kind, EventKind::RunResumed { .. });
            assert_eq!(resumed.crashed_after > 0, resumed.events.iter().any(is_resumed));
            if !is_racy(&whole, &text) {
                assert_eq!(outcome_of(&whole), outcome_of(&resumed), "it ended in another way");
                compared += 1;
            }
        }));
        assert!(result.is_ok(), "seed {seed}, {fate:?}:\n{text}");
    }
    assert!(compared > 0, "none of these runs can be compared");
}
