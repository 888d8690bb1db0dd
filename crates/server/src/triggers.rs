//! What starts runs beside a person: schedules, signed calls from outside, events by name.
//!
//! [`due`] decides what a schedule fires, [`cron`] is the loop around it. [`webhook`] takes signed
//! calls, [`events`] those with a name. [`list`] tells where all of them stand. Whatever fires, a
//! run is started by [`crate::runs::start`], with a key where it must start once only.

pub(crate) mod cron;
mod due;
pub(crate) mod events;
pub(crate) mod list;
mod signature;
pub(crate) mod webhook;

use std::sync::Arc;

use axum::{Router, routing::post};
use blueprint_engine::PlannedTrigger;
use blueprint_model::Value;
use blueprint_project::triggers::{self, Firing};

use crate::{problem::Problem, runs::Wanted, site::Site};

/// Returns the routes of signed calls.
pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/hooks/{blueprint}", post(webhook::only))
        .route("/hooks/{blueprint}/{id}", post(webhook::one))
}

/// Returns what a call of the API with this body starts: the blueprint's `api` trigger, if it has
/// one, gives inputs that the body lacks, and says where the run starts.
///
/// # Errors
///
/// Returns a problem if the body lacks what an input of the trigger needs.
pub(crate) fn called(site: &Site, blueprint: &str, body: Value) -> Result<Wanted, Problem> {
    let snapshot = site.catalogue.now();
    let plan = snapshot.entries.get(blueprint).and_then(|entry| entry.plan.as_deref());
    // Whether there is something to run is seen when it starts.
    let firing = triggers::called(plan, body).map_err(anyhow::Error::from)?;
    Ok(wanted(blueprint, firing))
}

/// Returns what a trigger starts that somebody fires by hand; the same key gives the same run.
///
/// # Errors
///
/// Returns a problem if there is no such trigger, or the payload lacks what an input needs.
pub(crate) fn fired(
    site: &Site,
    (blueprint, id): (&str, &str),
    payload: Value,
    key: Option<&str>,
) -> Result<Wanted, Problem> {
    let snapshot = site.catalogue.now();
    let plan = snapshot.entries.get(blueprint).and_then(|entry| entry.plan.as_ref());
    let found = plan.and_then(|plan| plan.triggers.iter().find(|trigger| trigger.id == id));
    let trigger = found.ok_or_else(|| {
        let problem = Problem::not_found(format!("`{blueprint}` has no trigger `{id}`"));
        problem.help("GET /api/v1/triggers lists them all")
    })?;
    firing(blueprint, trigger, payload, key)
}

fn firing(
    blueprint: &str,
    trigger: &PlannedTrigger,
    payload: Value,
    key: Option<&str>,
) -> Result<Wanted, Problem> {
    let firing = triggers::firing(trigger, payload, Value::Null);
    let mut firing = firing.map_err(anyhow::Error::from)?;
    firing.origin.key = key.map(|key| format!("fire/{blueprint}/{}/{key}", trigger.id));
    Ok(wanted(blueprint, firing))
}

/// Returns what a firing starts.
fn wanted(blueprint: &str, firing: Firing) -> Wanted {
    let Firing { inputs, payload, origin } = firing;
    Wanted { blueprint: blueprint.into(), inputs, payload, origin, timeout: None }
}
