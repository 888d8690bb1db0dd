//! What a store keeps of events and records: JSON again, with all that the fold needs.
//!
//! These types mirror those that we compute with and are not them, so that either can change. Large
//! values stand elsewhere: who encodes gives each to a function that keeps it and returns its name,
//! who decodes fetches it by that name.

mod event;
mod record;

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, SeqAccess, Visitor},
    ser::SerializeTuple,
};

pub use self::{
    event::{decode, encode},
    record::{decode_record, encode_record},
};
use crate::id::BlockPath;

/// The version of what is written. Each has a fixture that must stay readable.
pub const VERSION: u64 = 1;

/// Values of more bytes than this are kept elsewhere, once for all events that hold them.
pub const MAX_INLINE: u64 = 64 << 10;

/// Keeps bytes and returns the name by which they are found again.
pub type Put<'p> = dyn FnMut(Vec<u8>) -> String + 'p;

/// Returns bytes that were kept.
pub type Fetch<'f> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'f;

/// Why something stored cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// It was written by another version of this program.
    #[error("it has format {found}, and this program knows {VERSION}")]
    UnknownVersion {
        /// What it says.
        found: u64,
    },
    /// It is not what was written.
    #[error("{0}")]
    Malformed(String),
}

impl StoredError {
    fn malformed(reason: &impl ToString) -> Self {
        Self::Malformed(reason.to_string())
    }
}

/// What every stored thing begins with.
#[derive(Deserialize)]
struct Head {
    v: u64,
}

/// Reads what version 1 wrote.
fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, StoredError> {
    serde_json::from_slice(body).map_err(|err| match serde_json::from_slice::<Head>(body) {
        Ok(Head { v }) if v != VERSION => StoredError::UnknownVersion { found: v },
        Ok(_) | Err(_) => StoredError::malformed(&err),
    })
}

/// The number of the version: written always, and the only one that is read.
struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            VERSION => Ok(Self),
            other => Err(serde::de::Error::custom(format!("version {other} is not known"))),
        }
    }
}

/// A value that may be large: here as a list of one, or elsewhere as a name.
enum Payload<T> {
    Here(T),
    Elsewhere(String),
}

impl<T: Serialize> Payload<T> {
    /// `size` is about how many bytes the value takes.
    fn pack(value: T, size: u64, put: &mut Put<'_>) -> Self {
        if size <= MAX_INLINE {
            return Self::Here(value);
        }
        match serde_json::to_vec(&value) {
            Ok(bytes) => Self::Elsewhere(put(bytes)),
            // Values are JSON, so this does not happen; writing it here says so once more.
            Err(_) => Self::Here(value),
        }
    }
}

impl<T: DeserializeOwned> Payload<T> {
    fn unpack(self, fetch: &mut Fetch<'_>) -> Result<T, StoredError> {
        match self {
            Self::Here(value) => Ok(value),
            Self::Elsewhere(name) => {
                let bytes = fetch(&name).map_err(StoredError::Malformed)?;
                serde_json::from_slice(&bytes).map_err(|err| StoredError::malformed(&err))
            }
        }
    }
}

impl<T: Serialize> Serialize for Payload<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Here(value) => {
                let mut list = serializer.serialize_tuple(1)?;
                list.serialize_element(value)?;
                list.end()
            }
            Self::Elsewhere(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Payload<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Payload<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of one value, or the name of a value kept elsewhere")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Payload::Elsewhere(name.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let value = list.next_element()?;
                value
                    .map(Payload::Here)
                    .ok_or_else(|| serde::de::Error::invalid_length(0, &"one value"))
            }
        }

        deserializer.deserialize_any(Either(std::marker::PhantomData))
    }
}

/// A block's name, as text.
struct Path<'p>(Cow<'p, BlockPath>);

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&*self.0)
    }
}

impl<'de> Deserialize<'de> for Path<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self(Cow::Owned(BlockPath::parse(&text))))
    }
}
