//! How many streams are open: each holds a connection, so there is a bound.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// The most streams at once.
const MAX: usize = 500;

/// Room for streams.
pub(crate) struct Streams {
    permits: Arc<Semaphore>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX)) }
    }
}

impl Streams {
    /// Takes the room of one stream, for as long as the permit lives.
    ///
    /// # Errors
    ///
    /// Returns a problem if there is none.
    pub(crate) fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.permits.clone().try_acquire_owned().map_err(|_| {
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many streams at once");
            Problem { retry_after: Some(5), ..problem }
        })
    }

    /// Returns how many are open.
    pub(crate) fn open(&self) -> usize {
        MAX - self.permits.available_permits()
    }
}
