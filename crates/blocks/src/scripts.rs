//! How blocks run their scripts and judge what an expression gives.

use blueprint_model::{
    BlockCx, BlockError, Inputs, Script, ScriptEnd, ScriptScope, Value, script::Variables,
};

/// Returns the compiled script of a field.
pub(crate) fn script_of<'i>(inputs: &'i Inputs, field: &str) -> Result<&'i Script, BlockError> {
    let missing = || BlockError::permanent(format!("`{field}` holds no script"));
    inputs.script(field).ok_or_else(missing)
}

/// Runs a script and hands on what it logged.
pub(crate) fn run_script(
    script: &Script,
    variables: &Variables,
    cx: &BlockCx,
) -> Result<ScriptEnd, BlockError> {
    let scope = ScriptScope {
        variables,
        egress: &cx.egress,
        cancel: &cx.cancel,
        limits: &cx.limits.script,
    };
    let mut end = script.run(scope).map_err(|err| BlockError::permanent(err.message))?;
    for line in end.log.drain(..) {
        cx.log(line.level, line.text);
    }
    Ok(end)
}

/// Returns the value of an expression, which may read the state and not change it.
pub(crate) fn evaluate(
    script: &Script,
    variables: &Variables,
    cx: &BlockCx,
) -> Result<Value, BlockError> {
    let end = run_script(script, variables, cx)?;
    if end.state.is_some() {
        return Err(BlockError::permanent(
            "an expression cannot change the state; use a `code` or `set_state` block",
        ));
    }
    Ok(end.value)
}

/// Returns whether a value counts as true. False are `false`, `null`, `0`, `""`, `[]` and `{}`.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_and_zero_are_false() {
        for value in [json!(null), json!(false), json!(0), json!(0.0), json!(-0.0)] {
            assert!(!is_true(&value), "{value}");
        }
        for value in [json!(""), json!([]), json!({})] {
            assert!(!is_true(&value), "{value}");
        }
    }

    #[test]
    fn everything_else_is_true() {
        for value in [json!(true), json!(-1), json!(0.1), json!(" "), json!("false"), json!("0")] {
            assert!(is_true(&value), "{value}");
        }
        for value in [json!([null]), json!({"a": null}), json!(u64::MAX)] {
            assert!(is_true(&value), "{value}");
        }
    }
}
