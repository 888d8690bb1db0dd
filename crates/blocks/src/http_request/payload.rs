//! What a request carries: text, JSON or a form, with handles still in it.

use blueprint_model::{
    BlockError, Value,
    value::{self, Map},
};

use crate::http_request::target::{encode_pairs, percent_encode};

/// What a request carries.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Payload {
    /// Text, and how a secret's value is written in it.
    Text(String, Spelling),
    /// A value to send as JSON.
    Json(Value),
}

/// How a secret's value is written in a text, so that it cannot break out of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it is.
    Plain,
    /// Inside a JSON string.
    Json,
    /// Percent-encoded, as in a form.
    Form,
}

impl Spelling {
    /// Returns a value as it is written.
    pub(super) fn write(self, value: &str) -> String {
        match self {
            Self::Plain => value.into(),
            Self::Form => percent_encode(value),
            Self::Json => {
                let quoted = Value::from(value).to_string();
                quoted[1..quoted.len() - 1].into()
            }
        }
    }
}

impl Payload {
    /// Reads the `body` field, given the author's content type.
    pub(super) fn read(body: &Value, content_type: Option<&str>) -> Result<Self, BlockError> {
        let is_form = content_type.is_some_and(is_form);
        match body {
            Value::String(text) if is_form => Ok(Self::Text(text.clone(), Spelling::Form)),
            Value::String(text) if content_type.is_some_and(is_json) => {
                Ok(Self::Text(text.clone(), Spelling::Json))
            }
            Value::String(text) => Ok(Self::Text(text.clone(), Spelling::Plain)),
            Value::Object(map) if is_form => {
                Ok(Self::Text(encode_pairs(&pairs("body", map)?), Spelling::Form))
            }
            other => Ok(Self::Json(other.clone())),
        }
    }

    /// Returns the content type where the author gives none.
    pub(super) fn content_type(&self) -> &'static str {
        match self {
            Self::Text(..) => "text/plain; charset=utf-8",
            Self::Json(_) => "application/json",
        }
    }
}

/// Returns the names and texts of an object of texts; a list gives its name several times and null
/// leaves it out.
pub(super) fn pairs(
    field: &str,
    map: &Map<String, Value>,
) -> Result<Vec<(String, String)>, BlockError> {
    let mut pairs = Vec::new();
    for (name, value) in map {
        let values = match value {
            Value::Array(list) => list.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values {
            if value.is_array() || value.is_object() {
                let kind = value::type_name(value);
                let wanted = "must be text or a list of texts";
                let message = format!("`{field}.{name}` {wanted}, not {kind}");
                return Err(BlockError::permanent(message));
            }
            if let Some(text) = value::to_text(value) {
                pairs.push((name.clone(), text));
            }
        }
    }
    Ok(pairs)
}

/// Returns whether a content type means JSON.
pub(super) fn is_json(content_type: &str) -> bool {
    let kind = essence(content_type);
    kind == "application/json" || kind.ends_with("+json")
}

fn is_form(content_type: &str) -> bool {
    essence(content_type) == "application/x-www-form-urlencoded"
}

fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(body: &Value, content_type: Option<&str>, expected: Payload) {
        assert_eq!(Payload::read(body, content_type), Ok(expected));
    }

    #[test]
    fn the_content_type_decides_how_a_body_is_written() {
        let form = Some("application/x-www-form-urlencoded; charset=utf-8");
        check(&json!("a"), None, Payload::Text("a".into(), Spelling::Plain));
        check(&json!("a"), Some("text/xml"), Payload::Text("a".into(), Spelling::Plain));
        check(&json!("a"), Some("Application/JSON"), Payload::Text("a".into(), Spelling::Json));
        check(&json!("a"), Some("application/a+json"), Payload::Text("a".into(), Spelling::Json));
        check(&json!("a=b"), form, Payload::Text("a=b".into(), Spelling::Form));
        let object = json!({"a": [1, "x y"], "b": null, "c": true});
        check(&object, None, Payload::Json(object.clone()));
        check(&object, form, Payload::Text("a=1&a=x%20y&c=true".into(), Spelling::Form));
        check(&json!([1]), form, Payload::Json(json!([1])));
    }

    #[test]
    fn nested_values_are_no_texts() {
        let nested = json!({"a": {"b": 1}});
        let err = pairs("query", nested.as_object().unwrap()).unwrap_err();
        assert_eq!(err.message, "`query.a` must be text or a list of texts, not object");
    }

    #[test]
    fn values_cannot_break_out() {
        assert_eq!(Spelling::Json.write("a\"b\\c\n"), r#"a\"b\\c\n"#);
        assert_eq!(Spelling::Form.write("a&b=c"), "a%26b%3Dc");
        assert_eq!(Spelling::Plain.write("a&\""), "a&\"");
    }
}
