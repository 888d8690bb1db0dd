//! Shapes of blueprints, limits of the machine, and the harness that measures both in turns.

pub mod disk;
pub mod harness;
pub mod limits;
pub mod pass;
pub mod shapes;
