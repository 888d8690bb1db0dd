//! Pages for people, one file each: rendered here, complete without scripts.

mod assets;
mod parts;
mod shell;
mod start;

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::site::Site;

/// Returns the routes of the pages.
pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new().route("/", get(start::page)).route("/assets/{file}", get(assets::file))
}
