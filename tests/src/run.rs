//! Checks and runs cases with the real parts: registry, plan, engine, blocks, vault.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use blueprint_engine::{
    Clock, Command, Engine, Ids, Library, Origin, Plan, RunEnd, RunHandle, RunState, SecretNeed,
    StartError, StartRun,
};
use blueprint_journal::MemoryJournal;
use blueprint_model::{
    BlockPath, Diagnostic, Event, EventKind, Journal, Registry, RunId, SecretName, Value,
    block::Wish,
    event::At,
    format,
    journal::{History, Letter, Question},
};
use blueprint_project::project::{self, Checked, Project};
use blueprint_vault::SecondNet;
use tokio::runtime::{Builder, Runtime};

use crate::{
    case::{Cancel, Case},
    replay, secrets,
    server::{Received, Server},
    trace,
};

/// A run that takes longer hangs.
const HARD_DEADLINE: Duration = Duration::from_secs(20);

/// How many crashes of a run are looked at.
const MAX_PREFIXES: usize = 50;

/// The ways in which the same case is run; its trace must be the same in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As written, all tasks on one thread.
    OneThread,
    /// As written, tasks on several threads.
    ManyThreads,
    /// With one block at work at once, unless the file sets `concurrency` itself.
    OneAtATime,
}

impl Way {
    /// Every way, the plainest first.
    pub const ALL: [Self; 3] = [Self::OneThread, Self::ManyThreads, Self::OneAtATime];

    pub(crate) fn runtime(self) -> Runtime {
        let mut builder = match self {
            Self::OneThread | Self::OneAtATime => Builder::new_current_thread(),
            Self::ManyThreads => Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all().build().expect("a runtime")
    }
}

/// Which server stands in for the hosts of a case.
pub enum Stand {
    /// The suite's own.
    Suite(Server),
    /// The mock API of `blueprint demo`.
    Demo(blueprint::demo::api::MockApi),
}

impl Stand {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Suite(server) => server.address,
            Self::Demo(api) => api.address,
        }
    }

    fn received(&self) -> Vec<Received> {
        match self {
            Self::Suite(server) => server.received(),
            Self::Demo(_) => Vec::new(),
        }
    }
}

/// A file of a folder, checked together with the others.
pub struct CheckedCase {
    /// The case.
    pub case: Case,
    /// What checking found, each alone and together.
    pub checked: Checked,
}

/// Checks every blueprint of a folder, each alone and then together, as `blueprint check` does.
///
/// # Panics
///
/// Panics if the folder cannot be read.
pub fn check_folder(folder: &Path) -> Vec<CheckedCase> {
    let files = project::blueprints_in(folder).expect("a folder of blueprints");
    let mut cases: Vec<CheckedCase> = files
        .iter()
        .map(|file| {
            let case = Case::read(file);
            let checked = check(&case, &registry_for(&case));
            CheckedCase { case, checked }
        })
        .collect();
    let plans = cases.iter().filter_map(|case| case.checked.plan.clone()).collect();
    let broken: Vec<String> = cases
        .iter()
        .filter(|case| case.checked.plan.is_none())
        .map(|case| case.checked.name.clone())
        .collect();
    for (file, diagnostic) in Library::link(plans, &broken).diagnostics {
        let owner = cases.iter_mut().find(|case| case.checked.source.file == file);
        if let Some(owner) = owner {
            owner.checked.diagnostics.push(diagnostic);
        }
    }
    cases
}

/// Returns the block types and languages, in a project that lists the variables of the case.
fn registry_for(case: &Case) -> Registry {
    let names = case.env.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
    blueprint_project::wiring::registry().with_variables(&names.unwrap_or_default())
}

fn check(case: &Case, registry: &Registry) -> Checked {
    project::check_bytes(&case.path.display().to_string(), &case.bytes, registry)
}

