//! `--mock`: blocks that answer as a file says.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use blueprint_engine::{Library, Plan};
use blueprint_model::{Block, Value, value::Map};
use serde_json::json;

use crate::{
    app::App,
    canned::{self, Answer, Canned, Faults, Times},
    commands::run::{Input, from},
    failure::Failure,
    store::Pinned,
};

/// Returns plan and library with the mocked blocks in them.
///
/// # Errors
///
/// Returns a failure if there is no such block, or its file is no JSON or no answer of it.
pub(super) fn put(
    mocks: &[Input],
    earlier: Option<&Value>,
    plan: Arc<Plan>,
    library: Library,
    app: &mut App,
) -> Result<(Pinned, Value)> {
    let mut answers = Map::new();
    for mock in mocks {
        let text = mock.value.read()?;
        let value = serde_json::from_str(&text).map_err(|err| {
            Failure::wrong(format!("the mock of `{}` is not JSON: {err}", mock.key))
        })?;
        app.err.line(&format!("`{}` is mocked and does not run", mock.key))?;
        answers.insert(mock.key.clone(), value);
    }
    let mut setup = if answers.is_empty() { Value::Null } else { json!({"mocks": answers}) };
    if let Some(earlier) = earlier {
        setup["from"] = earlier.clone();
    }
    Ok((put_again(&setup, plan, Arc::new(library))?, setup))
}

/// Returns plan and library with the blocks in them that a run's setup mocks, or that answer as they
/// did in an earlier run.
///
/// # Errors
///
/// Returns a failure if there is no such block, or no such answer of it.
pub(crate) fn put_again(setup: &Value, plan: Arc<Plan>, library: Arc<Library>) -> Result<Pinned> {
    let Pinned { plan, library } = from::put(setup, plan, library)?;
    put_mocks(setup, plan, library)
}

fn put_mocks(setup: &Value, plan: Arc<Plan>, library: Arc<Library>) -> Result<Pinned> {
    let Some(mocks) = setup.get("mocks").and_then(Value::as_object) else {
        return Ok(Pinned { plan, library });
    };
    let mut blocks: BTreeMap<(String, String), Arc<dyn Block>> = BTreeMap::new();
    for (name, value) in mocks {
        let (blueprint, info) = canned::find_block(name, &plan, &library)?;
        let answers = [Answer::of(value.clone())];
        let block = Canned::new(&info, &answers, Times::Always, Faults::default())?;
        blocks.insert((blueprint, info.path), Arc::new(block));
    }
    let (plan, library) = canned::recast(&plan, &library, &mut |blueprint, block| {
        blocks.get(&(blueprint.into(), block.path.clone())).cloned()
    });
    Ok(Pinned { plan, library })
}
