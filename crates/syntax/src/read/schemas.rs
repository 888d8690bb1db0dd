//! The JSON-Schema subset of `inputs` and `expect`.

use std::{collections::BTreeSet, fmt};

use blueprint_model::{
    Diagnostic, Span, Value, code,
    schema::{self, Format, Pattern, Schema, SchemaType},
};

use crate::{
    read::reader::{self, Reader},
    yaml::{Data, Entry, Map, Tree},
};

const KEYS: &[&str] = &[
    "type",
    "title",
    "description",
    "default",
    "required",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
    "items",
    "properties",
    "additionalProperties",
];

/// Reads `inputs`: an object schema with one property for each input.
pub(crate) fn inputs(reader: &mut Reader<'_>, entry: &Entry) -> Schema {
    let mut schema =
        Schema { types: vec![SchemaType::Object], span: entry.place(), ..Schema::default() };
    if entry.value.is_null() {
        return schema;
    }
    if let Some(map) = reader.object("inputs", entry) {
        properties(reader, map, &mut schema);
    }
    schema
}

/// Reads a schema. Recursion is bounded by the depth of a document.
pub(crate) fn schema(reader: &mut Reader<'_>, name: &str, entry: &Entry) -> Schema {
    property(reader, name, &entry.value, entry.place()).0
}

fn properties(reader: &mut Reader<'_>, map: &Map, schema: &mut Schema) {
    let known: BTreeSet<String> = schema.required.iter().cloned().collect();
    for (name, entry) in map {
        if reader.is_full() {
            break;
        }
        let (property, is_required) = property(reader, name, &entry.value, entry.place());
        schema.properties.insert(name.clone(), property);
        if is_required && !known.contains(name) {
            schema.required.push(name.clone());
        }
    }
}

/// Reads one schema; returns whether it says `required: true` about itself.
fn property(reader: &mut Reader<'_>, name: &str, tree: &Tree, place: Span) -> (Schema, bool) {
    let mut schema = Schema { span: place, ..Schema::default() };
    let map = match &tree.data {
        Data::Map(map) => map,
        Data::Scalar(Value::Null) => return (schema, false),
        Data::Scalar(_) | Data::Text(_) | Data::List(_) => {
            reader.report(no_schema(name, tree, place));
            return (schema, false);
        }
    };
    reader.unknown_keys(map, KEYS, "a schema");
    let faults_before = reader.faults.len();
    words(reader, map, &mut schema);
    bounds(reader, map, &mut schema);
    let is_required = required(reader, map, &mut schema);
    if let Some(entry) = map.get("items") {
        let items = property(reader, "items", &entry.value, entry.place()).0;
        schema.items = Some(Box::new(items));
    }
    if let Some(entry) = map.get("properties")
        && let Some(map) = reader.object("properties", entry)
    {
        properties(reader, map, &mut schema);
    }
    if let Some(entry) = map.get("additionalProperties") {
        schema.closed = reader.boolean("additionalProperties", entry) == Some(false);
    }
    if reader.faults.len() == faults_before {
        contradictions(reader, name, map, &schema);
    }
    schema.default = map.get("default").map(|entry| entry.value.to_value());
    (schema, is_required)
}

fn no_schema(name: &str, tree: &Tree, place: Span) -> Diagnostic {
    let fault = reader::wrong_type_at(name, "an object that describes a value", tree, place);
    match tree.as_text().filter(|text| SchemaType::parse(text).is_some()) {
        Some(kind) => {
            let better = format!("{{type: {kind}}}");
            fault.help(format!("write `{better}`")).fix(place, better)
        }
        None => fault.help("write `{type: string}`, or with a value `{default: …}`"),
    }
}

fn words(reader: &mut Reader<'_>, map: &Map, schema: &mut Schema) {
    if let Some(entry) = map.get("type") {
        schema.types = types(reader, entry);
    }
    if let Some(entry) = map.get("title") {
        schema.title = reader.text("title", entry).map(|text| text.value);
    }
    if let Some(entry) = map.get("description") {
        schema.description = reader.text("description", entry).map(|text| text.value);
    }
    if let Some(entry) = map.get("enum") {
        let items = reader.list("enum", entry).unwrap_or_default();
        schema.allowed = items.iter().map(Tree::to_value).collect();
        if matches!(&entry.value.data, Data::List(items) if items.is_empty()) {
            let fault = Diagnostic::error(code::BAD_SCHEMA, entry.place(), "`enum` allows nothing");
            reader.report(fault.help("list the values that are allowed"));
        }
    }
    if let Some(entry) = map.get("pattern")
        && let Some(text) = reader.text("pattern", entry)
    {
        match Pattern::parse(&text.value) {
            Ok(pattern) => schema.pattern = Some(pattern),
            Err(err) => {
                let message = format!("the pattern cannot be read: {err}");
                let fault = Diagnostic::error(code::BAD_SCHEMA, text.span, message);
                reader.report(fault.help("write a regular expression, best in single quotes"));
            }
        }
    }
    if let Some(entry) = map.get("format") {
        schema.format = reader.choice("format", entry, &Format::ALL);
    }
}

