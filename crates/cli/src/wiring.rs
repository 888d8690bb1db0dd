//! What this binary is made of: the one place that names the parts of other crates.

use blueprint_model::BlockSpec;

/// Returns the block types of this process, in the order of the manual.
pub fn catalogue() -> Vec<&'static BlockSpec> {
    Vec::new()
}
