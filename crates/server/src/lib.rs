//! A project served: an HTTP API, triggers, and pages for people. No truth of its own.
//!
//! Every route gets the one `Site`: the project, its blueprints as they are now
//! (`catalogue`), its run store and its engine. `runs` is the only place that starts runs, so
//! that bounds hold for all of them, whatever started them. What a route or a page shows of a run
//! comes from the store, as events.

mod access;
mod acts;
mod api;
mod catalogue;
mod connections;
mod health;
mod metrics;
mod problem;
mod routes;
mod runs;
mod serve;
mod site;
mod streams;
pub mod tokens;
mod triggers;
mod ui;

pub use crate::{
    connections::Bounds,
    serve::{Options, serve},
};
