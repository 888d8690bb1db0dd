//! A test case from a run: its inputs, what it was answered from outside, and what it came to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Result;
use blueprint_engine::{Library, Plan, Written, shown, written};
use blueprint_model::{
    Event, EventKind, Value, Wish,
    event::{At, RunStatus},
    journal::History,
    value::Map,
};
use blueprint_project::{canned, failure::Failure, store};
use serde_json::json;

use crate::testing::trial;

/// How often a block was asked, in order, and what it answered.
#[derive(Default)]
struct Asked {
    attempts: Vec<(At, u32)>,
    answers: Vec<Option<Value>>,
}

/// Returns the case of a run as a value: `name`, `inputs`, `payload`, `mocks`, `expect`. Handles are
/// shown by name; no value of a secret is in it.
///
/// # Errors
///
/// Returns a failure if the run has not ended by itself.
pub fn case_of(
    history: &History,
    plan: &Arc<Plan>,
    library: &Arc<Library>,
    max_depth: usize,
) -> Result<Value> {
    let secrets = store::handles(history);
    let places = written(plan, library, max_depth, &history.events);
    let events: Vec<Event> =
        history.events.iter().map(|event| shown(event.clone(), &secrets)).collect();
    let short = history.summary.run.short();
    let Some(EventKind::RunFinished { status, value, error, .. }) =
        events.last().map(|event| &event.kind)
    else {
        let hint = format!("blueprint runs resume {short}");
        return Err(Failure::wrong(format!("run {short} has not ended")).help(hint).into());
    };
    if *status == RunStatus::Cancelled {
        let message = format!("run {short} was cancelled, and no test can do that");
        return Err(Failure::wrong(message).into());
    }
    let mut case = Map::new();
    case.insert("name".into(), format!("run {short}").into());
    add_inputs(&mut case, &events, plan);
    let mocks = mocks(&events, &places, plan, library)?;
    if !mocks.is_empty() {
        case.insert("mocks".into(), mocks.into());
    }
    let mut expect = json!({"status": status.as_str()});
    match error {
        Some(error) => expect["error"] = error.message.as_str().into(),
        None => expect["value"] = (**value).clone(),
    }
    expect["trace"] = events.iter().filter_map(trial::line).collect();
    case.insert("expect".into(), expect);
    Ok(Value::Object(case))
}

/// Adds the inputs as they were given; the payload only if it was something else.
fn add_inputs(case: &mut Map<String, Value>, events: &[Event], plan: &Plan) {
    let Some(EventKind::RunStarted { inputs, payload, .. }) = events.first().map(|it| &it.kind)
    else {
        return;
    };
    let is_all = payload.is_object() && plan.inputs_from(payload).is_ok_and(|it| it == *inputs);
    let given = if is_all { payload } else { inputs };
    if given.as_object().is_some_and(|given| !given.is_empty()) {
        case.insert("inputs".into(), (**given).clone());
    }
    if !is_all {
        case.insert("payload".into(), (**payload).clone());
    }
}

/// Returns what each block answered that had its answer from outside.
fn mocks(
    events: &[Event],
    places: &[Option<Written>],
    plan: &Arc<Plan>,
    library: &Library,
) -> Result<Map<String, Value>> {
    let waited: BTreeSet<(&str, &str)> = events
        .iter()
        .zip(places)
        .filter(|(event, _)| {
            matches!(event.kind, EventKind::BlockWaiting { wish: Wish::Answer(_), .. })
        })
        .filter_map(|(_, place)| place.as_ref())
        .map(|place| (place.blueprint.as_str(), place.path.as_str()))
        .collect();
    // The same block of a blueprint that several blocks call is asked in one row.
    let mut names: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
    for (event, place) in events.iter().zip(places) {
        let Some(place) = place else { continue };
        if !place.is_effect && !waited.contains(&(place.blueprint.as_str(), place.path.as_str())) {
            continue;
        }
        let inner = place.path.rsplit('/').next().unwrap_or(&place.path).to_owned();
        let key = (place.blueprint.clone(), inner);
        let name = names.entry(key).or_insert_with(|| place.path.clone()).clone();
        asked.entry(name).or_default().add(&event.kind);
    }
    let mut mocks = Map::new();
    for (name, asked) in asked {
        let (_, info) = canned::find_block(&name, plan, library)?;
        let usual = info.outcomes.iter().find(|(_, is_error)| !is_error);
        let usual = usual.map(|(outcome, _)| outcome.as_str());
        if let Some(answer) = asked.answer(usual) {
            mocks.insert(name, answer);
        }
    }
    Ok(mocks)
}

impl Asked {
    fn add(&mut self, event: &EventKind) {
        match event {
            EventKind::BlockStarted { at, attempt, .. } => {
                self.place(*at, *attempt);
            }
            EventKind::AttemptFailed { at, attempt, outcome, message, .. } => {
                let place = self.place(*at, *attempt);
                self.answers[place] = Some(json!({"outcome": **outcome, "message": message}));
            }
            EventKind::BlockFinished { at, attempt, outcome, result, message, .. } => {
                let place = self.place(*at, *attempt);
                let mut answer = json!({"outcome": **outcome, "result": **result});
                if let Some(message) = message {
                    answer["message"] = message.as_str().into();
                }
                self.answers[place] = Some(answer);
            }
            _ => {}
        }
    }

    /// Returns the place of an attempt among all. One that a resumed run began again is the same.
    fn place(&mut self, at: At, attempt: u32) -> usize {
        let known = self.attempts.iter().position(|known| *known == (at, attempt));
        known.unwrap_or_else(|| {
            self.attempts.push((at, attempt));
            self.answers.push(None);
            self.answers.len() - 1
        })
    }

    /// Returns the mock: one answer if all are the same, else all of them in order.
    fn answer(self, usual: Option<&str>) -> Option<Value> {
        // A block that was stopped in its work was asked as well.
        let stopped = || json!({"result": null});
        let tidied = |answer: Value| tidy(answer, usual);
        let answers: Vec<Value> =
            self.answers.into_iter().map(|it| it.map_or_else(stopped, tidied)).collect();
        let first = answers.first()?;
        if answers.iter().all(|answer| answer == first) {
            return Some(first.clone());
        }
        Some(answers.into())
    }
}

/// Leaves out the outcome that a mock has by itself.
fn tidy(mut answer: Value, usual: Option<&str>) -> Value {
    if let Some(map) = answer.as_object_mut()
        && map.get("outcome").and_then(Value::as_str) == usual
        && map.contains_key("result")
    {
        map.shift_remove("outcome");
    }
    answer
}
