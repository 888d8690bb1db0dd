//! Searches whatever a run left for the values of canaries, in every spelling that is promised to be
//! caught. It shares no code with the vault's second net, which it judges.
//!
//! Two ways of looking: each spelling of the whole value, of the trimmed value and of its lines; and
//! pieces of eight characters of its words, forwards and backwards, plain, in hex and in base64, so
//! that a value that was cut or mixed with other text is found too. Case is ignored except in base64.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::canary::Canary;

/// Characters of a word that are no accident.
const PIECE: usize = 8;

/// A way to write a value, by its name.
pub type Spelling = (&'static str, fn(&str) -> String);

/// Every spelling that may not be found; base64 beside it, since it depends on the offset.
pub const SPELLINGS: [Spelling; 28] = [
    ("raw", |text| text.into()),
    ("trimmed", |text| text.trim().into()),
    ("upper", |text| text.to_uppercase()),
    ("lower", |text| text.to_lowercase()),
    ("reversed", |text| text.chars().rev().collect()),
    ("hex", |text| each_byte(text, |byte| format!("{byte:02x}"))),
    ("hex, capital", |text| each_byte(text, |byte| format!("{byte:02X}"))),
    ("percent, as RFC 3986", |text| percent(text, "-._~", Case::Upper)),
    ("percent, small digits", |text| percent(text, "-._~", Case::Lower)),
    ("percent, as JavaScript", |text| percent(text, "-._~!*'()", Case::Upper)),
    ("percent, in a path", |text| percent(text, "-._~/", Case::Upper)),
    ("percent, in a form", |text| percent(text, "*-._", Case::Upper).replace("%20", "+")),
    ("percent, everything", |text| each_byte(text, |byte| format!("%{byte:02X}"))),
    ("percent, twice", |text| percent(&percent(text, "-._~", Case::Upper), "-._~", Case::Upper)),
    ("JSON", json),
    ("JSON in ASCII", |text| ascii_only(&json(text))),
    ("JSON, escaped slashes", |text| json(text).replace('/', "\\/")),
    ("JSON in JSON", |text| json(&json(text))),
    ("XML", |text| xml(text, "&quot;", "&#39;")),
    ("XML, named", |text| xml(text, "&quot;", "&apos;")),
    ("shell, single quotes", |text| text.replace('\'', r"'\''")),
    ("shell, double quotes", |text| before_each(text, "\"\\$`")),
    ("Rust debug", |text| {
        let quoted = format!("{text:?}");
        quoted[1..quoted.len() - 1].into()
    }),
    ("UTF-8 read as Latin-1", |text| decode(text, char::from)),
    ("UTF-8 read as Windows-1252", |text| decode(text, windows)),
    ("UTF-8 read as Latin-1, JSON in ASCII", |text| ascii_only(&json(&decode(text, char::from)))),
    ("Latin-1 read as UTF-8", |text| text.replace(|c| !char::is_ascii(&c), "\u{fffd}")),
    ("lines joined", |text| text.split('\n').collect::<Vec<_>>().join(" ")),
];

/// Searches for the values of some canaries.
#[derive(Debug)]
pub struct Oracle {
    needles: Vec<Needle>,
    /// Needles by their first two bytes: those that ignore case, then those that keep it.
    starts: [BTreeMap<[u8; 2], Vec<usize>>; 2],
    seed: u64,
}

#[derive(Debug)]
struct Needle {
    key: &'static str,
    spelling: String,
    bytes: Vec<u8>,
}

/// A value that was found where it should not be.
#[derive(Debug, PartialEq, Eq)]
pub struct Leak {
    /// Whose value.
    pub key: &'static str,
    /// How it is written there.
    pub spelling: String,
    /// Where it begins.
    pub at: usize,
}

impl Oracle {
    /// Returns the search for these canaries, made from this seed.
    pub fn new(canaries: &[&Canary], seed: u64) -> Self {
        let mut oracle = Self { needles: Vec::new(), starts: Default::default(), seed };
        for canary in canaries {
            oracle.add_wholes(canary);
            oracle.add_pieces(canary);
        }
        oracle
    }

    /// Returns the first leak of each key in these bytes.
    pub fn leaks(&self, bytes: &[u8]) -> Vec<Leak> {
        let mut leaks: Vec<Leak> = Vec::new();
        let small = bytes.to_ascii_lowercase();
        for (text, keeps_case) in [(bytes, true), (small.as_slice(), false)] {
            let starts = &self.starts[usize::from(keeps_case)];
            for (at, two) in text.windows(2).enumerate() {
                for needle in starts.get(&[two[0], two[1]]).into_iter().flatten() {
                    let Needle { key, spelling, bytes } = &self.needles[*needle];
                    if text[at..].starts_with(bytes) && leaks.iter().all(|leak| leak.key != *key) {
                        leaks.push(Leak { key, spelling: spelling.clone(), at });
                    }
                }
            }
        }
        leaks
    }

    /// Checks that there is no leak.
    ///
    /// # Panics
    ///
    /// Panics with place, key and spelling, and what is around it, if there is one.
    #[track_caller]
    pub fn check(&self, place: &str, bytes: &[u8]) {
        let leaks = self.leaks(bytes);
        if let Some(Leak { key, spelling, at }) = leaks.first() {
            let around = &bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())];
            let around = String::from_utf8_lossy(around);
            let seed = self.seed;
            panic!("{place}: `{key}` is there ({spelling}), seed {seed}\n…{around}…");
        }
    }

    fn add_wholes(&mut self, canary: &Canary) {
        let value = canary.value.as_str();
        let mut parts = vec![("", value), ("trimmed ", value.trim())];
        let lines = value.lines().map(str::trim).filter(|line| line.len() >= PIECE);
        parts.extend(lines.map(|line| ("a line ", line)));
        for (part, text) in parts {
            for (spelling, write) in SPELLINGS {
                self.push(canary.name, format!("{part}{spelling}"), &write(text), false);
            }
            for (offset, encoded) in base64_inside(text.as_bytes()) {
                self.push_base64(canary.name, &format!("{part}base64+{offset}"), &encoded);
            }
        }
    }

    fn add_pieces(&mut self, canary: &Canary) {
        let words = canary.value.split(|c: char| !c.is_ascii_alphanumeric());
        for word in words.filter(|word| word.len() >= PIECE) {
            for at in 0..=word.len() - PIECE {
                let piece = &word[at..at + PIECE];
                let back: String = piece.chars().rev().collect();
                self.push(canary.name, "a piece".into(), piece, false);
                self.push(canary.name, "a piece, reversed".into(), &back, false);
                let hex = each_byte(piece, |byte| format!("{byte:02x}"));
                self.push(canary.name, "a piece, hex".into(), &hex, false);
                for (offset, encoded) in base64_inside(piece.as_bytes()) {
                    self.push_base64(canary.name, &format!("a piece, base64+{offset}"), &encoded);
                }
            }
        }
    }

    fn push_base64(&mut self, key: &'static str, spelling: &str, encoded: &str) {
        self.push(key, spelling.into(), encoded, true);
        let for_urls = encoded.replace('+', "-").replace('/', "_");
        self.push(key, format!("{spelling}, url"), &for_urls, true);
    }

    fn push(&mut self, key: &'static str, spelling: String, text: &str, keeps_case: bool) {
        if text.len() < PIECE {
            return;
        }
        let bytes = if keeps_case { text.into() } else { text.as_bytes().to_ascii_lowercase() };
        let starts = &mut self.starts[usize::from(keeps_case)];
        starts.entry([bytes[0], bytes[1]]).or_default().push(self.needles.len());
        self.needles.push(Needle { key, spelling, bytes });
    }
}

