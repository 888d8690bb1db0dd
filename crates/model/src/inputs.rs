//! What a block gets: its fields with every reference resolved, and its scripts with their variables.

use std::{sync::Arc, time::Duration};

use crate::{
    block::BlockError,
    script::{Script, Variables},
    units,
    value::{self, Map, Shared, Value},
};

/// The resolved fields of one attempt. Neither `Debug` nor `Serialize`: they may hold handles of
/// secrets, and what is recorded are templates.
#[derive(Default)]
pub struct Inputs {
    fields: Vec<(&'static str, Input)>,
    /// The variables that the block's scripts use.
    pub variables: Variables,
}

/// A resolved field.
#[derive(Clone)]
pub enum Input {
    /// A value.
    Value(Shared),
    /// A compiled script.
    Script(Script),
    /// Compiled expressions by name, in file order.
    Cases(Arc<Vec<(Arc<str>, Script)>>),
}

impl Inputs {
    /// Returns the inputs with these fields.
    pub fn new(fields: Vec<(&'static str, Input)>, variables: Variables) -> Self {
        Self { fields, variables }
    }

    /// Returns the value of a field, or `None` where it was left out or is null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.shared(name).map(|value| &**value)
    }

    /// Returns the value of a field to keep without a copy.
    pub fn shared(&self, name: &str) -> Option<&Shared> {
        match self.field(name)? {
            Input::Value(value) if !value.is_null() => Some(value),
            Input::Value(_) | Input::Script(_) | Input::Cases(_) => None,
        }
    }

    /// Returns whether a field is there, `null` included.
    pub fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// Returns a text; numbers and booleans are put into text.
    pub fn text(&self, name: &str) -> Result<Option<String>, BlockError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(_) | Value::Object(_)) => Err(self.misfit(name, "text")),
            Some(other) => Ok(value::to_text(other)),
        }
    }

    /// Returns a text that must be there.
    pub fn required_text(&self, name: &str) -> Result<String, BlockError> {
        self.text(name)?.ok_or_else(|| BlockError::permanent(format!("`{name}` is empty")))
    }

    /// Returns a whole number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, BlockError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                number.as_i64().map(Some).ok_or_else(|| self.misfit(name, "a whole number"))
            }
            Some(Value::String(text)) => {
                text.trim().parse().map(Some).map_err(|_| self.misfit(name, "a whole number"))
            }
            Some(_) => Err(self.misfit(name, "a whole number")),
        }
    }

    /// Returns a boolean.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, BlockError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(_) => Err(self.misfit(name, "`true` or `false`")),
        }
    }

    /// Returns a duration: text with a unit.
    pub fn duration(&self, name: &str) -> Result<Option<Duration>, BlockError> {
        self.text(name)?
            .map(|text| units::parse_duration(&text))
            .map(|parsed| parsed.ok_or_else(|| self.misfit(name, "a duration such as `10s`")))
            .transpose()
    }

    /// Returns a size in bytes: text with a unit, or a number.
    pub fn size(&self, name: &str) -> Result<Option<u64>, BlockError> {
        self.text(name)?
            .map(|text| units::parse_size(&text))
            .map(|parsed| parsed.ok_or_else(|| self.misfit(name, "a size such as `10MB`")))
            .transpose()
    }

    /// Returns an object.
    pub fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, BlockError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.misfit(name, "an object")),
        }
    }

    /// Returns a compiled script.
    pub fn script(&self, name: &str) -> Option<&Script> {
        match self.field(name)? {
            Input::Script(script) => Some(script),
            Input::Value(_) | Input::Cases(_) => None,
        }
    }

    /// Returns the compiled expressions of a field of cases.
    pub fn cases(&self, name: &str) -> &[(Arc<str>, Script)] {
        match self.field(name) {
            Some(Input::Cases(cases)) => cases,
            Some(Input::Value(_) | Input::Script(_)) | None => &[],
        }
    }

    fn field(&self, name: &str) -> Option<&Input> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, input)| input)
    }

    fn misfit(&self, name: &str, wanted: &str) -> BlockError {
        let given = self.get(name).map_or("null", value::type_name);
        BlockError::permanent(format!("`{name}` must be {wanted}, not {given}"))
    }
}
