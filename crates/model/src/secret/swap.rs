//! Handles become values: called by the one way out, and by nobody else.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Bytes, MAX_DERIVATION_DEPTH, Meaning, Secrets, TokenError};
use crate::token::Found;

/// Most bytes that all functions over secrets may make for one text.
const MAX_MADE: usize = 64 << 20;

impl Secrets {
    /// Replaces every token by its value. Called by the one egress function only.
    pub(crate) fn swap(
        &self,
        text: &str,
        encode: &dyn Fn(&str) -> String,
    ) -> Result<Zeroizing<String>, TokenError> {
        Swapping { secrets: self, known: BTreeMap::new(), left: MAX_MADE }.text(text, encode, 0)
    }
}

/// One swap. A result that is used many times is computed once.
struct Swapping<'s> {
    secrets: &'s Secrets,
    known: BTreeMap<String, Bytes>,
    left: usize,
}

impl Swapping<'_> {
    fn text(
        &mut self,
        text: &str,
        encode: &dyn Fn(&str) -> String,
        depth: usize,
    ) -> Result<Zeroizing<String>, TokenError> {
        let shape = &self.secrets.0.shape;
        if self.secrets.is_empty() || !shape.is_near(&text.to_ascii_lowercase()) {
            return Ok(Zeroizing::new(text.into()));
        }
        let mut swapped = Zeroizing::new(String::with_capacity(text.len()));
        let mut last = 0;
        for found in shape.find(text) {
            let Found::Whole(range) = found else { return Err(TokenError::Damaged) };
            swapped.push_str(&text[last..range.start]);
            let value = self.value(&text[range.clone()], depth)?.to_text();
            self.make(value.len())?;
            swapped.push_str(&Zeroizing::new(encode(&value)));
            last = range.end;
        }
        swapped.push_str(&text[last..]);
        Ok(swapped)
    }

    fn value(&mut self, token: &str, depth: usize) -> Result<Bytes, TokenError> {
        if depth > MAX_DERIVATION_DEPTH {
            return Err(TokenError::TooDeep);
        }
        if let Some(known) = self.known.get(token) {
            return Ok(known.clone());
        }
        let value = match self.secrets.meaning(token).ok_or(TokenError::Unknown)? {
            Meaning::Key(entry) => {
                return Ok(Bytes::text(self.secrets.0.entries[entry].value.expose()));
            }
            Meaning::Obtained(position) => {
                let one = self.secrets.0.obtained.get(position).ok_or(TokenError::Unknown)?;
                // What came from outside may hold handles that the second net put there.
                Bytes::Text(self.text(one.value.expose(), &str::to_owned, depth + 1)?)
            }
            Meaning::Derived { function, arguments } => {
                let derivation = &self.secrets.derivations()[function];
                let arguments = arguments
                    .iter()
                    .map(|argument| self.argument(argument, depth + 1))
                    .collect::<Result<Vec<Bytes>, TokenError>>()?;
                (derivation.compute)(&arguments).map_err(|message| TokenError::Function {
                    function: derivation.name,
                    message,
                })?
            }
        };
        self.make(value.as_bytes().len())?;
        self.known.insert(token.into(), value.clone());
        Ok(value)
    }

    /// An argument that is one token alone keeps its bytes, so that `base64(sha256(x))` encodes the
    /// digest and not its hexadecimal digits.
    fn argument(&mut self, text: &str, depth: usize) -> Result<Bytes, TokenError> {
        match self.secrets.meaning(text) {
            Some(_) => self.value(text, depth),
            None => self.text(text, &str::to_owned, depth).map(Bytes::Text),
        }
    }

    fn make(&mut self, bytes: usize) -> Result<(), TokenError> {
        self.left = self.left.checked_sub(bytes).ok_or(TokenError::TooLarge)?;
        Ok(())
    }
}
