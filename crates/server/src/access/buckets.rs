//! How often somebody may do something: buckets that fill again with time.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Most buckets at once; those that are full again are forgotten first.
const MAX_BUCKETS: usize = 10_000;

/// What is not done too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rate {
    /// Logging in, for each address.
    Login,
    /// Changing secrets, for each token or address.
    Secrets,
    /// Noting that a token was used.
    Note,
}

impl Rate {
    /// Returns how many may come at once, and after how long there is room for one more.
    fn bounds(self) -> (u32, Duration) {
        match self {
            Self::Login => (20, Duration::from_secs(3)),
            Self::Secrets => (60, Duration::from_secs(1)),
            Self::Note => (1, Duration::from_secs(300)),
        }
    }
}

/// The buckets of everybody.
#[derive(Default)]
pub(super) struct Buckets {
    /// When each bucket is full again.
    full_at: Mutex<BTreeMap<(Rate, String), Instant>>,
}

impl Buckets {
    /// Takes one from the bucket of somebody.
    ///
    /// # Errors
    ///
    /// Returns after how many seconds there is one where it is empty.
    pub(super) fn take(&self, rate: Rate, who: &str, now: Instant) -> Result<(), u64> {
        let (burst, each) = rate.bounds();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= MAX_BUCKETS {
            full_at.retain(|_, at| *at > now);
        }
        let key = (rate, who.to_owned());
        let before = full_at.get(&key).map_or(now, |at| (*at).max(now));
        let after = before + each;
        let room = now + each * burst;
        if after > room || (full_at.len() >= MAX_BUCKETS && !full_at.contains_key(&key)) {
            let wait = after.saturating_duration_since(room).max(Duration::from_secs(1));
            return Err(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        }
        full_at.insert(key, after);
        Ok(())
    }
}

/// Returns the name of an address in the buckets: one home has many of version 6.
pub(super) fn name_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_emptied_at_once_and_fills_again_with_time() {
        let buckets = Buckets::default();
        let now = Instant::now();
        for _ in 0..20 {
            buckets.take(Rate::Login, "a", now).unwrap();
        }
        assert_eq!(buckets.take(Rate::Login, "a", now), Err(3));
        assert_eq!(buckets.take(Rate::Login, "a", now + Duration::from_millis(500)), Err(3));
        buckets.take(Rate::Login, "b", now).unwrap();
        buckets.take(Rate::Secrets, "a", now).unwrap();
        buckets.take(Rate::Login, "a", now + Duration::from_secs(3)).unwrap();
        assert_eq!(buckets.take(Rate::Login, "a", now + Duration::from_secs(3)), Err(3));
    }
}
