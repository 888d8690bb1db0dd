//! What starts a run.

use blueprint_model::{
    Diagnostic, Spanned, Value,
    blueprint::{FieldNode, Missed, Overlap, Trigger, TriggerKind},
    code,
};

use crate::{
    read::{
        fields,
        reader::{self, Reader},
    },
    yaml::{Data, Entry, Map, Tree},
};

const TYPES: &[&str] = &["api", "cron", "event", "webhook"];

const API: &[&str] = &["type", "id", "start", "inputs", "payload"];

const CRON: &[&str] =
    &["type", "id", "schedule", "timezone", "missed", "overlap", "start", "inputs", "payload"];

const EVENT: &[&str] = &["type", "id", "component", "event", "start", "inputs", "payload"];

const WEBHOOK: &[&str] = &["type", "id", "signing_key", "start", "inputs", "payload"];

/// Reads `triggers`.
pub(crate) fn triggers(reader: &mut Reader<'_>, entry: &Entry) -> Vec<Trigger> {
    let Data::List(items) = &entry.value.data else {
        let fault = reader::wrong_type("triggers", "a list", entry);
        reader.report(fault.help("write `- {type: api}` on a line of its own"));
        return Vec::new();
    };
    let mut triggers = Vec::new();
    for item in items {
        if reader.is_full() {
            break;
        }
        triggers.extend(trigger(reader, item));
    }
    triggers
}

fn trigger(reader: &mut Reader<'_>, item: &Tree) -> Option<Trigger> {
    let Data::Map(map) = &item.data else {
        let fault = reader::wrong_type_at("a trigger", "an object", item, item.span);
        reader.report(fault.help("write `{type: api}`"));
        return None;
    };
    let Some(entry) = map.get("type") else {
        let fault = Diagnostic::error(code::BAD_TRIGGER, item.span, "a trigger has no `type`");
        reader.report(fault.help("known here: `api`, `cron`, `event`, `webhook`"));
        return None;
    };
    let name = reader.text("type", entry)?;
    let kind = kind(reader, item, map, &name);
    let id = map.get("id").and_then(|entry| reader.text("id", entry));
    let start = map.get("start").and_then(|entry| reader.text("start", entry));
    let inputs = map.get("inputs").map(|entry| inputs(reader, entry)).unwrap_or_default();
    let payload = map.get("payload").map_or(Value::Null, |entry| entry.value.to_value());
    Some(Trigger { id, kind: kind?, start, inputs, payload, span: item.span })
}

fn inputs(reader: &mut Reader<'_>, entry: &Entry) -> Vec<(Spanned<String>, FieldNode)> {
    let Some(map) = reader.object("inputs", entry) else { return Vec::new() };
    let read = |(key, entry): (&String, &Entry)| {
        let value = fields::field(reader, entry.value.clone());
        (Spanned::new(key.clone(), entry.key_span), value)
    };
    map.iter().map(read).collect()
}

fn kind(
    reader: &mut Reader<'_>,
    item: &Tree,
    map: &Map,
    name: &Spanned<String>,
) -> Option<TriggerKind> {
    match name.value.as_str() {
        "api" => {
            reader.unknown_keys(map, API, "a trigger `api`");
            Some(TriggerKind::Api)
        }
        "cron" => cron(reader, item, map),
        "event" => event(reader, item, map),
        "webhook" => {
            reader.unknown_keys(map, WEBHOOK, "a trigger `webhook`");
            let key = map.get("signing_key");
            let signing_key = key.and_then(|entry| fields::text(reader, "signing_key", entry));
            Some(TriggerKind::Webhook { signing_key })
        }
        _ => {
            let known = TYPES.iter().copied();
            reader.report(reader::not_allowed(code::BAD_TRIGGER, "type", name, known));
            None
        }
    }
}

fn cron(reader: &mut Reader<'_>, item: &Tree, map: &Map) -> Option<TriggerKind> {
    let meant = reader.unknown_keys(map, CRON, "a trigger `cron`");
    let timezone = map.get("timezone").and_then(|entry| reader.text("timezone", entry));
    let missed = map.get("missed").and_then(|entry| reader.choice("missed", entry, &Missed::ALL));
    let overlap = map.get("overlap");
    let overlap = overlap.and_then(|entry| reader.choice("overlap", entry, &Overlap::ALL));
    let Some(entry) = map.get("schedule") else {
        if !meant.contains(&"schedule") {
            let message = "a trigger `cron` has no `schedule`";
            let fault = Diagnostic::error(code::BAD_TRIGGER, item.span, message);
            reader.report(fault.help("write `schedule: \"0 6 * * *\"`"));
        }
        return None;
    };
    let schedule = reader.text("schedule", entry)?;
    let (missed, overlap) = (missed.unwrap_or_default(), overlap.unwrap_or_default());
    Some(TriggerKind::Cron { schedule, timezone, missed, overlap })
}

fn event(reader: &mut Reader<'_>, item: &Tree, map: &Map) -> Option<TriggerKind> {
    let meant = reader.unknown_keys(map, EVENT, "a trigger `event`");
    let component = map.get("component").and_then(|entry| reader.text("component", entry));
    let Some(entry) = map.get("event") else {
        if !meant.contains(&"event") {
            let message = "a trigger `event` has no `event`";
            let fault = Diagnostic::error(code::BAD_TRIGGER, item.span, message);
            reader.report(fault.help("write the event's name, as in `event: click`"));
        }
        return None;
    };
    let event = reader.text("event", entry)?;
    Some(TriggerKind::Event { component, event })
}
