//! Sandboxed script languages, one file each.
