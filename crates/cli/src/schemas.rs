//! JSON Schemas of what people and programs read and write, and how files name theirs.

use std::path::Path;

use anyhow::Result;
use blueprint_model::Value;
use blueprint_project::wiring;

use crate::files;

/// The schema of `project.yaml`.
pub const PROJECT: &str = include_str!("../schemas/project.json");

/// The schema of an event.
pub const EVENT: &str = include_str!("../schemas/event.json");

/// The folder of a project for schemas. It is committed, so that editors of others find them too.
pub const FOLDER: &str = "schemas";

/// Returns the schema of a blueprint file, with the block types of this process.
pub fn blueprint() -> Value {
    blueprint_syntax::schema(&wiring::registry())
}

/// Returns a schema as the text of a file.
pub fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// Returns a file's text with the line that tells editors its schema.
pub fn with_modeline(text: &str, schema: &str) -> String {
    format!("# yaml-language-server: $schema={schema}\n{text}")
}

/// Returns the schema files of a project: paths from its folder, and texts.
pub fn files() -> [(String, String); 2] {
    [
        (format!("{FOLDER}/blueprint.json"), text(&blueprint())),
        (format!("{FOLDER}/project.json"), PROJECT.into()),
    ]
}

/// Makes the schema of blueprints in a project, unless it is there.
///
/// # Errors
///
/// Returns an error if it cannot be written.
pub fn provide(root: &Path) -> Result<bool> {
    files::create(&root.join(FOLDER).join("blueprint.json"), &text(&blueprint()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use blueprint_model::{
        Event, EventKind, RunId,
        block::{Change, ForEach, Level, Wish},
        event::{At, CancelReason, Counts, RunError, RunStatus},
        format,
        id::BlockPath,
        journal::{Question, QuestionKind},
        value::Shared,
    };
    use jiff::Timestamp;
    use jsonschema::Validator;
    use serde_json::json;

    use super::*;
    use blueprint_project::settings::Project;

    fn validator(schema: &Value) -> Validator {
        jsonschema::draft7::new(schema).expect("a schema")
    }

    #[track_caller]
    fn check(validator: &Validator, value: &Value, expected: bool) {
        let faults: Vec<String> = validator.iter_errors(value).map(|it| it.to_string()).collect();
        assert_eq!(faults.is_empty(), expected, "{value}\n{faults:?}");
    }

    fn yaml(text: &str) -> Value {
        blueprint_syntax::value_of(text).unwrap()
    }

    fn examples() -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints");
        blueprint_project::project::blueprints_in(&folder).unwrap()
    }

    #[test]
    fn blueprints_fit_their_schema() {
        let validator = validator(&blueprint());
        let mut texts: Vec<String> =
            examples().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        for template in ["hello", "http", "ai", "new"] {
            let path = format!("{}/templates/{template}.yaml", env!("CARGO_MANIFEST_DIR"));
            texts.push(std::fs::read_to_string(path).unwrap().replace("NAME", "name"));
        }
        for block in wiring::registry().blocks() {
            let example = block.spec().example.replace('\n', "\n    ");
            texts.push(format!("name: x\nblocks:\n  it:\n    {example}"));
        }
        for text in texts {
            check(&validator, &yaml(&text), true);
        }
    }

    #[test]
    fn what_is_wrong_does_not_fit() {
        let validator = validator(&blueprint());
        for text in [
            "name: x",
            "name: x\nblocks: {a: {type: cod, code: x}}",
            "name: x\nblocks: {a: {type: code, cod: x}}",
            "name: x\nblocks: {a: {type: code, code: x, next: {succes: b}}}",
            "name: x\nblocks: {a: {type: wait, duration: 5}}",
            "name: x\nblocks: {a: {type: return_value, value: 1, next: b}}",
        ] {
            check(&validator, &yaml(text), false);
        }
    }

    /// The schema and the reader agree on whether it can be read.
    #[track_caller]
    fn check_project(text: &str, expected: bool) {
        let value = yaml(text);
        assert_eq!(Project::from_value(&value).is_ok(), expected, "the reader: {text}");
        check(&validator(&serde_json::from_str(PROJECT).unwrap()), &value, expected);
    }

    #[test]
    fn the_schema_of_projects_agrees_with_their_reader() {
        let template = include_str!("../templates/project.yaml");
        let (_, keys) = template.split_once('\n').unwrap();
        check_project(&keys.replace("NAME", "x").replace("\n# ", "\n"), true);
        for text in [
            "",
            "limits:",
            "vault: [file, env, dotenv, {command: pass-show}]",
            "vault: [{hashicorp: {address: 'https://v.example', mount: kv, namespace: a}}]",
            "network: {private: deny, allow: [10.0.0.0/8], mocks: {a.example: '127.0.0.1:80'}}",
            "sandbox: worker\nenv: [HOME]\ncommands: [git]",
            "limits: {script_time: 10s, script_memory: 64MiB, script_size: 100, depth: 3}",
            "limits: {script_operations: 1, items: 2, result_size: 10MB}",
            "store: {path: x.db, flush: normal, keep: 30d}\nserver: {listen: ':1', max_runs: 2}",
            "server: {hosts: [team.example, 'other.example:8443']}",
        ] {
            check_project(text, true);
        }
        for text in [
            "[]",
            "nmae: x",
            "vault: [files]",
            "vault: [{hashicorp: {}}]",
            "network: {private: perhaps}",
            "network: {mocks: {a.example: here}}",
            "sandbox: outside",
            "limits: {depht: 3}",
            "limits: {script_time: 10}",
            "limits: {items: many}",
            "store: {flush: sometimes}",
            "server: {max_runs: -1}",
            "server: {hosts: ['https://team.example']}",
            "env: HOME",
        ] {
            check_project(text, false);
        }
    }

    #[test]
    fn every_key_of_a_project_is_in_its_schema() {
        let schema: Value = serde_json::from_str(PROJECT).unwrap();
        for group in ["", "limits", "store", "server", "network"] {
            let mut value = json!({"not_a_key": 1});
            let mut known = &schema["properties"];
            if !group.is_empty() {
                value = json!({ group: value });
                known = &schema["properties"][group]["properties"];
            }
            let message = Project::from_value(&value).unwrap_err().to_string();
            let (_, listed) = message.split_once(", expected ").unwrap();
            let read: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
            let mut written: Vec<&str> =
                known.as_object().unwrap().keys().map(String::as_str).collect();
            let mut read = read;
            read.sort_unstable();
            written.sort_unstable();
            assert_eq!(read, written, "{group}");
        }
    }

    fn kinds() -> Vec<EventKind> {
        let at = At { scope: 0, block: 0 };
        let block = BlockPath { scope: "".into(), id: "a".into() };
        let value = || Shared::new(json!({"a": 1}));
        let time = Timestamp::UNIX_EPOCH;
        let changes = vec![
            Change { path: vec!["a".into()], value: Some(json!(1)) },
            Change { path: vec!["b".into()], value: None },
        ];
        let error = RunError { block: "a".into(), outcome: "error".into(), message: "no".into() };
        let mut kinds = vec![
            EventKind::RunStarted { blueprint: "x".into(), inputs: value(), payload: value() },
            EventKind::BlockStarted { at, block: block.clone(), attempt: 1 },
            EventKind::AttemptFailed {
                at,
                block: block.clone(),
                attempt: 1,
                outcome: "error".into(),
                message: "no".into(),
                retry_at: time,
            },
            EventKind::AnswerReceived { at, block: block.clone(), answer: value() },
            EventKind::SecretDerived {
                at,
                block: block.clone(),
                token: "x".into(),
                function: "base64".into(),
                arguments: vec!["y".into()],
            },
            EventKind::RunResumed { after: 3 },
            EventKind::StateChanged { at, block: block.clone(), changes: changes.into() },
            EventKind::BlockFinished {
                at,
                block: block.clone(),
                attempt: 1,
                outcome: "success".into(),
                result: Shared::default(),
                message: None,
                is_return: false,
                duration_us: 1_500,
            },
            EventKind::BlockSkipped { at, block: block.clone(), edge: "a.success".into() },
            EventKind::RunFinished {
                status: RunStatus::Failed,
                value: Shared::default(),
                error: Some(error),
                counts: Counts::default(),
                duration_us: 1,
            },
        ];
        kinds.extend(kinds_with_choices(&block, &value));
        kinds
    }

    /// Kinds with a word out of a list, one for each word.
    fn kinds_with_choices(block: &BlockPath, value: &dyn Fn() -> Shared) -> Vec<EventKind> {
        let (at, time) = (At { scope: 0, block: 0 }, Timestamp::UNIX_EPOCH);
        let each = ForEach {
            items: std::sync::Arc::new(Vec::new()),
            name: None,
            concurrency: 1,
            stops_on_error: true,
        };
        let round = Wish::Round { round: 1, last: value(), not_before: None };
        let call = Wish::Call { blueprint: "b".into(), payload: value() };
        let ask = |kind| {
            let (name, details) = ("go?".into(), value());
            Wish::Answer(Question { kind, name, details, until: Some(time) })
        };
        let mut wishes = vec![Wish::Items(each), round, call, Wish::Sleep { until: time }];
        wishes.extend([ask(QuestionKind::Approval), ask(QuestionKind::Event)]);
        let mut kinds = Vec::new();
        for action in ["swap", "derive", "reveal", "refuse"] {
            kinds.push(EventKind::SecretUsed {
                at,
                block: block.clone(),
                key: "K".into(),
                version: 1,
                action: action.into(),
                destination: "a.example header:x".into(),
            });
        }
        for (_, level) in Level::ALL {
            kinds.push(EventKind::Log { at, block: block.clone(), level, text: "x".into() });
        }
        for wish in wishes {
            kinds.push(EventKind::BlockWaiting { at, block: block.clone(), wish });
        }
        for reason in [CancelReason::Returned, CancelReason::Failed, CancelReason::Timeout] {
            kinds.push(EventKind::BlockCancelled { at, block: block.clone(), reason });
        }
        for reason in [CancelReason::Requested, CancelReason::Deadline] {
            kinds.push(EventKind::CancelRequested { reason });
        }
        kinds
    }

    #[test]
    fn events_of_every_kind_fit_their_schema() {
        let schema: Value = serde_json::from_str(EVENT).unwrap();
        let validator = validator(&schema);
        let mut seen: Vec<&str> = Vec::new();
        for kind in kinds() {
            seen.push(kind.name());
            let (run, time) = (RunId::new("0198"), Timestamp::UNIX_EPOCH);
            let event = format::to_json(&Event { run, seq: 1, time, kind });
            check(&validator, &event, true);
            let mut other = event.clone();
            other["kind"] = json!("unheard_of");
            check(&validator, &other, false);
        }
        for name in schema["properties"]["kind"]["enum"].as_array().unwrap() {
            assert!(seen.contains(&name.as_str().unwrap()), "{name} was not tried");
        }
    }

    #[test]
    fn events_of_real_runs_fit_their_schema() {
        let validator = validator(&serde_json::from_str(EVENT).unwrap());
        let events = crate::commands::demo::events().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for line in events.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            check(&validator, &event, true);
            seen.insert(event["kind"].as_str().unwrap().to_owned());
        }
        assert!(seen.contains("secret_used") && seen.len() > 7, "{seen:?}");
    }
}
