//! Where events are kept: one file per store, behind the `Journal` contract of the model.

mod memory;
mod sqlite;

pub use crate::{
    memory::MemoryJournal,
    sqlite::{Flush, SqliteJournal, Verified},
};
