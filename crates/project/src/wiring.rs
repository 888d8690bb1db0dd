//! What this binary is made of: the one place that names the parts of other crates.

use anyhow::{Context as _, Result};
use blueprint_model::{BlockSpec, Registry};
use blueprint_script::{Pool, PoolSettings};

/// Returns the block types of this process, in the order of the manual.
pub fn catalogue() -> Vec<&'static BlockSpec> {
    blueprint_blocks::all().iter().map(|block| block.spec()).collect()
}

/// Returns the block types and script languages of this process.
pub fn registry() -> Registry {
    let languages = blueprint_script::all(blueprint_vault::derivations());
    Registry::new(blueprint_blocks::all(), languages)
}

/// Returns the same with scripts in processes of their own, which end with the registry.
///
/// # Errors
///
/// Returns an error if this process cannot start others.
pub fn pooled_registry() -> Result<Registry> {
    let pool = PoolSettings::of_this_binary().and_then(Pool::open);
    let pool = pool.context("cannot start the processes that scripts run in")?;
    let languages = blueprint_script::pooled(blueprint_vault::derivations(), &pool);
    Ok(Registry::new(blueprint_blocks::all(), languages))
}
