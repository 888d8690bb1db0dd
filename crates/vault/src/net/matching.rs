//! Whether a needle stands at a place in a text, and from where to where.

use std::ops::Range;

use super::{
    Ending,
    needles::{Around, Needle},
};

/// How far a match can reach to the left of where the needle stands.
pub(super) const LEFT_EDGE: usize = 3;
/// The longest white space between two lines of a value.
const MAX_GAP: usize = 256;

/// Spellings of a piece of white space.
const BLANKS: &[&str] = &[
    " ",
    "\n",
    "\r",
    "\t",
    "\u{b}",
    "\u{c}",
    "+",
    "%20",
    "%0a",
    "%0d",
    "%09",
    "%250a",
    "%250d",
    "&#10;",
    "&#13;",
    "&#xa;",
    "&#xd;",
    "&#x0a;",
    "&#x0d;",
    "\\u000a",
    "\\u000d",
    "\\n",
    "\\r",
    "\\t",
    "\\\\n",
    "\\\\r",
    "\\\\t",
    "\\\\\\n",
    "\\\\\\r",
    "\\\\\\\\n",
    "\\\\\\\\r",
    "\\\n",
];

/// Spellings of a character of base64 that is no letter or digit, and of its padding.
const SYMBOLS: &[&str] = &["+", "/", "-", "_", "%2b", "%2f", "\\/"];
const PADDING: &[&str] = &["=", "%3d"];

/// Whether a needle stands somewhere.
pub(super) enum Verdict {
    /// It does not.
    No,
    /// It may: the text ends too early to tell.
    More,
    /// It does, here.
    Yes(Range<usize>),
}

/// Whether a text begins with another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    No,
    /// It does as far as it goes.
    More,
    /// It does; the length.
    Yes(usize),
}

impl Needle {
    /// Tells whether the needle stands at this place of the text.
    pub(super) fn matches(&self, text: &[u8], at: usize, ending: Ending) -> Verdict {
        let mut end = at;
        for (n, segment) in self.segments.iter().enumerate() {
            let start = match n {
                0 => start(&text[end..], segment),
                _ => start_after_gap(&text[end..], segment),
            };
            match start {
                Start::No => return Verdict::No,
                Start::More => return Verdict::More,
                Start::Yes(len) => end += len,
            }
        }
        let Around::Base64 { has_left, has_right } = self.around else {
            return Verdict::Yes(at..end);
        };
        let begin = if has_left { at - left_neighbour(&text[..at]) } else { at };
        match right_neighbour(&text[end..], has_right, ending) {
            Some(len) => Verdict::Yes(begin..end + len),
            None => Verdict::More,
        }
    }
}

fn start(text: &[u8], with: &[u8]) -> Start {
    let len = text.len().min(with.len());
    match text[..len].eq_ignore_ascii_case(&with[..len]) {
        false => Start::No,
        true if len < with.len() => Start::More,
        true => Start::Yes(len),
    }
}

/// Tells which of some spellings a text begins with: the first that fits.
fn start_of_any(text: &[u8], spellings: &[&str]) -> Start {
    let mut is_open = false;
    for spelling in spellings {
        match start(text, spelling.as_bytes()) {
            Start::Yes(len) => return Start::Yes(len),
            Start::More => is_open = true,
            Start::No => {}
        }
    }
    if is_open { Start::More } else { Start::No }
}

/// The segment is looked for after each piece of white space: a line may itself begin with
/// something that reads as one.
fn start_after_gap(text: &[u8], segment: &[u8]) -> Start {
    let mut gap = 0;
    while gap < MAX_GAP {
        match start_of_any(&text[gap..], BLANKS) {
            Start::Yes(len) => gap += len,
            other => return other,
        }
        match start(&text[gap..], segment) {
            Start::Yes(len) => return Start::Yes(gap + len),
            Start::More => return Start::More,
            Start::No => {}
        }
    }
    Start::No
}

/// Returns the length of the character of base64 at the end of a text.
fn left_neighbour(text: &[u8]) -> usize {
    let spelled = SYMBOLS.iter().rev().map(|symbol| symbol.as_bytes()).find(|symbol| {
        let tail = &text[text.len().saturating_sub(symbol.len())..];
        tail.eq_ignore_ascii_case(symbol)
    });
    match (spelled, text.last()) {
        (Some(symbol), _) => symbol.len(),
        (None, Some(last)) if last.is_ascii_alphanumeric() => 1,
        (None, Some(_) | None) => 0,
    }
}

/// Returns the length of the character of base64 at the start of a text, if wanted, and of the
/// padding behind it; `None` where the text may go on with some.
fn right_neighbour(text: &[u8], has_right: bool, ending: Ending) -> Option<usize> {
    let mut len = 0;
    if has_right {
        len += match start_of_any(text, SYMBOLS) {
            Start::Yes(len) => len,
            Start::More if ending == Ending::Open => return None,
            Start::More | Start::No => {
                usize::from(text.first().is_some_and(u8::is_ascii_alphanumeric))
            }
        };
    }
    for _ in 0..2 {
        match start_of_any(&text[len..], PADDING) {
            Start::Yes(more) => len += more,
            Start::More if ending == Ending::Open => return None,
            Start::More | Start::No => break,
        }
    }
    Some(len)
}
