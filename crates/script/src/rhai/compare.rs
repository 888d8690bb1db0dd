//! Equality and order of script values: bounded in depth, and counting their work.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, FnPtr, Map};

use super::{
    secrets::{Digest, SecretText, opaque},
    session::{Fallible, refuse, stopped, work},
    values::BigInteger,
};
use crate::guard::{self, Stop};

/// Deeper values are not compared.
const MAX_COMPARE_DEPTH: usize = 256;

/// Returns whether two values are the same. Values of different types differ; a secret can be
/// compared with nothing but `()`.
pub(super) fn equal(a: &Dynamic, b: &Dynamic) -> Fallible<bool> {
    equal_at(a, b, MAX_COMPARE_DEPTH)
}

fn equal_at(a: &Dynamic, b: &Dynamic, depth: usize) -> Fallible<bool> {
    let Some(depth) = depth.checked_sub(1) else {
        guard::stop(Stop::Depth);
        return Err(stopped(Stop::Depth));
    };
    work(1)?;
    if let (Ok(a), Ok(b)) = (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        work(a.len().min(b.len()))?;
        return Ok(*a == *b);
    }
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Array>(), b.read_lock::<Array>()) {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(b.iter()) {
            if !equal_at(a, b, depth)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Map>(), b.read_lock::<Map>()) {
        if a.len() != b.len() {
            return Ok(false);
        }
        for ((a_key, a), (b_key, b)) in a.iter().zip(b.iter()) {
            work(a_key.len())?;
            if a_key != b_key || !equal_at(a, b, depth)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    equal_small(a, b)
}

fn equal_small(a: &Dynamic, b: &Dynamic) -> Fallible<bool> {
    if a.is_unit() || b.is_unit() {
        return Ok(a.is_unit() && b.is_unit());
    }
    if is_secret(a) || is_secret(b) {
        return Err(opaque("comparing needs the value of"));
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<BigInteger>(), b.read_lock::<BigInteger>()) {
        return Ok(*a == *b);
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return Ok(a == b || (a - b).abs() <= f64::EPSILON * a.abs().max(b.abs()));
    }
    if let (Some(a), Some(b)) = (text_of(a), text_of(b)) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<FnPtr>(), b.read_lock::<FnPtr>()) {
        return Ok(a.fn_name() == b.fn_name() && !a.is_curried() && !b.is_curried());
    }
    Ok(false)
}

/// Returns the order of two values: numbers, texts, truth values.
pub(super) fn order(a: &Dynamic, b: &Dynamic) -> Fallible<Ordering> {
    work(1)?;
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return Ok(a.cmp(&b));
    }
    if let (Ok(a), Ok(b)) = (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        work(a.len().min(b.len()))?;
        return Ok(a.as_str().cmp(b.as_str()));
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return Ok(a.total_cmp(&b));
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Ok(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (text_of(a), text_of(b)) {
        return Ok(a.cmp(&b));
    }
    if is_secret(a) || is_secret(b) {
        return Err(opaque("sorting needs the value of"));
    }
    Err(refuse(
        "only numbers, only texts or only truth values can be sorted without a comparer; pass one: \
         `sort(|a, b| a.name < b.name)`",
    ))
}

fn is_secret(value: &Dynamic) -> bool {
    value.read_lock::<SecretText>().is_some()
}

fn number(value: &Dynamic) -> Option<f64> {
    if let Ok(integer) = value.as_int() {
        return Some(integer as f64);
    }
    if let Ok(float) = value.as_float() {
        return Some(float);
    }
    value.read_lock::<BigInteger>().map(|big| big.0 as f64)
}

/// Returns what has a text to be compared by: strings, characters, digests.
fn text_of(value: &Dynamic) -> Option<String> {
    if let Ok(letter) = value.as_char() {
        return Some(letter.to_string());
    }
    if let Some(digest) = value.read_lock::<Digest>() {
        return Some(digest.to_hex());
    }
    let text = value.as_immutable_string_ref().ok()?;
    // Longer text equals no character and no digest.
    (text.len() <= 1024).then(|| text.to_string())
}
