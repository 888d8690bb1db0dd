//! The start page: what fails, what runs, what fires next.

use std::sync::Arc;

use axum::{extract::State, response::Html};
use maud::{DOCTYPE, html};

use crate::site::Site;

/// Shows the start page.
pub(super) async fn page(State(site): State<Arc<Site>>) -> Html<String> {
    let snapshot = site.catalogue.now();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { title { (site.name()) } }
            body {
                h1 { (site.name()) }
                ul { @for name in snapshot.entries.keys() { li { (name) } } }
            }
        }
    };
    Html(page.into_string())
}
