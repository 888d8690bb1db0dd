//! A project served: what comes back over HTTP. One module for each area.

mod access;
mod basics;
mod bounds;
mod run_pages;
mod secrets;
