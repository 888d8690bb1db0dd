//! The HTTP API, one file for each sort of thing: the route decides what is done, the body is data.

mod runs;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{site::Site, triggers};

/// Returns the routes below `/api/v1`.
pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/blueprints/{name}/runs", post(runs::start))
        .route("/runs/{run}", get(runs::status))
        .merge(triggers::api_routes())
}
