//! The built-in block types, one file each.
