//! One case: a run in which nothing reaches outside, waits take no time, and every try is the same.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use anyhow::{Context as _, Result};
use blueprint_engine::{
    Clock, Engine, Ids, Library, Origin, Plan, RunEnd, StartError, StartRun, state_after,
};
use blueprint_journal::MemoryJournal;
use blueprint_model::{
    Block, Event, EventKind, Limits, Secret, SecretName, Secrets, Value, code, secret::Policy,
    value::Shared,
};
use blueprint_project::{
    canned::{self, Answer, Canned, Faults},
    failure::Failure,
};
use blueprint_vault::{MemoryVault, Need, Vault};
use jiff::Timestamp;
use serde_json::json;

use crate::testing::Case;

/// When every run of a test starts: 2026-01-01T00:00:00Z.
const START_SECOND: i64 = 1_767_225_600;

/// What is tested.
pub struct Subject {
    /// The blueprint.
    pub plan: Arc<Plan>,
    /// The blueprints that it may call.
    pub library: Library,
    /// The bounds of the project.
    pub limits: Limits,
}

/// What a case came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Actual {
    /// How the run ended; `refused` where it did not start because of its inputs.
    pub status: String,
    /// How each block ended, in order.
    pub trace: Vec<String>,
    /// What it returned.
    pub value: Shared,
    /// The state at the end.
    pub state: Shared,
    /// Why it failed: `block`, `outcome` and `message`.
    pub error: Option<Value>,
    /// What no run of a test may do, such as letting a block reach outside.
    pub faults: Vec<String>,
}

/// Runs a case.
///
/// # Errors
///
/// Returns a failure if the case itself is wrong: inputs, mocks, secrets.
pub fn run(case: &Case, subject: &Subject) -> Result<Actual> {
    let faults = Faults::default();
    let blocks = mocks(case, subject, &faults)?;
    let (plan, library) =
        canned::recast(&subject.plan, &subject.library, &mut |blueprint, block| {
            let mocked = blocks.get(&(blueprint.to_owned(), block.path.clone()));
            let is_loose = mocked.is_none() && block.reaches_outside();
            let forbidden = || Arc::new(Canned::forbidden(block, faults.clone())) as Arc<dyn Block>;
            mocked.cloned().or_else(|| is_loose.then(forbidden))
        });
    let inputs = Value::Object(case.inputs.clone());
    if let Err(misfits) = plan.inputs_from(&inputs) {
        return Ok(refused(&plan, &misfits));
    }
    let start = StartRun {
        secrets: secrets(case, &plan, &library)?,
        env: Arc::new(case.env.clone()),
        payload: case.payload.clone().unwrap_or_else(|| inputs.clone()),
        inputs,
        timeout: None,
        origin: Origin::default(),
        plan: plan.clone(),
        library: library.clone(),
    };
    let (end, events) = run_to_end(start, subject.limits.clone())?;
    let faults = faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Actual {
        status: end.status.as_str().into(),
        trace: events.iter().filter_map(|event| line(event)).collect(),
        value: end.value,
        state: state_after(&plan, events.iter().map(|event| &**event)),
        error: end.error.map(|error| {
            json!({"block": error.block, "outcome": error.outcome, "message": error.message})
        }),
        faults,
    })
}

/// What comes of inputs that do not fit.
fn refused(plan: &Plan, misfits: &[String]) -> Actual {
    Actual {
        status: "refused".into(),
        trace: Vec::new(),
        value: Shared::default(),
        state: plan.state.clone(),
        error: Some(json!({"block": "", "outcome": "", "message": misfits.join("\n")})),
        faults: Vec::new(),
    }
}

