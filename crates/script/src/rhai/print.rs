//! Script values as text: bounded in size and depth while it is made, not afterwards.

use std::fmt::{self, Write};

use rhai::{Dynamic, ImmutableString};

use super::{
    secrets::{Digest, SecretText, Vault},
    session::Refusal,
    values::BigInteger,
};
use crate::guard;

/// Deeper parts are printed as `…`.
const MAX_PRINT_DEPTH: usize = 128;

/// Returns a value as text: strings as they are, nothing as empty text.
pub(super) fn text(value: &Dynamic) -> ImmutableString {
    print(value, Quotes::Inside, usize::MAX)
}

/// Returns a value as a script would write it.
pub(super) fn debug_text(value: &Dynamic) -> ImmutableString {
    print(value, Quotes::Always, usize::MAX)
}

/// Returns the beginning of a value as text, for messages.
pub(super) fn short_text(value: &Dynamic, most: usize) -> ImmutableString {
    print(value, Quotes::Inside, most)
}

#[derive(Clone, Copy, PartialEq)]
enum Quotes {
    Always,
    Inside,
}

/// A text that refuses to grow beyond what the run may hold: formatting then ends at once.
pub(super) struct Bounded {
    text: String,
    most: usize,
}

impl Bounded {
    /// Returns an empty text of at most so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { text: String::new(), most }
    }

    /// Returns the text.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let len = self.text.len() + part.len();
        if len > self.most {
            let mut end = self.most.saturating_sub(self.text.len());
            while !part.is_char_boundary(end) {
                end -= 1;
            }
            self.text.push_str(&part[..end]);
            self.text.push('…');
            self.most = 0;
            return Err(fmt::Error);
        }
        // Growing doubles the buffer and keeps the old one while it copies.
        let growth = if len > self.text.capacity() { len.saturating_mul(2) } else { 0 };
        guard::room(growth).and_then(|()| guard::work(part.len())).map_err(|_| fmt::Error)?;
        self.text.push_str(part);
        Ok(())
    }
}

fn print(value: &Dynamic, quotes: Quotes, most: usize) -> ImmutableString {
    let mut bounded = Bounded::new(most);
    // An error means that the bound is reached: the run is stopped, or the text long enough.
    let _is_whole = write(&mut bounded, value, quotes, MAX_PRINT_DEPTH).is_ok();
    bounded.text.into()
}

fn write(to: &mut Bounded, value: &Dynamic, quotes: Quotes, depth: usize) -> fmt::Result {
    let Some(depth) = depth.checked_sub(1) else { return to.write_str("…") };
    if let Ok(text) = value.as_immutable_string_ref() {
        return write_text(to, &text, quotes);
    }
    if let Some(array) = value.read_lock::<rhai::Array>() {
        to.write_str("[")?;
        for (at, item) in array.iter().enumerate() {
            to.write_str(if at == 0 { "" } else { ", " })?;
            write(to, item, Quotes::Always, depth)?;
        }
        return to.write_str("]");
    }
    if let Some(map) = value.read_lock::<rhai::Map>() {
        to.write_str("#{")?;
        for (at, (key, item)) in map.iter().enumerate() {
            to.write_str(if at == 0 { "" } else { ", " })?;
            write!(to, "{key:?}: ")?;
            write(to, item, Quotes::Always, depth)?;
        }
        return to.write_str("}");
    }
    write_small(to, value, quotes)
}

fn write_small(to: &mut Bounded, value: &Dynamic, quotes: Quotes) -> fmt::Result {
    if value.is_unit() {
        return to.write_str(if quotes == Quotes::Always { "()" } else { "" });
    }
    if let Some(secret) = value.read_lock::<SecretText>() {
        return write_text(to, secret.token(), quotes);
    }
    if let Some(digest) = value.read_lock::<Digest>() {
        return write_text(to, &digest.to_hex(), quotes);
    }
    if let Some(refusal) = value.read_lock::<Refusal>() {
        return write_text(to, &refusal.text, quotes);
    }
    if let Some(big) = value.read_lock::<BigInteger>() {
        return write!(to, "{}", big.0);
    }
    if value.read_lock::<Vault>().is_some() {
        return to.write_str("⟨vault⟩");
    }
    if let Some(function) = value.read_lock::<rhai::FnPtr>() {
        // Curried values stay unprinted: they may be nested without end.
        let name = if function.is_anonymous() { "closure" } else { function.fn_name() };
        return write!(to, "Fn({name})");
    }
    write!(to, "{value}")
}

fn write_text(to: &mut Bounded, text: &str, quotes: Quotes) -> fmt::Result {
    if quotes == Quotes::Always { write!(to, "{text:?}") } else { to.write_str(text) }
}
