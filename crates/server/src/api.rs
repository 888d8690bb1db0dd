//! The HTTP API, one file for each sort of thing: the route decides what is done, the body is data.

mod runs;
mod secrets;
mod tokens;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::site::Site;

/// Returns the routes below `/api/v1`.
pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/blueprints/{name}/runs", post(runs::start))
        .route("/runs/{run}", get(runs::status))
        .route("/secrets", get(secrets::list).post(secrets::import))
        .route("/secrets/{name}", get(secrets::one).put(secrets::set).delete(secrets::delete))
        .route("/secrets/{name}/rename", post(secrets::rename))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{token}", axum::routing::delete(tokens::revoke))
}