/// Returns the trace of a case: what checking found, and if that is no error, its run.
pub fn trace_of(case: &CheckedCase, way: Way, demo: bool) -> String {
    let CheckedCase { case, checked } = case;
    let found = trace::of_diagnostics(&checked.source, &checked.diagnostics);
    if checked.diagnostics.iter().any(Diagnostic::is_error) {
        return found;
    }
    let runtime = way.runtime();
    let ran = runtime.block_on(run(case, way, demo)).trace;
    runtime.shutdown_background();
    if found.is_empty() { ran } else { format!("{found}\n{ran}") }
}

/// Runs a case and cancels it after each number of events that `pick` chooses from all it has.
///
/// # Panics
///
/// Panics if one of the runs does not end as every run must.
pub fn cancel_anywhere(case: &CheckedCase, pick: impl Fn(usize) -> Vec<usize>) {
    let is_refused = case.checked.diagnostics.iter().any(Diagnostic::is_error);
    // Where the case itself cancels, nothing else would end the run.
    if is_refused || case.case.cancel != Cancel::Never {
        return;
    }
    let way = Way::OneThread;
    let runtime = way.runtime();
    let whole = runtime.block_on(run(&case.case, way, false));
    for events in pick(whole.events) {
        let cancel = Cancel::AfterEvents(events);
        runtime.block_on(run(&Case { cancel, ..case.case.clone() }, way, false));
    }
    runtime.shutdown_background();
}

/// A run and all that was seen of it.
pub struct Ran {
    /// How it ended.
    pub end: RunEnd,
    /// Its events, as people see them.
    pub events: Vec<Arc<Event>>,
    /// Its journal.
    pub journal: Vec<Event>,
}

/// A case that can run.
pub(crate) struct Prepared {
    pub plan: Arc<Plan>,
    pub library: Arc<Library>,
    pub needs: Vec<SecretNeed>,
    pub env: Arc<BTreeMap<String, String>>,
}

/// What a run of a case gives: its trace, and how many events it had.
struct Outcome {
    trace: String,
    events: usize,
}

impl Outcome {
    fn refused(why: &str) -> Self {
        Self { trace: format!("refused\n{why}\n"), events: 0 }
    }
}

async fn run(case: &Case, way: Way, demo: bool) -> Outcome {
    let stand = if demo {
        Stand::Demo(blueprint::demo::api::MockApi::start(Duration::ZERO).await.expect("a port"))
    } else {
        Stand::Suite(Server::start().await.expect("a port"))
    };
    let prepared = prepare(case, way);
    let (ran, history) = match play(case, &prepared, stand.address()).await {
        Ok(played) => played,
        Err(why) => return Outcome::refused(&why),
    };
    let text = trace::of_run(&ran);
    let limits = case.limits(stand.address());
    let depth = limits.depth;
    if way == Way::OneThread {
        let (plan, library) = (&prepared.plan, &prepared.library);
        replay::goes_the_same_way(&history, plan, library, prepared.env.clone(), limits).await;
    }
    judge(&ran, &prepared.plan, &prepared.library, depth);
    find_values(&ran, &text, names_of(&prepared.needs), &case.vault);
    let received = match case.shows_received {
        true => trace::of_received(&stand.received()),
        false => String::new(),
    };
    Outcome { trace: format!("{text}{received}"), events: ran.events.len() }
}

/// Checks a case that has no error, and what it calls.
pub(crate) fn prepare(case: &Case, way: Way) -> Prepared {
    let registry = registry_for(case);
    let mut checked = check(case, &registry);
    let mut plan = checked.plan.take().expect("it has no error");
    let sets_concurrency = case.bytes.split(|byte| *byte == b'\n').any(is_concurrency);
    if way == Way::OneAtATime && !sets_concurrency {
        let mut only = Arc::into_inner(plan).expect("nobody else has it");
        only.concurrency = 1;
        plan = Arc::new(only);
    }
    checked.plan = Some(plan.clone());
    let folder = case.path.parent().expect("a case is in a folder");
    let project = Project::of_folder(folder).expect("there is no project file");
    let linked = project.library(&checked, &registry).expect("a folder that can be read");
    let needs = linked.library.secrets(&plan);
    Prepared { plan, library: Arc::new(linked.library), needs, env: Arc::new(env_of(case)) }
}

