//! What the page about the API shows of an `OpenAPI` document: routes by sort, with their parameters,
//! bodies and answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How deep objects in bodies are shown.
const MAX_DEPTH: usize = 3;
/// The methods, in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The routes of one sort of thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sort {
    /// Its name.
    pub(super) name: String,
    /// What it is about.
    pub(super) text: String,
    /// Its routes, in the order of the document.
    pub(super) routes: Vec<Route>,
}

/// A route.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    /// The method, in capital letters.
    pub(super) method: String,
    /// The path, with `{names}`.
    pub(super) path: String,
    /// What it does, in a line.
    pub(super) summary: String,
    /// What it does, at length.
    pub(super) text: String,
    /// What it is told beside the body.
    pub(super) parameters: Vec<Field>,
    /// The body it takes.
    pub(super) body: Option<Body>,
    /// Its answers: status, words, and what is in them.
    pub(super) answers: Vec<(String, String, Vec<Field>)>,
}

/// A body that a route takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Body {
    /// What kind of text it is.
    pub(super) kind: String,
    /// What is in it.
    pub(super) fields: Vec<Field>,
    /// One that fits.
    pub(super) example: Value,
}

/// A parameter, or a field of a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// Its name; of a field in another, with the path to it.
    pub(super) name: String,
    /// Where a parameter stands: `path`, `query` or `header`.
    pub(super) place: String,
    /// What it may be.
    pub(super) kind: String,
    /// Whether it must be there.
    pub(super) is_required: bool,
    /// What it is for.
    pub(super) text: String,
}

/// Reads a document.
pub(super) fn read(document: &Value) -> Vec<Sort> {
    let reader = Reader { document };
    let tags = document["tags"].as_array().into_iter().flatten();
    let mut sorts: Vec<Sort> = tags
        .map(|tag| Sort {
            name: text(&tag["name"]),
            text: text(&tag["description"]),
            routes: Vec::new(),
        })
        .collect();
    for (path, methods) in object(&document["paths"]) {
        for method in METHODS {
            let Some(operation) = methods.get(method) else { continue };
            let route = reader.route(method, path, methods, operation);
            let sort = operation["tags"][0].as_str().unwrap_or("other");
            match sorts.iter_mut().find(|known| known.name == sort) {
                Some(known) => known.routes.push(route),
                None => {
                    sorts.push(Sort {
                        name: sort.into(),
                        text: String::new(),
                        routes: vec![route],
                    });
                }
            }
        }
    }
    sorts.retain(|sort| !sort.routes.is_empty());
    sorts
}

struct Reader<'d> {
    document: &'d Value,
}

impl<'d> Reader<'d> {
    fn route(&self, method: &str, path: &str, shared: &Value, operation: &Value) -> Route {
        let lists = [&shared["parameters"], &operation["parameters"]];
        let parameters = lists.into_iter().filter_map(Value::as_array).flatten();
        let answers = object(&operation["responses"]).map(|(status, answer)| {
            let answer = self.follow(answer);
            let fields = content(answer).map(|(_, schema)| self.fields(schema));
            (status.clone(), text(&answer["description"]), fields.unwrap_or_default())
        });
        let body = content(self.follow(&operation["requestBody"])).map(|(kind, schema)| Body {
            kind: kind.into(),
            fields: self.fields(schema),
            example: self.example(schema, 0),
        });
        Route {
            method: method.to_uppercase(),
            path: path.into(),
            summary: text(&operation["summary"]),
            text: text(&operation["description"]),
            parameters: parameters.map(|it| self.parameter(self.follow(it))).collect(),
            body,
            answers: answers.collect(),
        }
    }

    fn parameter(&self, parameter: &Value) -> Field {
        Field {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            kind: self.kind(&parameter["schema"]),
            is_required: parameter["required"] == Value::Bool(true),
            text: text(&parameter["description"]),
        }
    }

