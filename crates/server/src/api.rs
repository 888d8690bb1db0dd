//! The HTTP API, one file for each sort of thing: the route decides what is done, the body is data.

#![expect(unused_qualifications, reason = "what utoipa makes of parameters names them twice")]

mod blueprints;
mod compare;
mod control;
pub(crate) mod dto;
mod events;
mod openapi;
mod runs;
mod take;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    routing::{MethodRouter, get, post},
};

use crate::{problem::Problem, site::Site};

/// Where the API is.
pub(crate) const BASE: &str = "/api/v1";

/// A method of a route, as it is in the document too.
pub(crate) struct Row {
    /// In lower case.
    #[cfg_attr(not(test), expect(dead_code, reason = "the handler knows it; a test compares it"))]
    pub(crate) method: &'static str,
    /// Below [`BASE`].
    pub(crate) path: &'static str,
    /// What answers.
    pub(crate) handler: MethodRouter<Arc<Site>>,
}

/// Returns every method of every route below [`BASE`]. Each has a line in [`openapi`] too.
fn rows() -> Vec<Row> {
    let get_row = |path, handler| Row { method: "get", path, handler };
    let post_row = |path, handler| Row { method: "post", path, handler };
    vec![
        get_row("/openapi.json", get(openapi::show)),
        get_row("/blueprints", get(blueprints::list)),
        get_row("/blueprints/{name}", get(blueprints::one)),
        get_row("/blueprints/{name}/source", get(blueprints::source)),
        get_row("/blueprints/{name}/graph", get(blueprints::graph)),
        get_row("/blueprints/{name}/check", get(blueprints::check)),
        post_row("/blueprints/{name}/runs", post(runs::start)),
        get_row("/runs", get(runs::list)),
        get_row("/runs/{run}", get(runs::one)),
        get_row("/runs/{run}/value", get(runs::value)),
        get_row("/runs/{run}/events", get(events::list)),
        post_row("/runs/{run}/cancel", post(control::cancel)),
        post_row("/runs/{run}/resume", post(control::resume)),
        post_row("/runs/{run}/retry", post(control::retry)),
        post_row("/runs/{run}/approve", post(control::approve)),
        post_row("/runs/{run}/reject", post(control::reject)),
        post_row("/runs/{run}/send", post(control::send)),
        get_row("/runs/{run}/diff/{other}", get(compare::diff)),
        get_row("/runs/{run}/why/{*block}", get(compare::why)),
    ]
}

/// Returns the routes below [`BASE`].
pub(crate) fn routes() -> Router<Arc<Site>> {
    let rows = rows().into_iter();
    rows.fold(Router::new(), |router, row| router.route(row.path, row.handler))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
}

/// Answers what fits no route.
pub(crate) async fn no_route() -> Problem {
    Problem::not_found("there is no such route")
}

/// Answers a method that a route does not have.
pub(crate) async fn no_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the route has no such method")
}