/// Runs a case against a server; returns the run and what was kept of it, or why it did not start.
pub(crate) async fn play(
    case: &Case,
    prepared: &Prepared,
    server: SocketAddr,
) -> Result<(Ran, History), String> {
    let secrets = secrets::load(&prepared.needs, &case.vault).map_err(|err| err.to_string())?;
    let start = StartRun {
        plan: prepared.plan.clone(),
        library: prepared.library.clone(),
        inputs: case.inputs.clone(),
        payload: case.payload.clone().unwrap_or_else(|| case.inputs.clone()),
        secrets,
        env: prepared.env.clone(),
        timeout: None,
        origin: Origin::default(),
    };
    let journal = Arc::new(MemoryJournal::keeping());
    let engine = Engine::new(journal.clone(), Clock::System, Ids::counted(), case.limits(server));
    let handle = match engine.start(start).await {
        Ok(handle) => handle,
        Err(StartError::Inputs(misfits)) => return Err(misfits.join("\n")),
        Err(err) => panic!("{err}"),
    };
    let ran = watch(handle, &*journal, case).await;
    let history = journal.read(&ran.end.run).await.expect("memory").expect("it is kept");
    Ok((Ran { journal: history.events.clone(), ..ran }, history))
}

fn is_concurrency(line: &[u8]) -> bool {
    line.starts_with(b"concurrency:")
}

/// The variables that are set; a listed one may be missing.
fn env_of(case: &Case) -> BTreeMap<String, String> {
    let listed = case.env.as_object().into_iter().flatten();
    listed.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.into()))).collect()
}

/// Follows a run to its end, and sends it what the case says.
///
/// # Panics
///
/// Panics if the run takes too long.
pub(crate) async fn watch(mut handle: RunHandle, journal: &dyn Journal, case: &Case) -> Ran {
    let mut receiver = handle.events().expect("nobody has taken the events yet");
    let run = handle.id().clone();
    let follow = async {
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            if is_signal(&event, &case.cancel) {
                journal.post(&run, &Letter::Cancel).await.expect("memory");
            }
            if let EventKind::BlockWaiting { at, block, wish: Wish::Answer(question) } = &event.kind
            {
                answer(case, journal, &run, (*at, block, question)).await;
            }
            events.push(event);
        }
        events
    };
    let both = async { tokio::join!(handle.finished(), follow) };
    let both = tokio::time::timeout(HARD_DEADLINE, both).await;
    let (end, events) = both.unwrap_or_else(|_| panic!("the run hangs"));
    Ran { end: end.expect("a journal in memory takes everything"), events, journal: Vec::new() }
}

/// Sends the case's answers to a block that waits for one.
pub(crate) async fn answer(
    case: &Case,
    journal: &dyn Journal,
    run: &RunId,
    (at, block, question): (At, &BlockPath, &Question),
) {
    for answer in case.answers_to(block, question) {
        journal.post(run, &Letter::Answer { at, answer }).await.expect("memory");
    }
}

/// Whether this event is the one that cancels the run.
pub(crate) fn is_signal(event: &Event, cancel: &Cancel) -> bool {
    let wanted = match cancel {
        Cancel::Never => return false,
        Cancel::AfterEvents(events) => return usize::try_from(event.seq) == Ok(*events),
        Cancel::AtBlock(block) => block,
    };
    let began =
        matches!(event.kind, EventKind::BlockStarted { .. } | EventKind::BlockWaiting { .. });
    began && event.kind.block().is_some_and(|(_, path)| path.to_string() == *wanted)
}

