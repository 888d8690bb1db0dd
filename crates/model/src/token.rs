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
    /// Both again in capital letters, as a text that was upper-cased has them.
    capitals: [Finder<'static>; 2],
}

/// What looks like a token of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A token, whole in its form; its meaning is still to be looked up.
    Whole(Range<usize>),
    /// A head or tail without the rest: a token that was cut or changed on the way, with the letters
    /// and digits beside it that may be what is left of it.
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
            capitals: [&head, &tail]
                .map(|edge| Finder::new(edge.to_ascii_uppercase().as_bytes()).into_owned()),
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

    /// Returns whether there can be a token in `text`, or a part of one: a quick look that misses
    /// none.
    pub fn is_near(&self, text: &str) -> bool {
        let text = text.as_bytes();
        text.len() >= EDGE_LEN
            && (self.head.find(text).is_some()
                || self.tail_back.rfind(text).is_some()
                || self.capitals.iter().any(|edge| edge.find(text).is_some()))
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
                let range = self.remains(lower.as_bytes(), at, edge);
                at = range.end;
                found.push(Found::Damaged(range));
            }
        }
        found
    }

    /// Returns what may be left of a token around an edge of it, from `from` on.
    fn remains(&self, text: &[u8], from: usize, edge: usize) -> Range<usize> {
        let end = edge + EDGE_LEN;
        if text[edge..].starts_with(self.tail.needle()) {
            let before = text[from..edge].iter().rev().take(TOKEN_LEN - EDGE_LEN);
            return edge - before.take_while(|byte| byte.is_ascii_alphanumeric()).count()..end;
        }
        let behind = text[end..].iter().take(TOKEN_LEN - EDGE_LEN);
        let behind = &text[end..][..behind.take_while(|byte| byte.is_ascii_alphanumeric()).count()];
        let len = match (self.tail.find(behind), self.head.find(behind)) {
            // What follows is another token.
            (tail, Some(head)) if tail.is_none_or(|tail| head < tail) => head,
            (Some(tail), _) => tail + EDGE_LEN,
            (None, _) => behind.len(),
        };
        edge..end + len
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
    }

    #[track_caller]
    fn check_damage(text: &str, ranges: &[(usize, usize)]) {
        let found: Vec<Found> =
            ranges.iter().map(|(start, end)| Found::Damaged(*start..*end)).collect();
        assert_eq!(shape().find(text), found, "{text}");
        assert!(shape().is_near(text), "{text}");
    }

    #[test]
    fn what_is_left_of_a_token_goes_with_its_edge() {
        let token = shape().token(&[3; 24]);
        check_damage(&format!("é {} é", token.to_uppercase()), &[(3, 43)]);
        check_damage(&format!("a {} b", &token[..20]), &[(2, 22)]);
        check_damage(&format!("a {} b", &token[20..]), &[(2, 22)]);
        check_damage(&format!("{}-{}", &token[..9], &token[9..]), &[(0, 9), (10, 41)]);
        // One character is missing, or is another.
        check_damage(&format!("{}{}.", &token[..12], &token[13..]), &[(0, 39)]);
        check_damage(&format!("{}A{}.", &token[..12], &token[13..]), &[(0, 40)]);
        // A whole one behind is still whole.
        let found = shape().find(&format!("{}{token}", &token[..20]));
        assert_eq!(found, [Found::Damaged(0..20), Found::Whole(20..60)]);
    }

    #[test]
    fn other_text_is_left_alone() {
        assert!(shape().find("an ordinary text of more than forty characters, é").is_empty());
    }
}
