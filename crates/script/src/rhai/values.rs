//! JSON to script values and back.
//!
//! Whole numbers above `i64::MAX` become an opaque [`BigInteger`] that keeps all digits; scripts
//! can print, compare and return it. Objects come back with sorted keys: a Rhai map has no order of
//! its own.

use blueprint_model::{
    units::MAX_DEPTH,
    value::{Map as Object, Number, Value},
};
use rhai::{Array, Dynamic, EvalAltResult, Identifier, ImmutableString, Map};

use super::{
    secrets::{Digest, SecretText, Vault},
    session::{Fallible, Refusal, refuse, room, stopped, work},
};
use crate::guard::{self, Stop};

/// A whole number too big for a script's integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BigInteger(pub(super) u64);

/// Returns the script's own copy of a value.
pub(super) fn to_dynamic(value: &Value) -> Fallible<Dynamic> {
    copy_in(value, MAX_DEPTH + 1)
}

/// Returns the script's own copy of some keys of an object.
pub(super) fn to_dynamic_keys(
    object: &Object<String, Value>,
    keys: &[String],
) -> Fallible<Dynamic> {
    let mut map = Map::new();
    for key in keys {
        if let Some(value) = object.get(key) {
            map.insert(key.as_str().into(), copy_in(value, MAX_DEPTH)?);
        }
    }
    Ok(Dynamic::from_map(map))
}

fn copy_in(value: &Value, depth: usize) -> Fallible<Dynamic> {
    let Some(depth) = depth.checked_sub(1) else { return Err(too_deep()) };
    Ok(match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => number_in(number),
        Value::String(text) => {
            room(text.len())?;
            ImmutableString::from(text.as_str()).into()
        }
        Value::Array(list) => {
            room(list.len() * size_of::<Dynamic>())?;
            let mut array = Array::with_capacity(list.len());
            for item in list {
                work(1)?;
                array.push(copy_in(item, depth)?);
            }
            Dynamic::from_array(array)
        }
        Value::Object(object) => {
            let mut map = Map::new();
            for (key, item) in object {
                work(key.len())?;
                map.insert(Identifier::from(key.as_str()), copy_in(item, depth)?);
            }
            Dynamic::from_map(map)
        }
    })
}

fn number_in(number: &Number) -> Dynamic {
    if let Some(integer) = number.as_i64() {
        return integer.into();
    }
    match number.as_u64() {
        Some(integer) => Dynamic::from(BigInteger(integer)),
        None => number.as_f64().unwrap_or(f64::NAN).into(),
    }
}

/// Returns the JSON of a script's value; secrets become their handles.
pub(super) fn to_value(value: Dynamic) -> Fallible<Value> {
    copy_out(value, MAX_DEPTH + 1)
}

fn copy_out(value: Dynamic, depth: usize) -> Fallible<Value> {
    let Some(depth) = depth.checked_sub(1) else { return Err(too_deep()) };
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(truth.into());
    }
    if let Ok(integer) = value.as_int() {
        return Ok(integer.into());
    }
    if let Ok(float) = value.as_float() {
        return Number::from_f64(float)
            .map(Value::Number)
            .ok_or_else(|| refuse(format!("the number `{float}` has no form in JSON")));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        room(text.len())?;
        return Ok(Value::String(text.as_str().into()));
    }
    if value.is_array() {
        return array_out(value.into_array().unwrap_or_default(), depth);
    }
    if value.is_map() {
        return map_out(value.try_cast::<Map>().unwrap_or_default(), depth);
    }
    other_out(&value)
}

fn array_out(array: Array, depth: usize) -> Fallible<Value> {
    room(array.len() * size_of::<Value>())?;
    let mut list = Vec::with_capacity(array.len());
    for item in array {
        work(1)?;
        list.push(copy_out(item, depth)?);
    }
    Ok(Value::Array(list))
}

fn map_out(map: Map, depth: usize) -> Fallible<Value> {
    room(map.len() * (size_of::<Value>() + size_of::<String>()))?;
    let mut object = Object::with_capacity(map.len());
    for (key, item) in map {
        room(key.len())?;
        work(1)?;
        object.insert(key.as_str().into(), copy_out(item, depth)?);
    }
    Ok(Value::Object(object))
}

fn other_out(value: &Dynamic) -> Fallible<Value> {
    if let Ok(letter) = value.as_char() {
        return Ok(Value::String(letter.to_string()));
    }
    if let Some(secret) = value.read_lock::<SecretText>() {
        return Ok(Value::String(secret.token().into()));
    }
    if let Some(digest) = value.read_lock::<Digest>() {
        return Ok(Value::String(digest.to_hex()));
    }
    if let Some(big) = value.read_lock::<BigInteger>() {
        return Ok(big.0.into());
    }
    if let Some(refusal) = value.read_lock::<Refusal>() {
        return Ok(Value::String(refusal.text.as_str().into()));
    }
    if value.read_lock::<Vault>().is_some() {
        return Err(refuse("`vault` itself is no value; take a key of it: `vault.KEY`"));
    }
    Err(refuse(format!("a value of type {} has no form in JSON", type_word(value.type_name()))))
}

/// Returns the word of a type for people.
pub(super) fn type_word(name: &str) -> &str {
    match name {
        "i64" => "integer",
        "f64" => "float",
        "()" => "nothing",
        "Fn" => "function",
        "&str | ImmutableString | String" => "string",
        _ if name.ends_with("RangeInclusive<i64>") || name.ends_with("Range<i64>") => "range",
        _ if name.ends_with("Vec<u8>") => "bytes",
        _ => name.rsplit("::").next().unwrap_or(name),
    }
}

fn too_deep() -> Box<EvalAltResult> {
    guard::stop(Stop::Depth);
    stopped(Stop::Depth)
}