/// Returns the base64 of some bytes, as it is whatever stands before and behind them: for each number
/// of bytes before, without the characters that others decide too.
pub fn base64_inside(bytes: &[u8]) -> [(usize, String); 3] {
    [0, 1, 2].map(|offset| {
        let shifted = [&[0; 2][..offset], bytes].concat();
        let encoded = base64(&shifted);
        let from = [0, 2, 3][offset];
        (offset, encoded[from..(shifted.len() * 8 / 6).max(from)].into())
    })
}

/// Returns base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in bytes.chunks(3) {
        let mut number = 0_u32;
        for at in 0..3 {
            number = number << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * at)) as usize & 63];
            encoded.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    encoded
}

#[derive(Clone, Copy)]
enum Case {
    Upper,
    Lower,
}

fn percent(text: &str, kept: &str, case: Case) -> String {
    each_byte(text, |byte| match (char::from(byte), case) {
        (c, _) if c.is_ascii_alphanumeric() || kept.contains(c) => c.into(),
        (_, Case::Upper) => format!("%{byte:02X}"),
        (_, Case::Lower) => format!("%{byte:02x}"),
    })
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].into()
}

fn ascii_only(text: &str) -> String {
    let mut written = String::new();
    for unit in text.encode_utf16() {
        match u8::try_from(unit).ok().filter(u8::is_ascii) {
            Some(byte) => written.push(char::from(byte)),
            None => write!(written, "\\u{unit:04x}").expect("a string takes everything"),
        }
    }
    written
}

fn xml(text: &str, quote: &str, apostrophe: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', quote).replace('\'', apostrophe)
}

fn before_each(text: &str, special: &str) -> String {
    text.chars().fold(String::new(), |mut written, c| {
        if special.contains(c) {
            written.push('\\');
        }
        written.push(c);
        written
    })
}

/// Reads the bytes of a text one by one.
fn decode(text: &str, read: fn(u8) -> char) -> String {
    text.bytes().map(read).collect()
}

/// Windows-1252, as far as it is needed here: its signs for the bytes that Latin-1 leaves to controls.
fn windows(byte: u8) -> char {
    const SIGNS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    match byte {
        0x80..=0x9f => SIGNS.chars().nth(usize::from(byte & 31)).expect("32 signs"),
        _ => byte.into(),
    }
}

