//! The test kit: attempts of blocks with hand-made inputs, and secrets with hand-made handles.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockPath, End, Finish, Input, Inputs, Limits, RunId, Secret,
    SecretName, Secrets, Value, Wish,
    audit::no_audit,
    block::{BodyEnd, Cancel, Granted, Notes, RunFacts},
    egress::{Egress, Permit, SecretGrant},
    provider::Entry,
    secret::{Bytes, Derivation, Hit, Net, Policy, Tools},
};

pub(crate) mod server;

/// An attempt of a block.
pub(crate) struct Attempt {
    pub(crate) inputs: Inputs,
    pub(crate) cx: BlockCx,
}

impl Attempt {
    /// Returns an attempt with these fields, at 2026-11-24T12:00:00Z.
    pub(crate) fn new(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let resolved = |(name, value)| (name, Input::Value(Arc::new(value)));
        let fields = fields.into_iter().map(resolved).collect();
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let id = RunId::new("0199-run");
        let cx = BlockCx {
            run: Arc::new(RunFacts { id, blueprint: "test".into(), started_at: now }),
            path: BlockPath { scope: "".into(), id: "block".into() },
            attempt: 1,
            now,
            state: Arc::default(),
            cancel: Cancel::default(),
            limits: Arc::new(Limits::default()),
            egress: Egress::new(Secrets::none(), Arc::default()),
            notes: Mutex::default(),
        };
        Self { inputs: Inputs::new(fields, Vec::new()), cx }
    }

    pub(crate) fn with_state(mut self, state: Value) -> Self {
        self.cx.state = Arc::new(state);
        self
    }

    /// Gives the block these secrets, all of them named by it.
    pub(crate) fn with_secrets(mut self, secrets: &Secrets) -> Self {
        let named = secrets.entries().iter();
        let keys = named.map(|entry| (entry.name.clone(), SecretGrant::default())).collect();
        let permit = Permit { blueprint: "test".into(), keys, ..Permit::default() };
        self.cx.egress = Egress::new(secrets.clone(), Arc::new(permit));
        self
    }

    pub(crate) fn limits(&mut self, change: impl FnOnce(&mut Limits)) {
        change(Arc::make_mut(&mut self.cx.limits));
    }

    pub(crate) fn run(&self, block: &dyn Block) -> Result<Finish, BlockError> {
        block_on(block.run(&self.inputs, &self.cx))
    }

    pub(crate) fn resume(&self, block: &dyn Block, granted: Granted) -> Result<Finish, BlockError> {
        block_on(block.resume(&self.inputs, granted, &self.cx))
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        let mut notes = self.cx.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.uses.extend(self.cx.egress.take_uses());
        notes
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

#[track_caller]
pub(crate) fn end_of(finish: Result<Finish, BlockError>) -> End {
    match finish {
        Ok(Finish::End(end)) => end,
        other => panic!("not an end: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn wish_of(finish: Result<Finish, BlockError>) -> Wish {
    match finish {
        Ok(Finish::Wish(wish)) => wish,
        other => panic!("not a wish: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn message_of(finish: Result<Finish, BlockError>) -> String {
    match finish {
        Err(err) => err.message,
        other => panic!("not an error: {other:?}"),
    }
}

pub(crate) fn value(value: Value) -> BodyEnd {
    BodyEnd::Value(Arc::new(value))
}

pub(crate) fn failed(message: &str) -> BodyEnd {
    BodyEnd::Failed { block: "inner".into(), message: message.into() }
}

/// Returns secrets of these names and values, without any policy.
pub(crate) fn secrets(values: &[(&str, &str)]) -> Secrets {
    let with_policy: Vec<(&str, &str, Policy)> =
        values.iter().map(|(name, value)| (*name, *value, Policy::default())).collect();
    secrets_with(with_policy)
}

/// Returns secrets of these names, values and policies.
pub(crate) fn secrets_with(values: Vec<(&str, &str, Policy)>) -> Secrets {
    let plain: Vec<String> = values.iter().map(|(_, value, _)| (*value).to_owned()).collect();
    let entries = values.into_iter().map(|(name, value, policy)| Entry {
        name: SecretName::parse(name).unwrap(),
        version: 1,
        value: Secret::new(value.into()),
        policy,
        is_weak: false,
    });
    let search = |values: &[&Secret]| -> Net {
        let plain: Vec<String> = values.iter().map(|value| value.expose().to_owned()).collect();
        Arc::new(move |text| {
            let hit = |(entry, value): (usize, &String)| {
                let start = text.find(value.as_str())?;
                Some(Hit { range: start..start + value.len(), entry })
            };
            plain.iter().enumerate().filter_map(hit).collect()
        })
    };
    let plain: Vec<Secret> = plain.into_iter().map(Secret::new).collect();
    let net = search(&plain.iter().collect::<Vec<_>>());
    let audit = no_audit();
    let tools = Tools { seed: [7; 32], derivations: &[UPPER], keyed_hash, net, search, audit };
    Secrets::new(entries.collect(), tools)
}

const UPPER: Derivation = Derivation {
    name: "upper",
    arity: 1,
    compute: |arguments| Ok(Bytes::text(arguments[0].to_text().to_uppercase())),
    summary: "Capital letters",
};

/// Spreads a text over 32 bytes; good enough to tell tokens apart.
fn keyed_hash(key: &[u8; 32], text: &str) -> [u8; 32] {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |byte: u8| {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        state ^= state >> 29;
        state
    };
    for byte in key.iter().copied().chain(text.bytes()) {
        mix(byte);
    }
    std::array::from_fn(|_| mix(0x5a).to_be_bytes()[2])
}
