//! The start page: what fails, what runs, what fires next.

use std::sync::Arc;

use axum::extract::State;
use maud::html;

use crate::{
    access::Visitor,
    site::Site,
    ui::{
        parts,
        shell::{self, Page, Tab},
    },
};

/// Shows the start page.
pub(super) async fn page(State(site): State<Arc<Site>>, visitor: Visitor) -> Page {
    let snapshot = site.catalogue.now();
    let body = html! {
        h1 { (site.name()) }
        ul { @for name in snapshot.entries.keys() { li { (parts::blueprint_link(name)) } } }
    };
    shell::page(&site, &visitor, Tab::Start, "Start", &body)
}
