//! What to look for: a value, its lines, and both in every spelling.

use zeroize::{Zeroize, Zeroizing};

use super::encodings::{self, SPELLINGS};
use crate::strength::weakness;

/// Lines of one value that are looked for alone; the whole value is looked for in any case.
const MAX_LINES: usize = 1_000;

/// Something to look for, in small letters; wiped when dropped.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needle {
    /// Its texts, at least one and none empty; between them any white space, however spelled.
    pub(super) segments: Vec<Vec<u8>>,
    /// The kind of text around it.
    pub(super) around: Around,
    /// Whose value it is.
    pub(super) entry: usize,
}

/// What stands around a needle and goes with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Around {
    /// Nothing.
    Text,
    /// Base64, whose characters beside the needle may hold bits of the value.
    Base64 {
        /// Whether the one before does.
        has_left: bool,
        /// Whether the one behind does.
        has_right: bool,
    },
}

impl Needle {
    /// Returns how many bytes of a text it takes at least.
    pub(super) fn len(&self) -> usize {
        self.segments.iter().map(Vec::len).sum()
    }
}

impl Drop for Needle {
    fn drop(&mut self) {
        self.segments.zeroize();
    }
}

/// Returns the needles of all values, each once.
pub(super) fn of<'a>(values: impl Iterator<Item = (usize, &'a str)>) -> Vec<Needle> {
    let mut needles = Vec::new();
    for (entry, value) in values {
        add_value(&mut needles, entry, value);
    }
    needles.sort_unstable();
    needles.dedup();
    needles
}

fn add_value(needles: &mut Vec<Needle>, entry: usize, value: &str) {
    let lines = lines_of(value);
    if lines.is_empty() {
        return;
    }
    let reversed = Zeroizing::new(value.chars().rev().collect::<String>());
    push(needles, entry, vec![value.into()]);
    push(needles, entry, lines_of(&reversed).into_iter().map(str::to_owned).collect());
    add_spellings(needles, entry, &lines);
    add_bytes(needles, entry, value);
    add_bytes(needles, entry, value.trim());
    if lines.len() == 1 {
        return;
    }
    let unix = Zeroizing::new(value.replace("\r\n", "\n"));
    add_bytes(needles, entry, &unix);
    add_bytes(needles, entry, &Zeroizing::new(unix.replace('\n', "\r\n")));
    for line in lines.into_iter().take(MAX_LINES).filter(|line| is_telling(line)) {
        add_spellings(needles, entry, &[line]);
        add_bytes(needles, entry, line);
    }
}

fn add_spellings(needles: &mut Vec<Needle>, entry: usize, lines: &[&str]) {
    for spelling in SPELLINGS {
        push(needles, entry, lines.iter().map(|line| spelling(line)).collect());
    }
}

fn add_bytes(needles: &mut Vec<Needle>, entry: usize, part: &str) {
    push(needles, entry, vec![encodings::hex(part.as_bytes())]);
    for piece in encodings::base64(part.as_bytes()) {
        let around = Around::Base64 { has_left: piece.has_left, has_right: piece.has_right };
        needles.push(Needle { segments: vec![small(piece.text)], around, entry });
    }
}

fn push(needles: &mut Vec<Needle>, entry: usize, segments: Vec<String>) {
    let segments = segments.into_iter().map(small).collect();
    needles.push(Needle { segments, around: Around::Text, entry });
}

fn small(mut text: String) -> Vec<u8> {
    text.make_ascii_lowercase();
    text.into_bytes()
}

fn lines_of(value: &str) -> Vec<&str> {
    value.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// Returns whether a line says something about the value it is of: the first and last line of a
/// key in PEM form are the same in all keys.
fn is_telling(line: &str) -> bool {
    weakness(line).is_none() && !line.starts_with("-----BEGIN ") && !line.starts_with("-----END ")
}
