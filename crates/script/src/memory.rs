//! Counts what each thread holds in memory, so that a run can be stopped when it holds too much.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    hint::black_box,
};

/// Charged for every allocation on top of its size: what the allocator keeps beside it. It also
/// bounds how many small pieces a script can hold, and so how deep it can nest them: the stacks of
/// `threads` are sized by it.
const OVERHEAD: i64 = 64;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
}

/// Returns the bytes that this thread has allocated and not yet freed, each allocation charged with
/// its bookkeeping. Negative where a thread frees what others allocated. Always 0 without
/// [`CountingAllocator`]. Only differences mean something.
#[inline]
pub fn allocated() -> i64 {
    HELD.with(Cell::get)
}

/// Returns whether [`CountingAllocator`] is installed, and the memory bound in force.
pub fn is_counting() -> bool {
    let before = allocated();
    let probe = black_box(Box::new([0_u8; 64]));
    let is_counting = allocated() != before;
    drop(probe);
    is_counting
}

/// An allocator that counts per thread. A binary installs it around its allocator:
///
/// ```
/// use std::alloc::System;
///
/// use blueprint_script::memory::{self, CountingAllocator};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator<System> = CountingAllocator(System);
///
/// assert!(memory::is_counting());
/// ```
pub struct CountingAllocator<A>(pub A);

#[inline]
fn count(size: usize) {
    HELD.with(|held| {
        held.set(held.get().wrapping_add(OVERHEAD).wrapping_add_unsigned(size as u64));
    });
}

#[inline]
fn discount(size: usize) {
    HELD.with(|held| {
        held.set(held.get().wrapping_sub(OVERHEAD).wrapping_sub_unsigned(size as u64));
    });
}

#[expect(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait; every call is handed on unchanged to the allocator \
              inside, and counting touches one thread-local integer that never allocates"
)]
// SAFETY: all four methods return what the inner allocator returns for the same arguments, so its
// own guarantees hold. The counter has no destructor and no lazy state, so it may be used at any
// time in a thread's life, also while the thread ends.
unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about `layout` are passed on.
        let memory = unsafe { self.0.alloc(layout) };
        if !memory.is_null() {
            count(layout.size());
        }
        memory
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let memory = unsafe { self.0.alloc_zeroed(layout) };
        if !memory.is_null() {
            count(layout.size());
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        discount(layout.size());
        // SAFETY: `memory` came from this allocator, and so from the inner one, with this layout.
        unsafe { self.0.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`, and `new_size` is as the caller promises.
        let moved = unsafe { self.0.realloc(memory, layout, new_size) };
        if !moved.is_null() {
            discount(layout.size());
            count(new_size);
        }
        moved
    }
}