    /// Returns what a reference means; anything else as it is.
    fn follow<'v>(&self, value: &'v Value) -> &'v Value
    where
        'd: 'v,
    {
        let mut found = value;
        // A document of ours has no circles of references alone; a bound costs nothing.
        for _ in 0..MAX_DEPTH {
            let Some(path) = found["$ref"].as_str().and_then(|it| it.strip_prefix('#')) else {
                break;
            };
            found = self.document.pointer(path).unwrap_or(&Value::Null);
        }
        found
    }

    fn fields(&self, schema: &Value) -> Vec<Field> {
        let mut found = Vec::new();
        self.collect("", schema, 0, &mut found);
        found
    }

    fn collect(&self, above: &str, schema: &Value, depth: usize, found: &mut Vec<Field>) {
        let schema = self.follow(schema);
        if depth >= MAX_DEPTH {
            return;
        }
        if let Some(items) = schema.get("items") {
            return self.collect(&format!("{above}[]"), items, depth + 1, found);
        }
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(above, part, depth, found);
        }
        for (name, property) in object(&schema["properties"]) {
            let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
            let inner = self.follow(property);
            let words = [&property["description"], &inner["description"]];
            found.push(Field {
                name: path.clone(),
                place: String::new(),
                kind: self.kind(property),
                is_required: required.contains(&name.as_str()),
                text: words.into_iter().map(text).find(|it| !it.is_empty()).unwrap_or_default(),
            });
            self.collect(&path, property, depth + 1, found);
        }
    }

    /// Returns what a value may be, in words.
    fn kind(&self, schema: &Value) -> String {
        let schema = self.follow(schema);
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<String> = values.iter().map(shown).collect();
            return values.join(" | ");
        }
        let choices = [&schema["oneOf"], &schema["anyOf"]];
        if let Some(choices) = choices.into_iter().find_map(Value::as_array) {
            let mut kinds: Vec<String> = choices.iter().map(|it| self.kind(it)).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
        let word = match &schema["type"] {
            Value::String(word) => word.clone(),
            Value::Array(words) => words.iter().map(shown).collect::<Vec<_>>().join(" or "),
            _ => "any".into(),
        };
        match (word.as_str(), schema["format"].as_str()) {
            ("array", _) => format!("list of {}", self.kind(&schema["items"])),
            (word, Some(format)) if word == "string" => format!("{word} ({format})"),
            (word, _) => word.to_owned(),
        }
    }

    /// Returns a value that fits: the schema's own example, else one made from it.
    fn example(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.follow(schema);
        for known in ["example", "default"] {
            if let Some(value) = schema.get(known) {
                return value.clone();
            }
        }
        if let Some(value) = schema["examples"].get(0).or_else(|| schema["enum"].get(0)) {
            return value.clone();
        }
        let word = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
        match word {
            Some("object") | None if depth < MAX_DEPTH => {
                let required = schema["required"].as_array().into_iter().flatten();
                let required = required.filter_map(Value::as_str);
                let pair = |name: &str| {
                    (name.to_owned(), self.example(&schema["properties"][name], depth + 1))
                };
                Value::Object(required.map(pair).collect::<Map<_, _>>())
            }
            Some("array") => Value::Array(Vec::new()),
            Some("string") => "text".into(),
            Some("integer" | "number") => 1.into(),
            Some("boolean") => true.into(),
            Some(_) | None => Value::Null,
        }
    }
}

/// Returns the first kind of content and its schema.
fn content(value: &Value) -> Option<(&str, &Value)> {
    let (kind, content) = value["content"].as_object()?.iter().next()?;
    Some((kind, &content["schema"]))
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the values of a route's path, as they stand in an example.
pub(super) fn example_path(path: &str, known: &BTreeMap<&str, &str>) -> String {
    let parts = path.split('/').map(|part| {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        match name {
            Some(name) => known.get(name).map_or_else(|| name.to_uppercase(), |it| (*it).into()),
            None => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "tags": [{"name": "runs", "description": "What ran."}, {"name": "empty"}],
            "paths": {"/runs/{run}": {
                "get": {
                    "tags": ["runs"], "summary": "Where it stands",
                    "parameters": [{"name": "run", "in": "path", "required": true, "schema": {"type": "string"}}],
                    "responses": {"200": {"description": "It", "content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Run"}}}}},
                },
                "post": {
                    "responses": {},
                    "requestBody": {"content": {"application/json": {"schema": {
                        "type": "object", "required": ["value"],
                        "properties": {
                            "value": {"type": "string", "description": "The value"},
                            "force": {"type": "boolean"},
                        },
                    }}}},
                },
            }},
            "components": {"schemas": {"Run": {
                "type": "object", "required": ["status"],
                "properties": {
                    "status": {"type": "string", "enum": ["running", "failed"]},
                    "error": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Error"}]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Error"}},
                },
            }, "Error": {"type": "object", "properties": {"message": {"type": "string"}}}}},
        })
    }

    #[test]
    fn routes_are_sorted_by_tag_and_references_are_followed() {
        let sorts = read(&document());
        let names: Vec<&str> = sorts.iter().map(|sort| sort.name.as_str()).collect();
        assert_eq!(names, ["runs", "other"]);
        let (_, words, fields) = &sorts[0].routes[0].answers[0];
        assert_eq!(words, "It");
        let rows: Vec<(&str, &str)> =
            fields.iter().map(|field| (field.name.as_str(), field.kind.as_str())).collect();
        let expected = [
            ("error", "null or object"),
            ("parts", "list of object"),
            ("parts[].message", "string"),
            ("status", "running | failed"),
        ];
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
    }

    #[test]
    fn an_example_holds_what_must_be_there() {
        let sorts = read(&document());
        let body = sorts[1].routes[0].body.as_ref().unwrap();
        assert_eq!(body.example, json!({"value": "text"}));
        assert_eq!(body.kind, "application/json");
    }

    #[test]
    fn a_path_of_an_example_has_no_braces() {
        let known = BTreeMap::from([("name", "hello")]);
        assert_eq!(example_path("/b/{name}/runs/{run}", &known), "/b/hello/runs/RUN");
    }

    #[test]
    fn references_in_a_circle_end() {
        let circle = json!({
            "paths": {"/x": {"get": {"responses": {"200": {"content": {"a": {"schema":
                {"$ref": "#/components/schemas/A"}}}}}}}},
            "components": {"schemas": {"A": {"type": "object", "required": ["a"],
                "properties": {"a": {"$ref": "#/components/schemas/A"}}}}},
        });
        assert_eq!(read(&circle)[0].routes[0].answers[0].2.len(), MAX_DEPTH);
    }
}
