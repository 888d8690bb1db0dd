//! The JSON-Schema subset of `inputs` and `expect`, and the check of a value against it.

mod json;

use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::{
    diagnostic::Span,
    value::{self, Value},
};

pub use self::json::to_json;

/// The type a schema asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
    /// Nothing.
    Null,
}

impl SchemaType {
    /// Every type with its name in a file.
    pub const ALL: [(&'static str, Self); 7] = [
        ("string", Self::String),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("array", Self::Array),
        ("object", Self::Object),
        ("null", Self::Null),
    ];

    /// Returns the type with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Returns the name in a file.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("string", |(name, _)| name)
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
            }
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
            Self::Null => value.is_null(),
        }
    }
}

/// A well-known text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-24`.
    Date,
    /// `2026-11-24T12:00:00Z`.
    DateTime,
    /// Something with one `@` and a dot after it.
    Email,
    /// An absolute URI.
    Uri,
    /// A UUID.
    Uuid,
}

impl Format {
    /// Every format with its name in a file.
    pub const ALL: [(&'static str, Self); 5] = [
        ("date", Self::Date),
        ("date-time", Self::DateTime),
        ("email", Self::Email),
        ("uri", Self::Uri),
        ("uuid", Self::Uuid),
    ];

    /// Returns the format with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Returns the name in a file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Uuid => "uuid",
        }
    }

    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Date => text.parse::<jiff::civil::Date>().is_ok(),
            Self::DateTime => text.parse::<jiff::Timestamp>().is_ok(),
            Self::Email => text.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)
            }),
            Self::Uri => text.split_once(':').is_some_and(|(scheme, rest)| {
                !rest.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+')
            }),
            Self::Uuid => {
                text.len() == 36
                    && text.char_indices().all(|(at, c)| match at {
                        8 | 13 | 18 | 23 => c == '-',
                        _ => c.is_ascii_hexdigit(),
                    })
            }
        }
    }
}

/// What a value must look like.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schema {
    /// Accepted types; empty accepts all.
    pub types: Vec<SchemaType>,
    /// A short name for a form.
    pub title: Option<String>,
    /// A sentence for a form.
    pub description: Option<String>,
    /// The value when none is given.
    pub default: Option<Value>,
    /// Accepted values.
    pub allowed: Vec<Value>,
    /// Smallest number.
    pub minimum: Option<f64>,
    /// Largest number.
    pub maximum: Option<f64>,
    /// Shortest text, or list, in characters or items.
    pub min_length: Option<usize>,
    /// Longest text, or list, in characters or items.
    pub max_length: Option<usize>,
    /// A regular expression that a text must contain a match of.
    pub pattern: Option<Pattern>,
    /// A well-known text format.
    pub format: Option<Format>,
    /// What each item of a list must look like.
    pub items: Option<Box<Self>>,
    /// What each key of an object must look like.
    pub properties: IndexMap<String, Self>,
    /// Keys an object must have.
    pub required: Vec<String>,
    /// Whether an object may have keys that `properties` does not name.
    pub closed: bool,
    /// Where it was written.
    pub span: Span,
}

/// A compiled pattern; equality and display are those of its source.
#[derive(Debug, Clone)]
pub struct Pattern(regex_lite::Regex);

/// Most memory of a compiled pattern: one of 1,000 repeated letters takes a tenth.
const MAX_PATTERN_BYTES: usize = 256 << 10;

impl Pattern {
    /// Compiles a pattern; the error says what is wrong with it.
    ///
    /// Matching takes time linear in the text, whatever the pattern.
    pub fn parse(source: &str) -> Result<Self, String> {
        let built = regex_lite::RegexBuilder::new(source).size_limit(MAX_PATTERN_BYTES).build();
        built.map(Self).map_err(|err| err.to_string())
    }

    /// Returns the source.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// A place in a value that does not fit a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The path from the root of the value: empty, or `.city[2]`.
    pub path: String,
    /// What is wrong there; quotes no value.
    pub message: String,
}

/// Returns everything in `value` that does not fit `schema`.
pub fn check(schema: &Schema, value: &Value) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    check_at(schema, value, &mut String::new(), &mut misfits);
    misfits
}

/// Returns `value` with the defaults of absent properties filled in.
pub fn with_defaults(schema: &Schema, mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        for (name, property) in &schema.properties {
            match map.get_mut(name) {
                Some(inner) => *inner = with_defaults(property, inner.take()),
                None => {
                    if let Some(default) = &property.default {
                        map.insert(name.clone(), default.clone());
                    }
                }
            }
        }
    }
    value
}

fn check_at(schema: &Schema, value: &Value, path: &mut String, misfits: &mut Vec<Misfit>) {
    let mut report = |message: String| misfits.push(Misfit { path: path.clone(), message });
    if !schema.types.is_empty() && !schema.types.iter().any(|kind| kind.accepts(value)) {
        let names: Vec<&str> = schema.types.iter().map(|kind| kind.as_str()).collect();
        report(format!("must be {}, not {}", names.join(" or "), value::type_name(value)));
        return;
    }
    if !schema.allowed.is_empty() && !schema.allowed.contains(value) {
        let allowed: Vec<String> = schema.allowed.iter().map(Value::to_string).collect();
        report(format!("must be one of {}", allowed.join(", ")));
    }
    match value {
        Value::Number(number) => check_number(schema, number.as_f64(), &mut report),
        Value::String(text) => check_text(schema, text, &mut report),
        Value::Array(list) => check_list(schema, list, path, misfits),
        Value::Object(map) => check_object(schema, map, path, misfits),
        Value::Null | Value::Bool(_) => {}
    }
}

