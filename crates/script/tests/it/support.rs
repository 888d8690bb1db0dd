//! Runs scripts, with hand-made secrets.

use std::sync::Arc;

use blueprint_model::{
    block::Cancel,
    egress::{Destination, Egress, Permit, Place, SecretGrant},
    id::SecretName,
    limits::ScriptLimits,
    provider::Entry,
    script::{Language, ScriptEnd, ScriptError, ScriptForm, ScriptScope, Variables},
    secret::{Bytes, Derivation, Policy, Secret, Secrets, Tools},
    value::Value,
};
use zeroize::Zeroizing;

/// Functions over secrets for tests: simple enough to check by eye.
pub(crate) static DERIVATIONS: &[Derivation] = &[
    Derivation { name: "upper", arity: 1, compute: upper, summary: "upper case" },
    Derivation { name: "hex", arity: 1, compute: hex, summary: "hexadecimal" },
    Derivation { name: "mirror", arity: 1, compute: mirror, summary: "a digest: bytes reversed" },
    Derivation { name: "pair", arity: 2, compute: pair, summary: "joins with a colon" },
    Derivation { name: "broken", arity: 1, compute: broken, summary: "fails" },
];

fn upper(arguments: &[Bytes]) -> Result<Bytes, String> {
    Ok(Bytes::text(arguments[0].to_text().to_uppercase()))
}

fn hex(arguments: &[Bytes]) -> Result<Bytes, String> {
    let digits = Bytes::Digest(Zeroizing::new(arguments[0].as_bytes().to_vec())).to_text();
    Ok(Bytes::text(digits.as_str()))
}

fn mirror(arguments: &[Bytes]) -> Result<Bytes, String> {
    Ok(Bytes::Digest(Zeroizing::new(arguments[0].as_bytes().iter().rev().copied().collect())))
}

fn pair(arguments: &[Bytes]) -> Result<Bytes, String> {
    Ok(Bytes::text(format!("{}:{}", *arguments[0].to_text(), *arguments[1].to_text())))
}

fn broken(_arguments: &[Bytes]) -> Result<Bytes, String> {
    Err("it never works".into())
}

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
    let tools =
        Tools { seed: [7; 32], derivations: DERIVATIONS, keyed_hash, net: Arc::new(|_| vec![]) };
    let key =
        |name: &str| (SecretName::parse(name).expect("the test is right"), SecretGrant::default());
    let permit = Permit {
        blueprint: "test".into(),
        keys: vec![key("TOKEN"), key("OPEN"), key("ABSENT")],
        reveal: vec![SecretName::parse("OPEN").expect("the test is right")],
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

/// Returns the language.
pub(crate) fn rhai() -> Arc<dyn Language> {
    blueprint_script::all(DERIVATIONS).remove(0)
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
        self.language.run(&compiled.program, scope)
    }
}

fn failed(message: String) -> ScriptError {
    ScriptError { message, line: 0, column: 0, reason: blueprint_model::script::ScriptStop::Failed }
}

/// Runs a script of Rhai under the usual limits.
pub(crate) fn run(source: &str, variables: &Value) -> Result<ScriptEnd, ScriptError> {
    Run::new(rhai()).run(source, variables)
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
