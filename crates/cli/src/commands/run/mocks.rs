//! `--mock`: blocks that answer as a file says.

use std::sync::Arc;

use anyhow::Result;
use blueprint_engine::{Library, Plan};
use blueprint_model::{Value, value::Map};
use blueprint_project::{canned, failure::Failure, store::Pinned};
use serde_json::json;

use crate::{app::App, commands::run::Input};

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
    Ok((canned::put_again(&setup, plan, Arc::new(library))?, setup))
}
