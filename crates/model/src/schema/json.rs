//! A schema as JSON Schema, for programs and forms.

use serde_json::{Map, Value, json};

use super::{Schema, SchemaType};

/// Returns the schema as JSON Schema.
pub fn to_json(schema: &Schema) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            map.insert(key.into(), value);
        }
    };
    put(
        "type",
        match schema.types.as_slice() {
            [] => Value::Null,
            [one] => one.as_str().into(),
            several => several.iter().map(|kind| kind.as_str()).collect(),
        },
    );
    put("title", json!(schema.title));
    put("description", json!(schema.description));
    // A default of null is one too, and says nothing.
    put("default", json!(schema.default));
    if !schema.allowed.is_empty() {
        put("enum", schema.allowed.iter().cloned().collect());
    }
    put("minimum", json!(schema.minimum));
    put("maximum", json!(schema.maximum));
    let (least, most) = match schema.types.contains(&SchemaType::Array) {
        true => ("minItems", "maxItems"),
        false => ("minLength", "maxLength"),
    };
    put(least, json!(schema.min_length));
    put(most, json!(schema.max_length));
    put("pattern", json!(schema.pattern.as_ref().map(super::Pattern::as_str)));
    put("format", json!(schema.format.map(super::Format::as_str)));
    put("items", schema.items.as_deref().map_or(Value::Null, to_json));
    if !schema.properties.is_empty() {
        let pairs = schema.properties.iter().map(|(name, inner)| (name.clone(), to_json(inner)));
        put("properties", Value::Object(pairs.collect()));
    }
    if !schema.required.is_empty() {
        put("required", json!(schema.required));
    }
    if schema.closed {
        put("additionalProperties", false.into());
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_in_it_and_nothing_else() {
        assert_eq!(to_json(&Schema::default()), json!({}));
        let city = Schema {
            types: vec![SchemaType::String],
            default: Some(json!("Oslo")),
            min_length: Some(1),
            ..Schema::default()
        };
        let list = Schema {
            types: vec![SchemaType::Array, SchemaType::Null],
            max_length: Some(3),
            items: Some(Box::new(city.clone())),
            ..Schema::default()
        };
        let all = Schema {
            types: vec![SchemaType::Object],
            properties: [("city".to_owned(), city), ("list".to_owned(), list)].into(),
            required: vec!["city".into()],
            closed: true,
            ..Schema::default()
        };
        let city = json!({"type": "string", "default": "Oslo", "minLength": 1});
        let expected = json!({
            "type": "object",
            "properties": {
                "city": city,
                "list": {"type": ["array", "null"], "maxItems": 3, "items": city},
            },
            "required": ["city"],
            "additionalProperties": false,
        });
        assert_eq!(to_json(&all), expected);
    }
}
