//! The binary `blueprint` as the tests start it: the same one line as `crates/cli/src/main.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    blueprint::start::main()
}
