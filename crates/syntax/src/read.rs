//! A tree to a blueprint: the keys of the file itself, each judged on its own.

mod fields;
mod graph;
mod reader;
mod schemas;
mod secrets;
mod settings;
mod triggers;

use blueprint_model::{
    Blueprint, Diagnostic, Source, Span, Spanned, Value, blueprint::OnError, code, id,
    value::Map as JsonMap,
};

use crate::{
    read::reader::Reader,
    yaml::{self, Data, Map, Repair, Tree},
};

const KEYS: &[&str] = &[
    "version",
    "name",
    "description",
    "inputs",
    "state",
    "secrets",
    "triggers",
    "defaults",
    "timeout",
    "concurrency",
    "on_error",
    "blocks",
];

/// The words of `on_error`.
const ON_ERROR: &[(&str, OnError)] = &[("cancel", OnError::Cancel), ("drain", OnError::Drain)];

/// The most blocks at once that a file may ask for.
const MAX_CONCURRENCY: u64 = 100_000;

/// Reads a blueprint file.
///
/// All faults are collected, sorted by place, none of them a consequence of another. Where the text
/// is no YAML, the blueprint is empty and the fault says why; all other faults leave in the
/// blueprint what could be read.
pub fn parse(file: &str, text: &str) -> (Blueprint, Vec<Diagnostic>) {
    let mut document = yaml::load(text, Repair::References);
    let mut blueprint = Blueprint {
        source: Source::new(file, text),
        state: Value::Object(JsonMap::new()),
        ..Blueprint::default()
    };
    let mut faults = std::mem::take(&mut document.faults);
    if let Some(root) = document.root.take() {
        let mut reader = Reader::new(&document, &faults);
        read(&mut reader, root, &mut blueprint);
        faults.append(&mut reader.faults);
    }
    faults.sort_by_key(|fault| (fault.span, fault.code));
    (blueprint, faults)
}

fn read(reader: &mut Reader<'_>, mut root: Tree, blueprint: &mut Blueprint) {
    let Data::Map(map) = &mut root.data else {
        let (span, message) = match root.is_null() {
            true => (Span::new(0, 0), "the file is empty".to_owned()),
            false => (root.span, format!("a blueprint is an object, not {}", root.type_name())),
        };
        reader.report(not_a_blueprint(span, message));
        return;
    };
    if !map.keys().any(|key| KEYS.contains(&key.as_str())) {
        let span = map.values().next().map_or(root.span, |entry| entry.key_span);
        reader.report(not_a_blueprint(span, "no key of this file is one of a blueprint"));
        return;
    }
    let meant = reader.unknown_keys(map, KEYS, "a blueprint");
    version(reader, map);
    name(reader, map, blueprint, meant.contains(&"name"));
    settings(reader, map, blueprint);
    // The checker reports a graph without blocks, at this place.
    blueprint.graph.span = map.get("name").map_or(root.span, |entry| entry.key_span);
    if let Some(entry) = map.swap_remove("blocks") {
        map.clear();
        blueprint.graph = graph::graph(reader, "blocks", entry);
    }
}

fn not_a_blueprint(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code::NOT_A_BLUEPRINT, span, message)
        .help("a blueprint has at least the keys `name` and `blocks`")
}

fn settings(reader: &mut Reader<'_>, map: &Map, blueprint: &mut Blueprint) {
    if let Some(entry) = map.get("description") {
        blueprint.description = reader.text("description", entry).map(|text| text.value);
    }
    if let Some(entry) = map.get("inputs") {
        blueprint.inputs = schemas::inputs(reader, entry);
    }
    if let Some(entry) = map.get("state").filter(|entry| !entry.value.is_null())
        && reader.object("state", entry).is_some()
    {
        blueprint.state = entry.value.to_value();
    }
    if let Some(entry) = map.get("secrets") {
        blueprint.secrets = secrets::secrets(reader, entry);
    }
    if let Some(entry) = map.get("triggers") {
        blueprint.triggers = triggers::triggers(reader, entry);
    }
    if let Some(entry) = map.get("defaults") {
        blueprint.defaults = settings::defaults(reader, entry);
    }
    if let Some(entry) = map.get("timeout") {
        blueprint.timeout = reader.duration("timeout", entry);
    }
    if let Some(entry) = map.get("concurrency") {
        let number = reader.integer("concurrency", entry, 1..=MAX_CONCURRENCY);
        blueprint.concurrency = number.and_then(|number| usize::try_from(number).ok());
    }
    if let Some(entry) = map.get("on_error") {
        blueprint.on_error = reader.choice("on_error", entry, ON_ERROR).unwrap_or_default();
    }
}

fn version(reader: &mut Reader<'_>, map: &Map) {
    let Some(entry) = map.get("version") else { return };
    match &entry.value.data {
        Data::Scalar(value) if *value == 1 => {}
        Data::Scalar(Value::Number(number)) => {
            let message = format!("version {number} of the format is not known");
            let fault = Diagnostic::error(code::BAD_VERSION, entry.place(), message);
            reader.report(fault.help("write `version: 1`, or leave it out"));
        }
        Data::Scalar(_) | Data::Text(_) | Data::List(_) | Data::Map(_) => {
            let fault = reader::wrong_type("version", "the number 1", entry);
            reader.report(fault.help("write `version: 1`, or leave it out"));
        }
    }
}

fn name(reader: &mut Reader<'_>, map: &Map, blueprint: &mut Blueprint, is_meant: bool) {
    let Some(entry) = map.get("name") else {
        if !is_meant {
            let span = map.values().next().map_or(Span::new(0, 0), |entry| entry.key_span);
            let fault = Diagnostic::error(code::BAD_NAME, span, "the blueprint has no `name`");
            reader.report(fault.help("add a line such as `name: city-weather`"));
        }
        return;
    };
    if entry.value.is_null() {
        let fault = Diagnostic::error(code::BAD_NAME, entry.key_span, "`name` is empty");
        reader.report(fault.help("write a name such as `city-weather`"));
        return;
    }
    let Some(name) = reader.text("name", entry) else { return };
    if id::is_blueprint_name(&name.value) {
        blueprint.name = name;
        return;
    }
    let message = format!("`{}` cannot be the name of a blueprint", reader::short(&name.value));
    let fault = Diagnostic::error(code::BAD_NAME, name.span, message);
    let better = respelled(&name.value, '-');
    reader.report(if id::is_blueprint_name(&better) {
        fault
            .help(format!("write `{better}`: small letters, digits and `-`"))
            .fix(name.span, better)
    } else {
        fault.help("a name is made of small letters, digits and `-`, and begins with a letter")
    });
    blueprint.name = Spanned::new(name.value, name.span);
}

/// Returns a text in small letters with `joint` between its words: `CityWeather` → `city-weather`.
fn respelled(text: &str, joint: char) -> String {
    let mut spelled = String::new();
    let mut was_small = false;
    for c in text.trim().chars() {
        if c.is_ascii_uppercase() && was_small {
            spelled.push(joint);
        }
        was_small = c.is_ascii_lowercase() || c.is_ascii_digit();
        if c.is_ascii_alphanumeric() {
            spelled.push(c.to_ascii_lowercase());
        } else if !spelled.is_empty() && !spelled.ends_with(joint) {
            spelled.push(joint);
        }
    }
    spelled.trim_end_matches(joint).trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