fn each_byte(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::Canaries;

    /// Fixed, so that its spellings can be written down by hand.
    const VALUE: &str = "q7W\"<&a%+/\\'é?\nzZ3=";

    #[track_caller]
    fn check_found(text: &str) {
        let canary = Canary { name: "KEY", value: VALUE.into() };
        let oracle = Oracle::new(&[&canary], 0);
        let found = oracle.leaks(format!("before {text} behind").as_bytes());
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].at, 7, "{text}");
    }

    #[test]
    fn encodings_written_by_hand_are_found() {
        check_found(VALUE);
        check_found("Q7W\"<&A%+/\\'é?\nZZ3=");
        check_found("=3Zz\n?é'\\/+%a&<\"W7q");
        check_found("713757223c2661252b2f5c27c3a93f0a7a5a333d");
        check_found("713757223C2661252B2F5C27C3A93F0A7A5A333D");
        check_found("q7W%22%3C%26a%25%2B%2F%5C%27%C3%A9%3F%0AzZ3%3D");
        check_found("q7W%22%3c%26a%25%2b%2f%5c%27%c3%a9%3f%0azZ3%3d");
        check_found("q7W%2522%253C%2526a%2525%252B%252F%255C%2527%25C3%25A9%253F%250AzZ3%253D");
        check_found(r#"q7W\"<&a%+/\\'é?\nzZ3="#);
        check_found(r#"q7W\"<&a%+/\\'\u00e9?\nzZ3="#);
        check_found(r#"q7W\"<&a%+\/\\'é?\nzZ3="#);
        check_found(r#"q7W\\\"<&a%+/\\\\'é?\\nzZ3="#);
        check_found("q7W&quot;&lt;&amp;a%+/\\&#39;é?\nzZ3=");
        check_found("q7W&quot;&lt;&amp;a%+/\\&apos;é?\nzZ3=");
        check_found("q7W\"<&a%+/\\'\\''é?\nzZ3=");
        check_found("q7W\\\"<&a%+/\\\\'é?\nzZ3=");
    }

    /// What `base64` of coreutils gives for the value behind none, one and two letters `x`.
    #[test]
    fn base64_at_every_offset_is_found() {
        let canary = Canary { name: "KEY", value: VALUE.into() };
        let oracle = Oracle::new(&[&canary], 0);
        for encoded in [
            "cTdXIjwmYSUrL1wnw6k/CnpaMz0=",
            "eHE3VyI8JmElKy9cJ8OpPwp6WjM9",
            "eHhxN1ciPCZhJSsvXCfDqT8KelozPQ==",
        ] {
            assert_eq!(oracle.leaks(encoded.as_bytes()).len(), 1, "{encoded}");
            let for_urls = encoded.replace('+', "-").replace('/', "_");
            assert_eq!(oracle.leaks(for_urls.as_bytes()).len(), 1, "{for_urls}");
        }
        assert_eq!(base64(b"xq7W\"<&a"), "eHE3VyI8JmE=");
    }

    #[test]
    fn every_spelling_of_fresh_canaries_is_found() {
        let mut canaries = Canaries::fresh();
        for canary in [canaries.wild("WILD"), canaries.line("LINE"), canaries.plain("PLAIN")] {
            let oracle = Oracle::new(&[&canary], canaries.seed);
            for (name, write) in SPELLINGS {
                let text = format!("{{\"x\": \"é {}…\"}}", write(&canary.value));
                assert_eq!(oracle.leaks(text.as_bytes()).len(), 1, "{name}, {}", canaries.seed);
            }
            for before in ["", "u", "us", "use", "user:"] {
                let text = base64(format!("{before}{}@host", canary.value).as_bytes());
                assert_eq!(oracle.leaks(text.as_bytes()).len(), 1, "{before}, {}", canaries.seed);
            }
        }
    }

    #[test]
    fn a_part_of_a_value_is_found() {
        let mut canaries = Canaries::fresh();
        let canary = canaries.wild("KEY");
        let oracle = Oracle::new(&[&canary], canaries.seed);
        assert_eq!(oracle.leaks(&canary.value.as_bytes()[2..10]).len(), 1);
        let cut = format!("{}-{}", &canary.value[..9], &canary.value[9..]);
        assert_eq!(oracle.leaks(cut.as_bytes()).len(), 1);
        assert_eq!(oracle.leaks(base64(&canary.value.as_bytes()[1..11]).as_bytes()).len(), 1);
    }

    #[test]
    fn other_text_is_no_leak() {
        let mut canaries = Canaries::fresh();
        let canary = canaries.wild("KEY");
        let oracle = Oracle::new(&[&canary], canaries.seed);
        let other = canaries.wild("OTHER").value;
        for text in ["⟨vault.KEY⟩ went to api.acme.example", other.as_str(), &base64(&[0; 500])]
        {
            assert_eq!(oracle.leaks(text.as_bytes()), [], "{text}");
        }
    }
}
