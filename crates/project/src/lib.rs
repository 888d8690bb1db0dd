//! A project on disk: its settings, its blueprints as plans, its vault and its run store.
//!
//! The command line and the server are two fronts of the same project. What both need to open one,
//! to start and go on with its runs, and to look at them later is here, and knows neither terminals
//! nor HTTP. An error that is a [`failure::Failure`] says whose fault it is and what to do; any other
//! means that the environment is broken.

pub mod answers;
pub mod canned;
pub mod compare;
pub mod drawing;
pub mod earlier;
pub mod environment;
pub mod failure;
pub mod findings;
pub mod history;
pub mod project;
pub mod secrets;
pub mod settings;
pub mod store;
pub mod tail;
pub mod text;
pub mod triggers;
pub mod vault;
pub mod why;
pub mod wiring;
