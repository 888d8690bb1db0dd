//! Any script: it ends within its bounds, with a value or an error, and the process lives.
#![no_main]

use std::{sync::LazyLock, time::Duration};

use blueprint_model::{
    Language, Script, ScriptScope, Secrets,
    block::Cancel,
    egress::Egress,
    limits::ScriptLimits,
    script::{Origin, ScriptForm},
};
use blueprint_script::memory::CountingAllocator;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: CountingAllocator<std::alloc::System> = CountingAllocator(std::alloc::System);

static LANGUAGE: LazyLock<Arc<dyn Language>> =
    LazyLock::new(|| blueprint_script::all(blueprint_vault::derivations()).remove(0));

fuzz_target!(|source: &str| {
    for form in [ScriptForm::Code, ScriptForm::Expression] {
        let Ok(script) = Script::compile(&LANGUAGE, source, form, Origin::default()) else {
            continue;
        };
        let limits = ScriptLimits {
            operations: 100_000,
            time: Duration::from_millis(200),
            memory: 8 << 20,
            ..ScriptLimits::default()
        };
        let variables = vec![("state".into(), Arc::new(serde_json::json!({"n": 1, "l": [1, 2]})))];
        let egress = Egress::new(Secrets::none(), Arc::default());
        let cancel = Cancel::default();
        let scope =
            ScriptScope { variables: &variables, egress: &egress, cancel: &cancel, limits: &limits };
        let _ = script.run(scope);
    }
});
