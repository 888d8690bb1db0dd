//! Every route, and what holds for all of them.

use std::sync::Arc;

use axum::{Router, middleware};

use crate::{access, api, site::Site, triggers, ui};

/// Returns the server's routes.
pub(crate) fn all(site: Arc<Site>) -> Router {
    Router::new()
        .nest("/api/v1", api::routes())
        .merge(access::routes())
        .merge(triggers::routes())
        .merge(ui::routes())
        .layer(middleware::from_fn_with_state(site.clone(), access::guard))
        .with_state(site)
}
