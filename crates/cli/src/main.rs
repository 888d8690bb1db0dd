//! The binary `blueprint`.

use std::process::ExitCode;

use blueprint_script::memory::CountingAllocator;
use mimalloc::MiMalloc;

/// Scripts are bounded in memory by what this counts.
#[global_allocator]
static ALLOCATOR: CountingAllocator<MiMalloc> = CountingAllocator(MiMalloc);

fn main() -> ExitCode {
    blueprint::start::main()
}
