//! Time and identity, the two things a run takes from outside, each real or fixed.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};
use std::time::Duration;

use blueprint_model::RunId;
use jiff::Timestamp;
use tokio::time::Instant;

/// Where time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// The runtime's clock, beginning at `epoch` when the runtime's stood at `start`. A paused
    /// runtime makes time pass only while everybody waits.
    Runtime {
        /// The time at the start.
        epoch: Timestamp,
        /// The start.
        start: Instant,
    },
    /// A time, in microseconds since 1970, that passes only when everybody waits, and then at once.
    Skipping(Arc<AtomicI64>),
}

impl Clock {
    /// Returns the time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => whole_micros(Timestamp::now()),
            Self::Runtime { epoch, start } => {
                whole_micros(epoch.checked_add(start.elapsed()).unwrap_or(Timestamp::MAX))
            }
            Self::Skipping(time) => {
                Timestamp::from_microsecond(time.load(Ordering::Relaxed)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Waits until this long has passed. `rests` says that nothing is at work meanwhile.
    pub(crate) async fn pass(&self, pause: Duration, rests: bool) {
        match self {
            Self::System | Self::Runtime { .. } => tokio::time::sleep(pause).await,
            Self::Skipping(time) if rests => {
                let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
                // Nobody but this run moves the time.
                time.store(time.load(Ordering::Relaxed).saturating_add(pause), Ordering::Relaxed);
            }
            Self::Skipping(_) => std::future::pending().await,
        }
    }
}

/// Stores keep microseconds: what a run knows now is what it will read.
fn whole_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// Where ids and chance come from.
#[derive(Debug, Clone)]
pub enum Ids {
    /// UUIDs of version 7, and random numbers.
    Random,
    /// Counts up from 1; chance is always one half.
    Counted(Arc<AtomicU64>),
}

impl Ids {
    /// Returns ids that count up from 1.
    pub fn counted() -> Self {
        Self::Counted(Arc::default())
    }

    /// Returns a new run's id.
    pub fn run(&self) -> RunId {
        match self {
            Self::Random => RunId::new(&uuid::Uuid::now_v7().to_string()),
            Self::Counted(last) => {
                RunId::new(&format!("run-{}", last.fetch_add(1, Ordering::Relaxed) + 1))
            }
        }
    }

    /// Returns a number from 0 up to 1, for spreading retries.
    pub fn chance(&self) -> f64 {
        match self {
            Self::Random => {
                // The last bytes of a version 7 UUID are random.
                f64::from(uuid::Uuid::now_v7().as_bytes()[15]) / 255.0
            }
            Self::Counted(_) => 0.5,
        }
    }
}
