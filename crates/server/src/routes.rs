//! Every route, and what holds for all of them.

use std::sync::Arc;

use axum::Router;

use crate::{api, site::Site, ui};

/// Returns the server's routes.
pub(crate) fn all(site: Arc<Site>) -> Router {
    Router::new().nest("/api/v1", api::routes()).merge(ui::routes()).with_state(site)
}
