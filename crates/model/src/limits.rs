//! The bounds of a process: each has a name, a default and a test.

use std::{net::SocketAddr, time::Duration};

/// All bounds that `project.yaml` can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bounds of scripts.
    pub script: ScriptLimits,
    /// Deepest nesting of graphs.
    pub depth: usize,
    /// Most items of a loop.
    pub items: usize,
    /// Largest result of a block, in bytes.
    pub result_size: u64,
    /// Whether blocks may connect to private, loopback and link-local addresses.
    pub network: Network,
}

/// Which addresses blocks may connect to. Metadata addresses are always refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Whether private, loopback and link-local addresses are allowed.
    pub allows_private: bool,
    /// Hosts, addresses or ranges that are allowed all the same.
    pub allow: Vec<String>,
    /// Hosts that a server on this machine stands in for, over plain HTTP: for demos and tests.
    /// Addresses other than loopback ones are not followed.
    pub mocks: Vec<(String, SocketAddr)>,
}

/// Bounds of one run of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptLimits {
    /// Most operations.
    pub operations: u64,
    /// Longest run.
    pub time: Duration,
    /// Most memory, in bytes.
    pub memory: u64,
    /// Largest source, in bytes.
    pub size: usize,
    /// Largest output of `print` and `log` together, in bytes.
    pub output: usize,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        Self {
            operations: 50_000_000,
            time: Duration::from_secs(10),
            memory: 64 << 20,
            size: 64 << 10,
            output: 256 << 10,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            script: ScriptLimits::default(),
            depth: 32,
            items: 1_000_000,
            result_size: 64 << 20,
            network: Network { allows_private: true, allow: Vec::new(), mocks: Vec::new() },
        }
    }
}
