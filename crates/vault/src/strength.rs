//! Which values are too short or too plain to be searched for: looking for them would destroy texts.

use std::collections::BTreeSet;

/// Characters a value needs.
const MIN_CHARS: usize = 8;
/// Different characters a value needs.
const MIN_DIFFERENT: usize = 4;
/// A value that repeats a unit of up to this many characters is plain.
const MAX_REPEATED_UNIT: usize = 4;

/// Returns why a value is weak, or `None` where it is not.
///
/// Weak is what has fewer than 8 characters, fewer than 4 different ones, what counts up or down
/// (`12345678`, `hgfedcba`, `67890123`), and what repeats a unit of at most 4 characters. White
/// space at the ends does not count.
pub fn weakness(value: &str) -> Option<&'static str> {
    let chars: Vec<char> = value.trim().chars().collect();
    if chars.len() < MIN_CHARS {
        return Some("it has fewer than 8 characters");
    }
    if chars.iter().collect::<BTreeSet<_>>().len() < MIN_DIFFERENT {
        return Some("it has fewer than 4 different characters");
    }
    if is_sequence(&chars, 1) || is_sequence(&chars, -1) {
        return Some("its characters only count up or down");
    }
    if (1..=MAX_REPEATED_UNIT).any(|unit| (unit..chars.len()).all(|n| chars[n] == chars[n - unit]))
    {
        return Some("it repeats a few characters");
    }
    None
}

/// Returns whether each character is the one before plus `step`; after `9` comes `0`.
fn is_sequence(chars: &[char], step: i64) -> bool {
    chars.windows(2).all(|pair| {
        let (from, to) = (i64::from(u32::from(pair[0])), i64::from(u32::from(pair[1])));
        let is_wrap = matches!((step, pair[0], pair[1]), (1, '9', '0') | (-1, '0', '9'));
        to - from == step || is_wrap
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, is_weak: bool) {
        assert_eq!(weakness(value).is_some(), is_weak, "{value}");
    }

    #[test]
    fn short_and_plain_values_are_weak() {
        for value in ["", "short12", "  short12  ", "aaaaaaaaaa", "abababababab", "aaaabbbbccc"] {
            check(value, true);
        }
        for value in ["12345678", "1234567890", "87654321", "abcdefghij", "zyxwvutsr", "67890123"] {
            check(value, true);
        }
        for value in ["abcdabcd", "abcdabcdab", "äöü1äöü1äöü1"] {
            check(value, true);
        }
    }

    #[test]
    fn real_keys_are_not() {
        for value in ["hunter2!x", "sk-proj-0aZ9", "a1b2c3d4", "S3CRET-zq9-Value", "äöüßéèàç"]
        {
            check(value, false);
        }
    }
}
