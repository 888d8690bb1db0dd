//! What a firing of a trigger starts: the command line and the server make the same of it.

use std::sync::Arc;

use blueprint_engine::{Origin, Plan, PlannedKind, PlannedTrigger};
use blueprint_model::{Value, value::Map};

use crate::failure::Failure;

/// What a firing starts a run with.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// The inputs: an object.
    pub inputs: Value,
    /// What it brings.
    pub payload: Value,
    /// What started it, and the block it starts at.
    pub origin: Origin,
}

/// Returns what a firing of a trigger starts: its own payload where it brings none, its inputs with
/// what they take from the payload, and `given` in place of those.
///
/// # Errors
///
/// Returns a failure if the payload lacks what an input needs.
pub fn firing(trigger: &PlannedTrigger, payload: Value, given: Value) -> Result<Firing, Failure> {
    let payload = if payload.is_null() { (*trigger.payload).clone() } else { payload };
    let mut inputs = trigger.inputs(&payload).map_err(Failure::wrong)?;
    if let Value::Object(given) = given {
        inputs.extend(given);
    }
    let (kind, setup) = (trigger.kind.as_str(), trigger.setup());
    let origin = Origin { trigger: kind.into(), key: None, setup };
    Ok(Firing { inputs: Value::Object(inputs), payload, origin })
}

/// Returns what a call of the API starts, by the blueprint's first `api` trigger if it has one: what
/// is given are inputs and payload.
///
/// # Errors
///
/// Returns a failure if what is given lacks what an input of the trigger needs.
pub fn called(plan: Option<&Plan>, given: Value) -> Result<Firing, Failure> {
    let mut all = plan.into_iter().flat_map(|plan| &plan.triggers);
    let trigger = all.find(|trigger| matches!(trigger.kind, PlannedKind::Api));
    match trigger {
        Some(trigger) => firing(trigger, given.clone(), given),
        None => {
            let inputs = if given.is_null() { Value::Object(Map::new()) } else { given.clone() };
            let origin = Origin { trigger: "api".into(), ..Origin::default() };
            Ok(Firing { inputs, payload: given, origin })
        }
    }
}

/// Finds a trigger as a person names it: by its id, or without one the only trigger there is.
///
/// # Errors
///
/// Returns a failure if there is none, or several and no id.
pub fn find<'p>(plan: &'p Arc<Plan>, id: Option<&str>) -> Result<&'p PlannedTrigger, Failure> {
    let names = || plan.triggers.iter().map(|trigger| trigger.id.as_str());
    match (id, plan.triggers.as_slice()) {
        (None, [only]) => Ok(only),
        (None, []) => {
            let failure = Failure::wrong(format!("`{}` has no triggers", plan.name));
            Err(failure.help(format!("blueprint run {}", plan.name)))
        }
        (None, _) => {
            let failure = Failure::wrong(format!("`{}` has several triggers", plan.name));
            let ids: Vec<String> = names().map(|id| format!("{}/{id}", plan.name)).collect();
            Err(failure.help(format!("say which: {}", ids.join(", "))))
        }
        (Some(id), all) => {
            let found = all.iter().find(|trigger| trigger.id == id);
            found.ok_or_else(|| Failure::unknown("trigger", id, names()))
        }
    }
}
