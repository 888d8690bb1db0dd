//! Events by name: they start what has such a trigger, and answer what waits for them.

use std::sync::Arc;

use blueprint_engine::{PlannedKind, PlannedTrigger};
use blueprint_model::{RunId, Value, journal::OpenQuestion};
use blueprint_project::answers;

use super::firing;
use crate::{catalogue::Snapshot, problem::Problem, runs, site::Site};

/// An event from outside.
pub(crate) struct Event<'e> {
    /// Its name.
    pub(crate) name: &'e str,
    /// The component that it comes from.
    pub(crate) component: Option<&'e str>,
    /// What it brings.
    pub(crate) payload: Value,
    /// By which it is known again.
    pub(crate) key: Option<&'e str>,
}

/// What came of an event.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Blueprint, trigger and run.
    pub(crate) started: Vec<(String, String, RunId)>,
    /// Blueprint, trigger, and why it started nothing.
    pub(crate) failed: Vec<(String, String, Problem)>,
    /// The questions that it answered.
    pub(crate) answered: Vec<OpenQuestion>,
}

/// Fires every trigger for an event and answers every run that waits for it.
///
/// # Errors
///
/// Returns a problem if the store cannot be read.
pub(crate) async fn take(site: &Arc<Site>, event: &Event<'_>) -> Result<Outcome, Problem> {
    let snapshot = site.catalogue.now();
    let mut outcome = Outcome::default();
    for (blueprint, trigger) in listeners(&snapshot, event.name, event.component) {
        let run = async {
            let wanted = firing(blueprint, trigger, event.payload.clone(), event.key)?;
            runs::start(site, wanted).await
        };
        let (blueprint, id) = (blueprint.to_owned(), trigger.id.clone());
        match run.await {
            Ok(started) => outcome.started.push((blueprint, id, started.run)),
            Err(problem) => outcome.failed.push((blueprint, id, problem)),
        }
    }
    let answered = answers::send(&*site.journal, None, event.name, &event.payload).await?;
    outcome.answered = answered.into_iter().map(|(open, _)| open).collect();
    Ok(outcome)
}

/// Returns the triggers that an event fires.
fn listeners<'s>(
    snapshot: &'s Snapshot,
    name: &str,
    from: Option<&str>,
) -> Vec<(&'s str, &'s PlannedTrigger)> {
    let mut found = Vec::new();
    for (blueprint, entry) in &snapshot.entries {
        for trigger in entry.plan.iter().flat_map(|plan| &plan.triggers) {
            if let PlannedKind::Event { component, event } = &trigger.kind
                && event == name
                && component.as_deref().is_none_or(|component| from == Some(component))
            {
                found.push((blueprint.as_str(), trigger));
            }
        }
    }
    found
}
