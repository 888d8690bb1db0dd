//! What scripts can do, and what they cannot.

use std::alloc::System;

use blueprint_script::memory::CountingAllocator;

mod attacks;
mod behaviour;
mod faults;
mod sandbox;
mod support;
mod uses;
mod vault;

#[global_allocator]
static ALLOCATOR: CountingAllocator<System> = CountingAllocator(System);
