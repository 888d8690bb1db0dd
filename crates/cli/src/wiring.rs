//! What this binary is made of: the one place that names the parts of other crates.

use blueprint_model::{BlockSpec, Registry};

/// Returns the block types of this process, in the order of the manual.
pub fn catalogue() -> Vec<&'static BlockSpec> {
    blueprint_blocks::all().iter().map(|block| block.spec()).collect()
}

/// Returns the block types and script languages of this process.
pub fn registry() -> Registry {
    let languages = blueprint_script::all(blueprint_vault::derivations());
    Registry::new(blueprint_blocks::all(), languages)
}
