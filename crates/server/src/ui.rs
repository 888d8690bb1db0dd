//! Pages for people, one file each: rendered here, complete without scripts.

mod api;
mod assets;
mod blueprint;
mod blueprints;
mod diagnostics;
mod excerpt;
mod form;
mod graph;
mod parts;
mod run;
mod runs;
pub(crate) mod shell;
mod start;
mod tokens;
mod triggers;
mod vault;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

pub(crate) use self::run::Folds;
pub(crate) use self::vault::Imports;
use crate::site::Site;

/// Returns the routes of the pages.
pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(start::page))
        .route("/assets/{file}", get(assets::file))
        .route("/api", get(api::page))
        .route("/diagnostics", get(diagnostics::page))
        .merge(tokens::routes())
        .merge(triggers::routes())
        .merge(vault::routes())
        .route("/blueprints", get(blueprints::page))
        .route("/blueprints/{name}", get(blueprint::page).post(blueprint::start))
        .route("/runs", get(runs::page))
        .route("/runs/{run}", get(run::page))
        .route("/runs/{run}/view", get(run::view))
        .route("/runs/{run}/stream", get(run::stream))
        .route("/runs/{run}/panel", get(run::panel))
        .route("/runs/{run}/compare", get(run::compare))
        .route("/runs/{run}/result", get(run::result))
        .route("/runs/{run}/cancel", post(run::cancel))
        .route("/runs/{run}/resume", post(run::resume))
        .route("/runs/{run}/retry", post(run::retry))
        .route("/runs/{run}/answer", post(run::answer))
}