/// What holds for every run: its journal is whole, tells all by itself, and is what was shown.
fn judge(ran: &Ran, plan: &Arc<Plan>, library: &Arc<Library>, depth: usize) {
    let journal = &ran.journal;
    assert!(journal.iter().zip(1..).all(|(event, seq)| event.seq == seq), "the numbers have gaps");
    assert!(matches!(journal[0].kind, EventKind::RunStarted { .. }), "it begins otherwise");
    let last = &journal[journal.len() - 1].kind;
    assert!(matches!(last, EventKind::RunFinished { .. }), "something follows the end");
    assert_eq!(journal.len(), ran.events.len(), "not every event was shown");
    let mut ended = Vec::new();
    for event in journal {
        let ends = matches!(
            event.kind,
            EventKind::BlockFinished { .. }
                | EventKind::BlockSkipped { .. }
                | EventKind::BlockCancelled { .. }
        );
        if let Some((at, path)) = event.kind.block() {
            assert!(!ended.contains(&at), "something of `{path}` follows its end");
            if ends {
                ended.push(at);
            }
        }
    }
    let fold = |events: usize| {
        let mut state = RunState::new(plan.clone(), library.clone(), depth);
        for event in &journal[..events] {
            state.apply(&event.kind, event.time);
        }
        state
    };
    let state = fold(journal.len());
    assert!(state.is_over(), "the journal tells of no end");
    let (status, _, error) = state.verdict();
    assert_eq!((status, state.counts()), (ran.end.status, ran.end.counts), "another verdict");
    assert_eq!(error.is_some(), ran.end.error.is_some(), "another verdict");
    let begun = journal.iter().filter_map(|event| event.kind.block());
    let mut begun: Vec<_> = begun.map(|(at, _)| at).collect();
    begun.sort();
    begun.dedup();
    ended.sort();
    assert_eq!(begun, ended, "a block did not end");
    for events in 1..journal.len().min(MAX_PREFIXES) {
        recover(fold(events), journal, events);
    }
}

/// After a crash at any event the state knows what to do, and does nothing twice.
fn recover(mut state: RunState, journal: &[Event], events: usize) {
    let after = events as u64;
    state.apply(&EventKind::RunResumed { after }, journal[events - 1].time);
    let ended: Vec<_> = journal[..events]
        .iter()
        .filter(|event| {
            matches!(
                event.kind,
                EventKind::BlockFinished { .. }
                    | EventKind::BlockSkipped { .. }
                    | EventKind::BlockCancelled { .. }
            )
        })
        .filter_map(|event| event.kind.block().map(|(at, _)| at))
        .collect();
    while let Some(command) = state.next(true) {
        let at = match command {
            Command::Start(at) | Command::Skip(at, _) | Command::Cancel(at, _) => at,
            Command::Resume(at, _) | Command::Open(at, _) | Command::Expire(at) => at,
            Command::Interrupt(at) => at,
            Command::Finish => continue,
        };
        assert!(!ended.contains(&at), "after a crash at event {events}, {at:?} is done again");
    }
}

fn names_of(needs: &[SecretNeed]) -> impl Iterator<Item = &SecretName> {
    needs.iter().map(|need| &need.name)
}

/// No value of a secret is anywhere, in any spelling.
fn find_values<'n>(
    ran: &Ran,
    trace: &str,
    names: impl Iterator<Item = &'n SecretName>,
    given: &Value,
) {
    let net = SecondNet::new(&secrets::entries(names, given));
    let shown: Vec<String> =
        ran.events.iter().map(|event| format::to_json(event).to_string()).collect();
    let value = ran.end.value.to_string();
    let kept = format!("{:?}", ran.journal);
    for (place, text) in [
        ("trace", trace),
        ("events", shown.join("\n").as_str()),
        ("value", value.as_str()),
        ("journal", kept.as_str()),
    ] {
        assert!(net.hits(text).is_empty(), "the value of a secret is in the {place}:\n{text}");
    }
}
