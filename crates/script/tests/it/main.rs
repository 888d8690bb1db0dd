//! What scripts can do, and what they cannot.

use std::alloc::System;

use blueprint_script::memory::CountingAllocator;

mod attacks;
mod behaviour;
mod derivations;
mod faults;
mod pool;
mod random;
mod sandbox;
mod support;
mod uses;
mod vault;

#[global_allocator]
static ALLOCATOR: CountingAllocator<System> = CountingAllocator(System);
