//! Durations and sizes as a settings file writes them.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

use blueprint_model::units;

/// A duration such as `10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// A size in bytes, written as a number or such as `64KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl Size {
    /// Returns the size of something in memory: no more than the address space has.
    pub(super) fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &str| units::parse_duration(text).map(Self);
        deserializer.deserialize_any(UnitVisitor {
            parse,
            number: |_| None,
            expected: "expected a duration such as `10s`",
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &str| units::parse_size(text).map(Self);
        deserializer.deserialize_any(UnitVisitor {
            parse,
            number: |bytes| Some(Self(bytes)),
            expected: "expected a size such as `64KiB`",
        })
    }
}

struct UnitVisitor<P, N> {
    parse: P,
    number: N,
    expected: &'static str,
}

impl<T, P, N> de::Visitor<'_> for UnitVisitor<P, N>
where
    P: Fn(&str) -> Option<T>,
    N: Fn(u64) -> Option<T>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected.trim_start_matches("expected "))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::custom(self.expected))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        (self.number)(number).ok_or_else(|| E::custom(self.expected))
    }
}
