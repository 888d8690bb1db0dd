//! A block type that ends as it is told, when it is told.

use async_trait::async_trait;
use blueprint_model::{
    Inputs, Value,
    block::{
        Block, BlockCx, BlockError, BlockSpec, End, FieldKind, FieldSpec, Finish, Need,
        OutcomeSpec, Pace, Reach,
    },
};

static SPEC: BlockSpec = BlockSpec {
    kind: "probe",
    summary: "End as told",
    docs: "For tests of the engine.",
    fields: &[FieldSpec {
        name: "value",
        kind: FieldKind::Any,
        need: Need::Optional,
        summary: "becomes the result",
        is_egress: false,
    }],
    outcomes: &[
        OutcomeSpec { name: "a", is_error: false, summary: "one way" },
        OutcomeSpec { name: "b", is_error: false, summary: "another way" },
        OutcomeSpec { name: "error", is_error: true, summary: "the bad way" },
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Waiting,
    reach: Reach::Inside,
    result: "the value",
    example: "{type: probe}",
};

/// The block type.
#[derive(Debug, Default)]
pub struct Probe;

#[async_trait]
impl Block for Probe {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        Ok(End::new("a", inputs.get("value").cloned().unwrap_or(Value::Null)).into())
    }
}
