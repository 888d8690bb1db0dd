//! The JSON Schema for editors accepts whatever `check` accepts.

use blueprint_model::Diagnostic;
use tests::{run::check_folder, workspace};

use crate::suite::AREAS;

#[test]
fn the_schema_accepts_every_file_that_check_accepts() {
    let schema = blueprint_syntax::schema(&blueprint_project::wiring::registry());
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let suite = AREAS.iter().filter(|area| **area != "examples");
    let folders = suite.map(|area| workspace::suite().join(area));
    let mut seen = 0;
    for folder in folders.chain([workspace::examples()]) {
        for case in check_folder(&folder) {
            let is_refused = case.checked.diagnostics.iter().any(Diagnostic::is_error);
            // What was repaired is no YAML for an editor.
            let is_repaired = case
                .checked
                .diagnostics
                .iter()
                .any(|diagnostic| diagnostic.code == blueprint_model::code::UNQUOTED_REFERENCE);
            if is_refused || is_repaired {
                continue;
            }
            let value = blueprint_syntax::value_of(&case.checked.source.text).expect("it is YAML");
            let faults: Vec<String> = validator
                .iter_errors(&value)
                .map(|fault| format!("{} at {}", fault, fault.instance_path()))
                .collect();
            assert!(faults.is_empty(), "{}: {}", case.case.name(), faults.join("\n"));
            seen += 1;
        }
    }
    assert!(seen > 200, "only {seen} files were looked at");
}

#[test]
fn the_schema_refuses_what_an_editor_can_know() {
    let schema = blueprint_syntax::schema(&blueprint_project::wiring::registry());
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    for text in [
        "blocks: {a: {type: fail, message: x}}",
        "name: x\nblokcs: {}",
        "name: x\nblocks: {a: {type: http_requst, url: x}}",
        "name: x\nblocks: {a: {type: http_request}}",
        "name: x\nblocks: {a: {type: http_request, url: x, haeders: {}}}",
        "name: x\nblocks: {a: {type: if_else, expression: x, next: {success: a}}}",
        "name: x\nblocks: {a: {type: fail, message: x, join: some}}",
        "name: x\nblocks: {A-B: {type: fail, message: x}}",
        "name: x\non_error: stop\nblocks: {a: {type: fail, message: x}}",
    ] {
        let value = blueprint_syntax::value_of(text).expect("it is YAML");
        assert!(!validator.is_valid(&value), "{text}");
    }
}
