//! `parse_json` and `to_json` for scripts, bounded while they work.

use std::{fmt, io};

use blueprint_model::value::Value;
use rhai::{Array, Dynamic, Identifier, ImmutableString, Map};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{
    session::{Fallible, refuse, room, stopped},
    values::{BigInteger, to_value},
};
use crate::guard::{self, Stop};

/// Returns the value that a JSON text stands for.
pub(super) fn parse_json(text: &str) -> Fallible<Dynamic> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = DynamicSeed
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    parsed.map_err(|err| match guard::work(0) {
        Err(stop) => stopped(stop),
        Ok(()) => refuse(format!("invalid JSON: {err}")),
    })
}

/// Returns a value as compact JSON text. Secrets become their handles.
pub(super) fn to_json(value: Dynamic) -> Fallible<ImmutableString> {
    let value: Value = to_value(value)?;
    let mut text = BoundedBytes(Vec::new());
    serde_json::to_writer(&mut text, &value).map_err(|_| stopped(Stop::Memory))?;
    let text = String::from_utf8(text.0).map_err(|err| refuse(err.to_string()))?;
    Ok(text.into())
}

struct BoundedBytes(Vec<u8>);

impl io::Write for BoundedBytes {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let len = self.0.len() + part.len();
        let growth = if len > self.0.capacity() { len.saturating_mul(2) } else { 0 };
        guard::room(growth)
            .and_then(|()| guard::work(part.len()))
            .map_err(|_| io::Error::other("bound"))?;
        self.0.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Builds script values while JSON is read. The parser itself bounds the depth, at 128.
struct DynamicSeed;

impl<'de> DeserializeSeed<'de> for DynamicSeed {
    type Value = Dynamic;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Dynamic, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DynamicSeed {
    type Value = Dynamic;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Dynamic, E> {
        Ok(Dynamic::UNIT)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Dynamic, E> {
        Ok(truth.into())
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Dynamic, E> {
        Ok(integer.into())
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Dynamic, E> {
        Ok(i64::try_from(integer)
            .map_or_else(|_| Dynamic::from(BigInteger(integer)), Dynamic::from))
    }

    fn visit_f64<E>(self, float: f64) -> Result<Dynamic, E> {
        Ok(float.into())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Dynamic, E> {
        check(room(text.len()))?;
        Ok(ImmutableString::from(text).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Dynamic, A::Error> {
        let mut array = Array::new();
        while let Some(item) = items.next_element_seed(Self)? {
            let growth = if array.len() == array.capacity() { array.len() * 48 } else { 0 };
            check(room(growth))?;
            check(guard::work(1).map_err(stopped))?;
            array.push(item);
        }
        Ok(Dynamic::from_array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Dynamic, A::Error> {
        let mut map = Map::new();
        while let Some(key) = items.next_key::<String>()? {
            check(guard::work(key.len()).map_err(stopped))?;
            map.insert(Identifier::from(key), items.next_value_seed(Self)?);
        }
        Ok(Dynamic::from_map(map))
    }
}

fn check<T, E: serde::de::Error>(bound: Fallible<T>) -> Result<T, E> {
    bound.map_err(|_| E::custom("bound"))
}
