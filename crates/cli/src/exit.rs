//! Exit codes: a contract with scripts, coarse on purpose.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Fine,
    /// The run failed: an unhandled error, a `fail` block or a deadline.
    RunFailed,
    /// The blueprint, the inputs or the arguments are wrong; also `check` with findings.
    Wrong,
    /// The environment is broken: vault locked, secret missing, server unreachable, disk full.
    Environment,
    /// Cancelled by Ctrl-C.
    Interrupted,
    /// Cancelled by SIGTERM.
    Terminated,
}

impl Exit {
    /// Every exit with its meaning, for `help exit-codes`.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Fine, "fine"),
        (Self::RunFailed, "the run failed: an unhandled error, a `fail` block or a deadline"),
        (Self::Wrong, "blueprint, inputs or arguments wrong; also `check` with findings"),
        (
            Self::Environment,
            "environment broken: vault locked, secret missing, server unreachable, disk full",
        ),
        (Self::Interrupted, "cancelled by Ctrl-C"),
        (Self::Terminated, "cancelled by SIGTERM"),
    ];

    /// Returns the number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::RunFailed => 1,
            Self::Wrong => 2,
            Self::Environment => 3,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 130, 143]);
    }
}
