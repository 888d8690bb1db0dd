//! A project served: what comes back over HTTP. One module for each area.

mod access;
mod api;
mod basics;
mod bounds;
mod overload;
mod run_pages;
mod secrets;
mod streams;
mod triggers;
