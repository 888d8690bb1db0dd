//! How things look: pure functions from data to text, and the one place that redraws.

pub mod catalogue;
pub mod compare;
pub mod diagnostics;
pub mod diff;
pub mod errors;
pub mod live;
pub mod plain;
pub mod reference;
pub mod runs;
pub mod secrets;
pub mod story;
pub mod topics;
pub mod tree;
pub mod why;
