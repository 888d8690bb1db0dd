//! Block types that do nothing but give a result: what is left is the engine's own cost.

use async_trait::async_trait;
use blueprint_model::{
    Inputs, Value,
    block::{Block, BlockCx, BlockError, BlockSpec, End, Finish, OutcomeSpec, Pace, Reach},
};
use serde_json::json;

const SPEC: BlockSpec = BlockSpec {
    kind: "pass",
    summary: "Give a small object",
    docs: "For benches.",
    fields: &[],
    outcomes: &[OutcomeSpec { name: "success", is_error: false, summary: "always" }],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "an object of three keys",
    example: "{type: pass}",
};

static PASS: BlockSpec = SPEC;

static OUTSIDE: BlockSpec =
    BlockSpec { kind: "outside", pace: Pace::Waiting, reach: Reach::Outside, ..SPEC };

/// The block type.
pub struct Pass;

#[async_trait]
impl Block for Pass {
    fn spec(&self) -> &'static BlockSpec {
        &PASS
    }

    async fn run(&self, _inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        Ok(End::new("success", result(1)).into())
    }
}

/// The same, as if it reached outside: it waits until all before it is on the disk.
pub struct Outside;

#[async_trait]
impl Block for Outside {
    fn spec(&self) -> &'static BlockSpec {
        &OUTSIDE
    }

    async fn run(&self, _inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        Ok(End::new("success", result(1)).into())
    }
}

/// Returns the object that a block gives, here and in the limits.
pub fn result(n: u64) -> Value {
    json!({"id": n, "name": "block", "ok": true})
}
