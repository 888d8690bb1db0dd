//! `--mock`: blocks that answer as a file says.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use blueprint_engine::{Library, Plan};
use blueprint_model::Block;

use crate::{
    app::App,
    canned::{self, Answer, Canned, Faults, Times},
    commands::run::Input,
    failure::Failure,
};

/// Returns plan and library with the mocked blocks in them.
///
/// # Errors
///
/// Returns a failure if there is no such block, or its file is no JSON or no answer of it.
pub(super) fn put(
    mocks: &[Input],
    plan: Arc<Plan>,
    library: Library,
    app: &mut App,
) -> Result<(Arc<Plan>, Arc<Library>)> {
    if mocks.is_empty() {
        return Ok((plan, Arc::new(library)));
    }
    let mut blocks: BTreeMap<(String, String), Arc<dyn Block>> = BTreeMap::new();
    for mock in mocks {
        let (blueprint, info) = canned::find_block(&mock.key, &plan, &library)?;
        let text = mock.value.read()?;
        let value = serde_json::from_str(&text).map_err(|err| {
            Failure::wrong(format!("the mock of `{}` is not JSON: {err}", mock.key))
        })?;
        let block = Canned::new(&info, &[Answer::of(value)], Times::Always, Faults::default())?;
        app.err.line(&format!("`{}` is mocked and does not run", mock.key))?;
        blocks.insert((blueprint, info.path), Arc::new(block));
    }
    Ok(canned::recast(&plan, &library, &mut |blueprint, block| {
        blocks.get(&(blueprint.into(), block.path.clone())).cloned()
    }))
}
