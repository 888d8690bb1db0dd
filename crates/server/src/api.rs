//! The HTTP API, one file for each sort of thing: the route decides what is done, the body is data.

#![expect(unused_qualifications, reason = "what utoipa makes of parameters names them twice")]

mod blueprints;
mod compare;
mod control;
pub(crate) mod dto;
mod events;
mod openapi;
pub(crate) mod runs;
mod secrets;
pub(crate) mod take;
mod tokens;
mod triggers;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get, post, put},
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
    let row = |method, path, handler| Row { method, path, handler };
    vec![
        row("get", "/openapi.json", get(openapi::show)),
        row("get", "/blueprints", get(blueprints::list)),
        row("get", "/blueprints/{name}", get(blueprints::one)),
        row("get", "/blueprints/{name}/source", get(blueprints::source)),
        row("get", "/blueprints/{name}/graph", get(blueprints::graph)),
        row("get", "/blueprints/{name}/check", get(blueprints::check)),
        row("post", "/blueprints/{name}/runs", post(runs::start)),
        row("get", "/runs", get(runs::list)),
        row("get", "/runs/{run}", get(runs::one)),
        row("get", "/runs/{run}/value", get(runs::value)),
        row("get", "/runs/{run}/events", get(events::list)),
        row("post", "/runs/{run}/cancel", post(control::cancel)),
        row("post", "/runs/{run}/resume", post(control::resume)),
        row("post", "/runs/{run}/retry", post(control::retry)),
        row("post", "/runs/{run}/approve", post(control::approve)),
        row("post", "/runs/{run}/reject", post(control::reject)),
        row("post", "/runs/{run}/send", post(control::send)),
        row("get", "/runs/{run}/diff/{other}", get(compare::diff)),
        row("get", "/runs/{run}/why/{*block}", get(compare::why)),
        row("get", "/secrets", get(secrets::list)),
        row("post", "/secrets", post(secrets::import)),
        row("get", "/secrets/{name}", get(secrets::one)),
        row("put", "/secrets/{name}", put(secrets::set)),
        row("delete", "/secrets/{name}", delete(secrets::delete)),
        row("post", "/secrets/{name}/rename", post(secrets::rename)),
        row("get", "/tokens", get(tokens::list)),
        row("post", "/tokens", post(tokens::create)),
        row("delete", "/tokens/{token}", delete(tokens::revoke)),
        row("get", "/triggers", get(triggers::list)),
        row("post", "/triggers/{blueprint}/{id}/fire", post(triggers::fire)),
        row("post", "/events/{name}", post(triggers::event)),
    ]
}

/// Returns the document of the API as JSON.
pub(crate) fn document() -> serde_json::Value {
    serde_json::to_value(openapi::document()).expect("a document of ours is JSON")
}

/// Returns the routes below [`BASE`].
pub(crate) fn routes() -> Router<Arc<Site>> {
    let rows = rows().into_iter();
    rows.fold(Router::new(), |router, row| router.route(row.path, row.handler))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::map_response(as_problem))
}

/// Makes a problem of an answer that says in another way that something was not done: the texts of
/// libraries are not for clients.
async fn as_problem(response: Response) -> Response {
    let (status, headers) = (response.status(), response.headers());
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_bad = status.is_client_error() || status.is_server_error();
    if !is_bad || kind == Some(b"application/problem+json") {
        return response;
    }
    let words = status.canonical_reason().unwrap_or("the request was not served");
    Problem::new(status, words.to_lowercase()).into_response()
}

/// Answers what fits no route.
pub(crate) async fn no_route() -> Problem {
    Problem::not_found("there is no such route")
}

/// Answers a method that a route does not have.
pub(crate) async fn no_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the route has no such method")
}