fn check_number(schema: &Schema, number: Option<f64>, report: &mut impl FnMut(String)) {
    let Some(number) = number else { return };
    if let Some(minimum) = schema.minimum.filter(|minimum| number < *minimum) {
        report(format!("must be at least {minimum}"));
    }
    if let Some(maximum) = schema.maximum.filter(|maximum| number > *maximum) {
        report(format!("must be at most {maximum}"));
    }
}

fn check_text(schema: &Schema, text: &str, report: &mut impl FnMut(String)) {
    check_length(schema, text.chars().count(), "characters", report);
    if let Some(pattern) = schema.pattern.as_ref().filter(|pattern| !pattern.0.is_match(text)) {
        report(format!("must match `{}`", pattern.as_str()));
    }
    if let Some(format) = schema.format.filter(|format| !format.accepts(text)) {
        let name = Format::ALL.iter().find(|(_, known)| *known == format).map_or("", |(n, _)| n);
        report(format!("must be a valid {name}"));
    }
}

fn check_length(schema: &Schema, len: usize, unit: &str, report: &mut impl FnMut(String)) {
    if let Some(min) = schema.min_length.filter(|min| len < *min) {
        report(format!("must have at least {min} {unit}"));
    }
    if let Some(max) = schema.max_length.filter(|max| len > *max) {
        report(format!("must have at most {max} {unit}"));
    }
}

fn check_list(schema: &Schema, list: &[Value], path: &mut String, misfits: &mut Vec<Misfit>) {
    check_length(schema, list.len(), "items", &mut |message| {
        misfits.push(Misfit { path: path.clone(), message });
    });
    let Some(items) = &schema.items else { return };
    for (index, item) in list.iter().enumerate() {
        within(path, format_args!("[{index}]"), |path| check_at(items, item, path, misfits));
    }
}

fn check_object(
    schema: &Schema,
    map: &value::Map<String, Value>,
    path: &mut String,
    misfits: &mut Vec<Misfit>,
) {
    for name in schema.required.iter().filter(|name| !map.contains_key(name.as_str())) {
        let path = format!("{path}.{name}");
        misfits.push(Misfit { path, message: "is missing".into() });
    }
    for (name, item) in map {
        match schema.properties.get(name) {
            Some(property) => within(path, format_args!(".{name}"), |path| {
                check_at(property, item, path, misfits);
            }),
            None if schema.closed => {
                let path = format!("{path}.{name}");
                misfits.push(Misfit { path, message: "is not known here".into() });
            }
            None => {}
        }
    }
}

fn within(path: &mut String, part: std::fmt::Arguments<'_>, visit: impl FnOnce(&mut String)) {
    let len = path.len();
    // Writing to a `String` cannot fail.
    let _ = path.write_fmt(part);
    visit(path);
    path.truncate(len);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(kind: SchemaType) -> Schema {
        Schema { types: vec![kind], ..Schema::default() }
    }

    #[track_caller]
    fn check_misfits(schema: &Schema, value: &Value, expected: &[&str]) {
        let misfits: Vec<String> =
            check(schema, value).iter().map(|m| format!("{} {}", m.path, m.message)).collect();
        assert_eq!(misfits, expected);
    }

    #[test]
    fn every_misfit_has_its_path() {
        let mut city = schema(SchemaType::Object);
        city.properties.insert("name".into(), schema(SchemaType::String));
        city.required = vec!["name".into(), "zip".into()];
        let mut cities = schema(SchemaType::Array);
        cities.items = Some(Box::new(city));
        check_misfits(
            &cities,
            &json!([{"name": 1, "zip": 2}, {"name": "Oslo"}]),
            &["[0].name must be string, not integer", "[1].zip is missing"],
        );
    }

    #[test]
    fn numbers_and_texts_have_bounds() {
        let mut number = schema(SchemaType::Integer);
        number.minimum = Some(1.0);
        check_misfits(&number, &json!(0), &[" must be at least 1"]);
        check_misfits(&number, &json!(1.5), &[" must be integer, not number"]);
        check_misfits(&number, &json!(2.0), &[]);
        let mut text = schema(SchemaType::String);
        text.pattern = Some(Pattern::parse("^a+$").unwrap());
        text.format = Some(Format::Date);
        check_misfits(&text, &json!("b"), &[" must match `^a+$`", " must be a valid date"]);
    }

    #[test]
    fn defaults_fill_absent_properties() {
        let mut outer = schema(SchemaType::Object);
        let units = Schema { default: Some(json!("metric")), ..Schema::default() };
        outer.properties.insert("units".into(), units);
        assert_eq!(with_defaults(&outer, json!({})), json!({"units": "metric"}));
        assert_eq!(with_defaults(&outer, json!({"units": 1})), json!({"units": 1}));
    }
}
