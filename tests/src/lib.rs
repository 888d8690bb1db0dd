//! The test kit: random graphs, the reference evaluator, and a block type that does as it is told.

pub mod graphs;
pub mod probe;
pub mod random;
pub mod reference;
