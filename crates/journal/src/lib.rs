//! Where events are kept, one file per store.
