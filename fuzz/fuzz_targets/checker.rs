//! Any text as a blueprint, checked: never a panic; a plan only without errors.
#![no_main]

use std::sync::LazyLock;

use blueprint_model::Registry;
use libfuzzer_sys::fuzz_target;

static REGISTRY: LazyLock<Registry> = LazyLock::new(blueprint_project::wiring::registry);

fuzz_target!(|data: &[u8]| {
    let checked = blueprint_project::project::check_bytes("fuzz.yaml", data, &REGISTRY);
    let has_error = checked.diagnostics.iter().any(blueprint_model::Diagnostic::is_error);
    assert_eq!(checked.plan.is_some(), !has_error);
    if let Some(plan) = checked.plan {
        let _ = plan.outline();
    }
});
