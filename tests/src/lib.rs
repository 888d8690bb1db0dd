//! The test kit: random graphs with the reference evaluator, and what runs the suite's files.

pub mod canary;
pub mod case;
pub mod crash;
pub mod graphs;
pub mod oracle;
pub mod probe;
pub mod random;
pub mod reference;
pub mod replay;
pub mod run;
pub mod secrets;
pub mod served;
pub mod server;
pub mod trace;
pub mod workspace;
