//! Any text as a template: never a panic; literal text comes back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (template, faults) = blueprint_syntax::parse_template(text, &|at| at);
    for fault in &faults {
        assert!(fault.span.end <= text.len() + 1, "{fault:?}");
    }
    for reference in template.references() {
        let _ = reference.to_string();
    }
    if faults.is_empty() && !text.contains("@{") && !text.contains("@<") {
        assert_eq!(template.as_literal(), Some(text));
    }
});
