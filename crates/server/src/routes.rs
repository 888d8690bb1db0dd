//! Every route, and what holds for all of them.

use std::sync::Arc;

use axum::{Router, middleware, routing::get};

use crate::{access, api, health, metrics, site::Site, triggers, ui};

/// Returns the server's routes.
pub(crate) fn all(site: Arc<Site>) -> Router {
    Router::new()
        .nest(api::BASE, api::routes())
        .merge(access::routes())
        .merge(triggers::routes())
        .merge(ui::routes())
        .route("/healthz", get(health::lives))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page::page))
        .fallback(api::no_route)
        .method_not_allowed_fallback(api::no_method)
        .layer(middleware::from_fn_with_state(site.clone(), access::guard))
        .layer(middleware::from_fn_with_state(site.clone(), metrics::observe))
        .with_state(site)
}
