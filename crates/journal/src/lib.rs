//! Where events are kept: one file per store, behind the `Journal` contract of the model.

mod memory;

pub use crate::memory::MemoryJournal;
