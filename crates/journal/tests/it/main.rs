//! What a store of runs promises, tried on real files.

mod contract;
mod damage;
mod format;
mod letters;
mod notes;
mod owners;
mod sample;
mod storage;
mod tail;
