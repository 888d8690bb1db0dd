//! Runs scripts, with hand-made secrets.

use std::{
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
};

use blueprint_model::{
    audit::no_audit,
    block::Cancel,
    egress::{Destination, Egress, Permit, Place, SecretGrant},
    id::SecretName,
    limits::ScriptLimits,
    provider::Entry,
    script::{Language, Program, ScriptEnd, ScriptError, ScriptForm, ScriptScope, Variables},
    secret::{Policy, Secret, Secrets, Tools},
    value::Value,
};
use blueprint_script::{Pool, PoolSettings, WORKER_WORD};

use crate::derivations::DERIVATIONS;

fn keyed_hash(key: &[u8; 32], text: &str) -> [u8; 32] {
    let mut state = u64::from(key[0]) ^ 0xcbf2_9ce4_8422_2325;
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        for part in text.bytes().chain([at as u8]) {
            state = (state ^ u64::from(part)).wrapping_mul(0x0100_0000_01b3);
        }
        *byte = (state >> 32) as u8;
    }
    hash
}

/// Returns the way out of a block that may use `TOKEN`, `OPEN` and `ABSENT`, and sees `OPEN`.
pub(crate) fn egress() -> Egress {
    let entry = |name: &str, value: &str, may_reveal| Entry {
        name: SecretName::parse(name).expect("the test is right"),
        version: 1,
        value: Secret::new(value.into()),
        policy: Policy { may_reveal, ..Policy::default() },
        is_weak: false,
    };
    let entries = vec![
        entry("TOKEN", "s3cr3t-value", false),
        entry("OPEN", "open-value-42", true),
        entry("OTHER", "other-value-7", false),
    ];
    let tools = Tools {
        seed: [7; 32],
        derivations: DERIVATIONS,
        keyed_hash,
        net: Arc::new(|_| vec![]),
        search: |_| Arc::new(|_| vec![]),
        audit: no_audit(),
    };
    let key =
        |name: &str| (SecretName::parse(name).expect("the test is right"), SecretGrant::default());
    let permit = Permit {
        blueprint: "test".into(),
        keys: vec![key("TOKEN"), key("OPEN"), key("ABSENT")],
        reveal: vec![SecretName::parse("OPEN").expect("the test is right")],
        ..Permit::default()
    };
    Egress::new(Secrets::new(entries, tools), Arc::new(permit))
}

/// Returns what leaves the process where this value is sent.
pub(crate) fn sent(egress: &Egress, value: &Value) -> String {
    let to = Destination { scheme: "https".into(), host: "example.org".into(), port: 443 };
    let text = value.as_str().expect("only text is sent here");
    let (text, _) =
        egress.send(text, &to, &Place::Body, &str::to_owned).expect("the test is right");
    text.to_string()
}

/// Returns the language, running in this process.
pub(crate) fn rhai() -> Arc<dyn Language> {
    blueprint_script::all(DERIVATIONS).remove(0)
}

/// Returns the language, running in workers that all tests share.
pub(crate) fn pooled() -> Arc<dyn Language> {
    static POOL: OnceLock<Pool> = OnceLock::new();
    pooled_in(POOL.get_or_init(|| pool(WORKER, WORKER_WORD, 8)))
}

/// Returns the language, running in the workers of a pool.
pub(crate) fn pooled_in(pool: &Pool) -> Arc<dyn Language> {
    blueprint_script::pooled(DERIVATIONS, pool).remove(0)
}

/// Returns the language at both levels of the sandbox.
pub(crate) fn levels() -> [Arc<dyn Language>; 2] {
    [rhai(), pooled()]
}

/// Workers as they are.
pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_script-worker-under-test");
/// Workers that do not count what scripts hold.
pub(crate) const UNCOUNTED: &str = env!("CARGO_BIN_EXE_script-worker-uncounted");

/// Opens a pool of such workers.
pub(crate) fn pool(program: &str, word: &str, workers: usize) -> Pool {
    let settings = PoolSettings {
        program: program.into(),
        arguments: vec![word.into()],
        workers: NonZeroUsize::new(workers).expect("the test is right"),
    };
    Pool::open(settings).expect("there are threads")
}

/// What a script runs with.
pub(crate) struct Run {
    pub(crate) language: Arc<dyn Language>,
    pub(crate) egress: Egress,
    pub(crate) cancel: Cancel,
    pub(crate) limits: ScriptLimits,
}

impl Run {
    pub(crate) fn new(language: Arc<dyn Language>) -> Self {
        Self {
            language,
            egress: egress(),
            cancel: Cancel::default(),
            limits: ScriptLimits::default(),
        }
    }

    /// Compiles and runs a script; variables are the keys of `variables`.
    pub(crate) fn run(&self, source: &str, variables: &Value) -> Result<ScriptEnd, ScriptError> {
        let compiled = self
            .language
            .compile(source, ScriptForm::Code)
            .map_err(|fault| failed(format!("fault: {}", fault.message)))?;
        self.run_program(&compiled.program, variables)
    }

    /// Runs a compiled script.
    pub(crate) fn run_program(
        &self,
        program: &Program,
        variables: &Value,
    ) -> Result<ScriptEnd, ScriptError> {
        let variables: Variables = variables
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str().into(), Arc::new(value.clone())))
            .collect();
        let scope = ScriptScope {
            variables: &variables,
            egress: &self.egress,
            cancel: &self.cancel,
            limits: &self.limits,
        };
        self.language.run(program, scope)
    }
}

fn failed(message: String) -> ScriptError {
    ScriptError { message, line: 0, column: 0, reason: blueprint_model::script::ScriptStop::Failed }
}

/// Runs a script of Rhai under the usual limits, at both levels, which must not differ.
#[track_caller]
pub(crate) fn run(source: &str, variables: &Value) -> Result<ScriptEnd, ScriptError> {
    let [inline, pooled] = levels().map(|language| Run::new(language).run(source, variables));
    check_same(source, &inline, &pooled);
    pooled
}

/// Checks that two levels agree.
#[track_caller]
pub(crate) fn check_same(
    source: &str,
    inline: &Result<ScriptEnd, ScriptError>,
    pooled: &Result<ScriptEnd, ScriptError>,
) {
    match (inline, pooled) {
        (Ok(a), Ok(b)) => {
            assert_eq!(a.value.to_string(), b.value.to_string(), "{source}");
            assert_eq!(a.state, b.state, "{source}");
            assert_eq!(a.log, b.log, "{source}");
        }
        (a, b) => assert_eq!(a.as_ref().err(), b.as_ref().err(), "{source}"),
    }
}

/// Checks a script's value.
#[track_caller]
pub(crate) fn check(source: &str, variables: &Value, expected: &Value) {
    match run(source, variables) {
        Ok(end) => assert_eq!(end.value, *expected, "{source}"),
        Err(err) => panic!("{source}: {} at {}:{}", err.message, err.line, err.column),
    }
}

/// Checks that a script fails with a message that holds `part`, and returns the error.
#[track_caller]
pub(crate) fn check_error(source: &str, variables: &Value, part: &str) -> ScriptError {
    match run(source, variables) {
        Ok(end) => panic!("{source}: no error but {}", end.value),
        Err(err) => {
            assert!(err.message.contains(part), "{source}: {}", err.message);
            err
        }
    }
}

/// Returns the most memory that this process ever had, in bytes; 0 where the system does not say.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok())
        .map_or(0, |kib: u64| kib << 10)
}
