//! What benches need beside `blueprint::bench`: servers, scripts and databases without an engine, and
//! the memory of this process.
//!
//! The shapes of blueprints, the limits of the machine and the rounds that alternate are those of
//! `blueprint bench`.

pub mod disk;
pub mod harness;
pub mod instructions;
pub mod load;
pub mod memory;
pub mod scripts;
pub mod server;
pub mod throughput;
