//! Browsers that have logged in: kept in memory, so that a restart logs everybody out.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::tokens;

/// How long a session lasts.
pub(super) const LASTS: SignedDuration = SignedDuration::from_hours(12);
/// Most sessions at once; beyond that, the one that ends first is ended.
const MAX_SESSIONS: usize = 10_000;

/// The sessions, by the hash of their ids: a look-up tells nothing of an id by its time.
#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<BTreeMap<[u8; 32], Session>>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The token it was opened with; it ends with that.
    pub(super) token: String,
    ends: Timestamp,
}

impl Sessions {
    /// Opens a session and returns its id.
    pub(super) fn open(&self, token: &str, now: Timestamp) -> String {
        let id = URL_SAFE_NO_PAD.encode(tokens::random::<32>());
        let mut open = self.lock();
        if open.len() >= MAX_SESSIONS {
            open.retain(|_, session| session.ends > now);
        }
        if open.len() >= MAX_SESSIONS {
            let first = open.iter().min_by_key(|(_, session)| session.ends);
            if let Some(first) = first.map(|(key, _)| *key) {
                open.remove(&first);
            }
        }
        open.insert(key(&id), Session { token: token.into(), ends: now + LASTS });
        id
    }

    /// Returns the session with this id, if it has not ended.
    pub(super) fn get(&self, id: &str, now: Timestamp) -> Option<Session> {
        self.lock().get(&key(id)).filter(|session| session.ends > now).cloned()
    }

    /// Ends a session.
    pub(super) fn close(&self, id: &str) {
        self.lock().remove(&key(id));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_time_or_by_hand() {
        let sessions = Sessions::default();
        let now = Timestamp::UNIX_EPOCH;
        let (one, other) = (sessions.open("a", now), sessions.open("a", now));
        assert_ne!(one, other);
        assert_eq!(sessions.get(&one, now).unwrap().token, "a");
        assert_eq!(sessions.get("something", now), None);
        assert_eq!(sessions.get(&one, now + LASTS), None);
        sessions.close(&one);
        assert_eq!(sessions.get(&one, now), None);
        assert!(sessions.get(&other, now).is_some());
    }
}
