//! A source with a memory: what it gave last stands in for it while it cannot be asked.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use blueprint_model::{
    Provider, ProviderError, Secret, SecretName,
    provider::{Entry, Listed},
};
use jiff::{SignedDuration, Timestamp};

/// How long a copy is good.
pub const TIME_TO_LIVE: SignedDuration = SignedDuration::from_mins(5);

/// A source whose answers are kept for a while. It is asked for each run, so a new value is seen by
/// the next one; a copy is used only where it gives no answer, and no failure replaces a copy.
pub struct Cached {
    inner: Box<dyn Provider>,
    clock: fn() -> Timestamp,
    copies: Mutex<BTreeMap<SecretName, (Timestamp, Entry)>>,
}

impl Cached {
    /// Returns the source with a memory.
    pub fn new(inner: Box<dyn Provider>, clock: fn() -> Timestamp) -> Self {
        Self { inner, clock, copies: Mutex::default() }
    }
}

impl Provider for Cached {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError> {
        let found = self.inner.get(name);
        let now = (self.clock)();
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(Some(entry)) => {
                copies.insert(name.clone(), (now, copy(&entry)));
                Ok(Some(entry))
            }
            Ok(None) => {
                copies.remove(name);
                Ok(None)
            }
            Err(err) => {
                copies.retain(|_, (at, _)| now.duration_since(*at) < TIME_TO_LIVE);
                copies.get(name).map(|(_, entry)| Some(copy(entry))).ok_or(err)
            }
        }
    }

    fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
        self.inner.list()
    }
}

fn copy(entry: &Entry) -> Entry {
    Entry {
        name: entry.name.clone(),
        version: entry.version,
        value: Secret::new(entry.value.expose().into()),
        policy: entry.policy.clone(),
        is_weak: entry.is_weak,
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Arc};

    use super::*;
    use crate::env::unversioned;

    thread_local! {
        static NOW: Cell<i64> = const { Cell::new(1_800_000_000) };
    }

    fn clock() -> Timestamp {
        Timestamp::from_second(NOW.get()).unwrap()
    }

    /// A source that gives what it is told to.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Option<&'static str>>>);

    impl Provider for Told {
        fn name(&self) -> &'static str {
            "told"
        }

        fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError> {
            match *self.0.lock().unwrap() {
                Some("") => Ok(None),
                Some(value) => Ok(Some(unversioned(name, value))),
                None => Err(ProviderError::Locked { message: "it is unplugged".into() }),
            }
        }

        fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
            Ok(None)
        }
    }

    #[test]
    fn a_copy_stands_in_for_a_source_that_fails_and_for_no_longer() {
        let told = Told::default();
        let cached = Cached::new(Box::new(told.clone()), clock);
        let name = SecretName::parse("A").unwrap();
        let check = |given: Option<&'static str>, expected: Result<Option<&str>, ()>| {
            *told.0.lock().unwrap() = given;
            let found = cached.get(&name).map_err(|_| ());
            let found = found.map(|it| it.map(|it| it.value.expose().to_owned()));
            assert_eq!(found, expected.map(|it| it.map(str::to_owned)));
        };
        check(None, Err(()));
        check(Some("first-value"), Ok(Some("first-value")));
        check(Some("second-value"), Ok(Some("second-value")));
        check(None, Ok(Some("second-value")));
        NOW.set(NOW.get() + 299);
        check(None, Ok(Some("second-value")));
        NOW.set(NOW.get() + 1);
        check(None, Err(()));
        check(Some("third-value"), Ok(Some("third-value")));
        check(Some(""), Ok(None));
        check(None, Err(()));
    }
}