fn run_to_end(start: StartRun, limits: Limits) -> Result<(RunEnd, Vec<Arc<Event>>)> {
    // Time stands still while blocks work and passes at once while everybody waits.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let epoch = Timestamp::from_second(START_SECOND).context("the start of tests")?;
        let clock = Clock::Runtime { epoch, start: tokio::time::Instant::now() };
        let journal = Arc::new(MemoryJournal::forgetful());
        let engine = Engine::new(journal, clock, Ids::counted(), limits);
        let mut handle = engine.start(start).await.map_err(|err| match err {
            StartError::Inputs(misfits) => {
                Failure::wrong(misfits.join("; ")).code(code::BAD_INPUTS).into()
            }
            other => anyhow::Error::from(other),
        })?;
        let mut stream = handle.events().context("the events of a run are taken once")?;
        let end = handle.finished().await?;
        let mut events = Vec::new();
        while let Ok(event) = stream.try_recv() {
            events.push(event);
        }
        Ok((end, events))
    })
}

/// The blocks that answer as the case says, by blueprint and path.
fn mocks(
    case: &Case,
    subject: &Subject,
    faults: &Faults,
) -> Result<BTreeMap<(String, String), Arc<dyn Block>>> {
    let mut blocks: BTreeMap<(String, String), Arc<dyn Block>> = BTreeMap::new();
    for (name, answer) in &case.mocks {
        let (blueprint, info) = canned::find_block(name, &subject.plan, &subject.library)?;
        let answers: Vec<Answer> = match answer {
            Value::Array(answers) if answers.is_empty() => {
                return Err(Failure::wrong(format!("the mock of `{name}` has no answer")).into());
            }
            Value::Array(answers) => answers.iter().cloned().map(Answer::of).collect(),
            one => vec![Answer::of(one.clone())],
        };
        let times = if answer.is_array() { canned::Times::Each } else { canned::Times::Always };
        let block = Canned::new(&info, &answers, times, faults.clone())?;
        blocks.insert((blueprint, info.path), Arc::new(block));
    }
    Ok(blocks)
}

/// The secrets of a case: those it gives, and a value for each other one that a run needs.
fn secrets(case: &Case, plan: &Arc<Plan>, library: &Library) -> Result<Secrets> {
    let mut vault = MemoryVault::new();
    let mut needs = Vec::new();
    for need in library.secrets(plan) {
        let name = need.name.as_str();
        let value = match case.secrets.get(name) {
            Some(given) => given.clone(),
            None => (!need.is_optional).then(|| format!("dummy-value-of-{name}")),
        };
        if let Some(value) = value {
            let policy = Policy { may_reveal: true, ..Policy::default() };
            vault = vault.with(need.name.clone(), Secret::new(value), policy);
        }
        needs.push(Need { name: need.name, is_optional: need.is_optional });
    }
    for name in case.secrets.keys() {
        SecretName::parse(name)
            .ok_or_else(|| Failure::wrong(format!("`{name}` cannot be the name of a secret")))?;
    }
    let vault = Vault::new(vec![Box::new(vault)]);
    let loaded = vault.load(&needs, Timestamp::UNIX_EPOCH);
    loaded.map_err(|err| Failure::wrong(err.to_string()).code(code::SECRETS_MISSING).into())
}

/// Returns the line of a trace that says how a block ended.
pub(super) fn line(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::BlockFinished { block, outcome, .. } => Some(format!("{block} {outcome}")),
        EventKind::BlockSkipped { block, .. } => Some(format!("{block} skipped")),
        EventKind::BlockCancelled { block, .. } => Some(format!("{block} cancelled")),
        EventKind::RunStarted { .. }
        | EventKind::BlockStarted { .. }
        | EventKind::AttemptFailed { .. }
        | EventKind::BlockWaiting { .. }
        | EventKind::StateChanged { .. }
        | EventKind::AnswerReceived { .. }
        | EventKind::SecretUsed { .. }
        | EventKind::SecretDerived { .. }
        | EventKind::Log { .. }
        | EventKind::RunResumed { .. }
        | EventKind::CancelRequested { .. }
        | EventKind::RunFinished { .. } => None,
    }
}
