//! The text form of a handle, and how handles are found in texts.
//!
//! A token is 40 small letters and digits: a head of 8 and a tail of 8, the same in the whole run,
//! around a body of 24 that names the meaning. Whatever cuts or changes a token leaves a head or a
//! tail behind, so the damage is seen. Small letters survive what lower-cases them (host names).

use std::ops::Range;

use memchr::memmem::{Finder, FinderRev};

/// Characters of a token.
pub const TOKEN_LEN: usize = EDGE_LEN + BODY_LEN + EDGE_LEN;
/// Characters of its head, and of its tail.
const EDGE_LEN: usize = 8;
/// Characters of its body: 24 of 36 letters, about 124 bits.
const BODY_LEN: usize = 24;

/// The head and tail of a run's tokens.
pub struct TokenShape {
    head: Finder<'static>,
    tail: Finder<'static>,
    tail_back: FinderRev<'static>,
}

/// What looks like a token of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A token, whole in its form; its meaning is still to be looked up.
    Whole(Range<usize>),
    /// A head or tail without the rest: a token that was cut or changed on the way.
    Damaged(Range<usize>),
}

impl TokenShape {
    /// Returns the shape whose head and tail come from these random bytes.
    pub fn new(random: &[u8; 16]) -> Self {
        let head = letters(&random[..8], EDGE_LEN);
        let tail = letters(&random[8..], EDGE_LEN);
        Self {
            head: Finder::new(head.as_bytes()).into_owned(),
            tail: Finder::new(tail.as_bytes()).into_owned(),
            tail_back: FinderRev::new(tail.as_bytes()).into_owned(),
        }
    }

    /// Returns the token whose body comes from these bytes (at least 24).
    pub fn token(&self, body: &[u8]) -> String {
        let mut token = String::with_capacity(TOKEN_LEN);
        token.extend(self.head.needle().iter().map(|byte| char::from(*byte)));
        token.push_str(&letters(body, BODY_LEN));
        token.extend(self.tail.needle().iter().map(|byte| char::from(*byte)));
        token
    }

    /// Returns whether there can be a token in `text`: a quick look that misses none.
    pub fn is_near(&self, text: &str) -> bool {
        text.len() >= EDGE_LEN
            && (self.head.find(text.as_bytes()).is_some()
                || self.tail_back.rfind(text.as_bytes()).is_some())
    }

    /// Returns everything in `text` that is or was a token, in order.
    ///
    /// Upper-cased tokens are found as damaged ones.
    pub fn find(&self, text: &str) -> Vec<Found> {
        let lower = text.to_ascii_lowercase();
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(edge) = self.next_edge(lower.as_bytes(), at) {
            let range = edge..edge + TOKEN_LEN;
            if text.get(range.clone()).is_some_and(|token| self.is_whole(token)) {
                at = range.end;
                found.push(Found::Whole(range));
            } else {
                at = edge + EDGE_LEN;
                found.push(Found::Damaged(edge..at));
            }
        }
        found
    }

    fn next_edge(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = &text[from..];
        let head = self.head.find(rest);
        let tail = self.tail.find(rest);
        match (head, tail) {
            (Some(head), Some(tail)) => Some(from + head.min(tail)),
            (Some(edge), None) | (None, Some(edge)) => Some(from + edge),
            (None, None) => None,
        }
    }

    fn is_whole(&self, token: &str) -> bool {
        token.as_bytes().starts_with(self.head.needle())
            && token.as_bytes().ends_with(self.tail.needle())
            && token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    }
}

fn letters(bytes: &[u8], len: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    bytes.iter().take(len).map(|byte| char::from(ALPHABET[usize::from(*byte) % 36])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> TokenShape {
        TokenShape::new(&[7, 1, 2, 3, 4, 5, 6, 0, 9, 8, 7, 6, 5, 4, 3, 2])
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let token = shape().token(&[3; 24]);
        assert_eq!(token.len(), TOKEN_LEN);
        let text = format!("Bearer {token}, {token}{token}");
        let found = shape().find(&text);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|found| matches!(found, Found::Whole(_))));
        assert!(shape().is_near(&text));
    }

    #[test]
    fn whatever_cuts_a_token_is_noticed() {
        let token = shape().token(&[3; 24]);
        for cut in 1..TOKEN_LEN {
            for part in [&token[..cut], &token[cut..]] {
                let found = shape().find(part);
                let whole = found.iter().any(|found| matches!(found, Found::Whole(_)));
                assert!(!whole, "{part}");
            }
            let both = format!("{}-{}", &token[..cut], &token[cut..]);
            assert!(!shape().find(&both).is_empty(), "{both}");
        }
        assert!(matches!(shape().find(&token.to_uppercase())[..], [Found::Damaged(_), ..]));
    }

    #[test]
    fn other_text_is_left_alone() {
        assert!(shape().find("an ordinary text of more than forty characters, é").is_empty());
    }
}