fn types(reader: &mut Reader<'_>, entry: &Entry) -> Vec<SchemaType> {
    let Data::List(items) = &entry.value.data else {
        let null = matches!(&entry.value.data, Data::Scalar(Value::Null));
        if null && entry.value.span.start != entry.value.span.end {
            return vec![SchemaType::Null];
        }
        return reader.choice("type", entry, &SchemaType::ALL).into_iter().collect();
    };
    let mut types = Vec::new();
    for item in items {
        let item = Entry { key_span: item.span, value: item.clone() };
        let is_null = item.value.is_null();
        let kind = is_null.then_some(SchemaType::Null);
        types.extend(kind.or_else(|| reader.choice("type", &item, &SchemaType::ALL)));
    }
    types
}

fn bounds(reader: &mut Reader<'_>, map: &Map, schema: &mut Schema) {
    let mut number = |name: &str| {
        let entry = map.get(name)?;
        match &entry.value.data {
            Data::Scalar(Value::Number(number)) => number.as_f64(),
            Data::Scalar(_) | Data::Text(_) | Data::List(_) | Data::Map(_) => {
                let fault = reader::wrong_type(name, "a number", entry);
                reader.report(fault.help("write it without quotes or unit"));
                None
            }
        }
    };
    schema.minimum = number("minimum");
    schema.maximum = number("maximum");
    let mut length = |name: &str| {
        let entry = map.get(name)?;
        let number = reader.integer(name, entry, 0..=u64::from(u32::MAX))?;
        usize::try_from(number).ok()
    };
    schema.min_length = length("minLength").or_else(|| length("minItems"));
    schema.max_length = length("maxLength").or_else(|| length("maxItems"));
}

/// Reads `required`: of an input or a property whether it must be there, else a list of keys.
fn required(reader: &mut Reader<'_>, map: &Map, schema: &mut Schema) -> bool {
    let Some(entry) = map.get("required") else { return false };
    if !matches!(entry.value.data, Data::List(_)) {
        return reader.boolean("required", entry).unwrap_or(false);
    }
    let mut known = BTreeSet::new();
    for key in reader.texts("required", entry) {
        if known.insert(key.value.clone()) {
            schema.required.push(key.value);
        }
    }
    false
}

/// Reports what no value can satisfy, and a default that does not.
fn contradictions(reader: &mut Reader<'_>, name: &str, map: &Map, schema: &Schema) {
    let place = |key: &str| map.get(key).map_or(schema.span, Entry::place);
    if schema.minimum.zip(schema.maximum).is_some_and(|(min, max)| min > max) {
        let message = "`minimum` is greater than `maximum`";
        let fault = Diagnostic::error(code::BAD_SCHEMA, place("minimum"), message);
        reader.report(fault.help("exchange the two"));
    }
    if schema.min_length.zip(schema.max_length).is_some_and(|(min, max)| min > max) {
        let key = if map.contains_key("minLength") { "minLength" } else { "minItems" };
        let message = "the shortest length is greater than the longest";
        let fault = Diagnostic::error(code::BAD_SCHEMA, place(key), message);
        reader.report(fault.help("exchange the two"));
    }
    let Some(entry) = map.get("default") else { return };
    let misfits = schema::check(schema, &entry.value.to_value());
    if let Some(misfit) = misfits.first() {
        let name = reader::short(name);
        let message = format!("the default of `{name}` {}{}", Path(&misfit.path), misfit.message);
        let fault = Diagnostic::error(code::BAD_SCHEMA, entry.place(), message);
        reader.report(fault.help("change the default, or what is asked of it"));
    }
}

/// Shows the path of a misfit inside of a value.
struct Path<'p>(&'p str);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            path => write!(f, "at `{}` ", path.trim_start_matches('.')),
        }
    }
}
