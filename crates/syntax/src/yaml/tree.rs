//! The tree that a YAML text becomes: values with the places of all their parts.

use blueprint_model::{Span, Value};
use indexmap::IndexMap;
use saphyr_parser::ScalarStyle;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// Where it stands in the file; empty where nothing is written.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) data: Data,
}

/// The shapes of a value.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// `null`, a boolean or a number.
    Scalar(Value),
    /// Text.
    Text(Raw),
    /// A list.
    List(Vec<Tree>),
    /// An object.
    Map(Map),
}

/// The entries of an object, in file order.
pub(crate) type Map = IndexMap<String, Entry>;

/// A key's place and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Where the key stands.
    pub(crate) key_span: Span,
    /// The value.
    pub(crate) value: Tree,
}

/// A text as it stands in the (repaired) source.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    /// What YAML gave.
    pub(crate) value: String,
    /// How it is written.
    pub(crate) style: ScalarStyle,
    /// Where it begins: the opening quote, or the first character of a block's content.
    pub(crate) start: usize,
    /// Where it ends: behind the closing quote.
    pub(crate) end: usize,
}

impl Entry {
    /// Returns the place of the value, or of the key where no value is written.
    pub(crate) fn place(&self) -> Span {
        if self.value.span.start == self.value.span.end { self.key_span } else { self.value.span }
    }
}

impl Tree {
    /// Returns the words for its type in messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.data {
            Data::Scalar(Value::Null) => "nothing",
            Data::Scalar(Value::Bool(_)) => "a boolean",
            Data::Scalar(_) => "a number",
            Data::Text(_) => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "an object",
        }
    }

    /// Returns whether there is no value, or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.data, Data::Scalar(Value::Null))
    }

    /// Returns the text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(raw) => Some(&raw.value),
            Data::Scalar(_) | Data::List(_) | Data::Map(_) => None,
        }
    }

    /// Returns the value without places. Recursion is bounded by the depth of a document.
    pub(crate) fn to_value(&self) -> Value {
        match &self.data {
            Data::Scalar(value) => value.clone(),
            Data::Text(raw) => Value::from(raw.value.as_str()),
            Data::List(items) => items.iter().map(Self::to_value).collect(),
            Data::Map(map) => Value::Object(
                map.iter().map(|(key, entry)| (key.clone(), entry.value.to_value())).collect(),
            ),
        }
    }
}

impl Raw {
    /// Returns whether it is written without quotes.
    pub(crate) fn is_plain(&self) -> bool {
        self.style == ScalarStyle::Plain
    }
}
