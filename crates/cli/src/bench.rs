//! Block throughput beside the limits of the machine: what `blueprint bench` and the benches of the
//! workspace measure with.
//!
//! [`shapes`] and [`source`] write blueprints, [`stage`] runs them, [`limits`] do the same work
//! without an engine, and [`harness`] measures both in turns. [`headline`] is what a person gets;
//! [`table`] and [`chart`] are how figures look.

pub mod chart;
pub mod flush;
pub mod harness;
pub mod headline;
pub mod limits;
pub mod measure;
pub mod pass;
pub mod report;
pub mod shapes;
pub mod source;
pub mod stage;
pub mod table;
