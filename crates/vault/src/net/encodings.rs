//! The spellings that programs give to a text. Case is left to the search, so small hexadecimal
//! digits and capital ones are one spelling here.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::strength::weakness;

/// The spellings of a text, each as a function; many give the same for most texts.
pub(super) const SPELLINGS: &[fn(&str) -> String] = &[
    str::to_owned,
    str::to_uppercase,
    str::to_lowercase,
    // Percent-encoding: RFC 3986, JavaScript's two, Python, then forms, the parts of a URL as
    // browsers write them, everything, and twice.
    |text| percent(text, |c| is_letter(c) || b"-._~".contains(&c)),
    |text| percent(text, |c| is_letter(c) || b"-._~!*'()".contains(&c)),
    |text| percent(text, |c| is_letter(c) || b"-._~!*'();,/?:@&=+$#".contains(&c)),
    |text| percent(text, |c| is_letter(c) || b"-._~/".contains(&c)),
    |text| percent(text, |c| is_letter(c) || b"*-._ ".contains(&c)).replace(' ', "+"),
    |text| percent(text, |c| is_letter(c) || b"-._~ ".contains(&c)).replace(' ', "+"),
    |text| percent(text, |c| is_visible(c) && !b"\"#<>".contains(&c)),
    |text| percent(text, |c| is_visible(c) && !b"\"#<>'".contains(&c)),
    |text| percent(text, |c| is_visible(c) && !b"\"<>`".contains(&c)),
    |text| percent(text, |c| is_visible(c) && !b"\"#<>?`{}".contains(&c)),
    |text| percent(text, |c| is_visible(c) && !b"\"#<>?`{}^".contains(&c)),
    |text| percent(text, |c| is_visible(c) && !b"\"#<>?`{}^/:;=@[\\]|".contains(&c)),
    |text| percent(text, |_| false),
    |text| percent(text, |c| is_letter(c) || b"-._~".contains(&c)).replace('%', "%25"),
    // JSON: as usual, with escaped slashes, in ASCII, safe in HTML; each of them twice.
    json,
    |text| json(text).replace('/', "\\/"),
    json_ascii,
    |text| json_ascii(text).replace('/', "\\/"),
    json_in_html,
    |text| json(&json(text)),
    |text| json(&json(text).replace('/', "\\/")),
    |text| json(&json_ascii(text)),
    |text| json(&json_in_html(text)),
    // XML and HTML: in texts, in attributes, and the ways to write a quote.
    |text| xml(text, "\"", "'"),
    |text| xml(text, "&quot;", "'"),
    |text| xml(text, "&quot;", "&apos;"),
    |text| xml(text, "&quot;", "&#39;"),
    |text| xml(text, "&quot;", "&#x27;"),
    |text| xml(text, "&quot;", "&#039;"),
    |text| xml(text, "&#34;", "&#39;"),
    // Shells: inside single quotes, inside double quotes, outside any.
    |text| text.replace('\'', "'\\''"),
    |text| text.replace('\'', "'\"'\"'"),
    |text| escape(text, "\"$`\\"),
    |text| escape(text, "\"$`\\!"),
    |text| escape(text, " !\"#$&'()*;<>?[\\]^`{|}"),
    |text| escape(text, " !\"#$&'()*;<>?[\\]^`{|}~=%+,:@"),
    // Rust, then Python and JavaScript between single quotes, YAML, CSV and SQL.
    |text| in_debug(text),
    |text| text.escape_debug().to_string(),
    |text| text.escape_default().to_string(),
    |text| escape(text, "'\\"),
    |text| text.replace('\'', "''"),
    |text| text.replace('"', "\"\""),
    // Bytes taken for those of another character set, also where JSON is written in ASCII then.
    as_latin_1,
    as_windows_1252,
    |text| json_ascii(&as_latin_1(text)),
    |text| json_ascii(&as_windows_1252(text)),
    from_latin_1,
];

/// What programs that know Windows read for the bytes from 0x80 to 0x9f.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A piece of base64 that a value decides alone, wherever it stands in what was encoded.
pub(super) struct Base64Piece {
    pub(super) text: String,
    /// Whether the character before it holds bits of the value too.
    pub(super) has_left: bool,
    /// Whether the character behind it does.
    pub(super) has_right: bool,
}

/// Returns the base64 of the bytes at the three offsets, in the alphabets and spellings in use.
pub(super) fn base64(bytes: &[u8]) -> Vec<Base64Piece> {
    let mut pieces = Vec::new();
    for offset in 0..3 {
        let shifted = Zeroizing::new([&[0; 2][..offset], bytes].concat());
        let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(shifted.as_slice()));
        let bits = 8 * shifted.len();
        let text = &encoded[(8 * offset).div_ceil(6)..bits / 6];
        let mut add = |text: String| {
            let (has_left, has_right) = (offset != 0, !bits.is_multiple_of(6));
            pieces.push(Base64Piece { text, has_left, has_right });
        };
        add(text.into());
        if text.contains(['+', '/']) {
            add(text.replace('+', "-").replace('/', "_"));
            add(text.replace('+', "%2b").replace('/', "%2f"));
            add(text.replace('/', "\\/"));
            add(text.replace('+', "\\u002b"));
        }
    }
    pieces
}

/// Returns the bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex(&mut text, u32::from(*byte), 2);
    }
    text
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

fn percent(text: &str, is_kept: fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if is_kept(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            push_hex(&mut encoded, u32::from(byte), 2);
        }
    }
    encoded
}

fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            c if c < ' ' => push_unicode(&mut escaped, c),
            c => escaped.push(c),
        }
    }
    escaped
}

fn json_ascii(text: &str) -> String {
    unicode_escape(&json(text), |c| !c.is_ascii() || c == '\u{7f}')
}

fn json_in_html(text: &str) -> String {
    unicode_escape(&json(text), |c| "<>&'\u{2028}\u{2029}".contains(c))
}

fn unicode_escape(text: &str, is_escaped: fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if is_escaped(c) {
            push_unicode(&mut escaped, c);
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn push_unicode(to: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        to.push_str("\\u");
        push_hex(to, u32::from(*unit), 4);
    }
}

fn push_hex(to: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = (number >> (4 * place)) & 15;
        to.push(char::from_digit(digit, 16).expect("four bits are one digit"));
    }
}

fn xml(text: &str, quote: &str, apostrophe: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str(quote),
            '\'' => escaped.push_str(apostrophe),
            c => escaped.push(c),
        }
    }
    escaped
}

/// UTF-8 that is read as Latin-1: each byte becomes a character.
fn as_latin_1(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// UTF-8 that is read as Windows-1252.
fn as_windows_1252(text: &str) -> String {
    let read = |c: char| match u32::from(c) {
        at @ 0x80..0xa0 => WINDOWS_1252[at as usize - 0x80],
        _ => c,
    };
    text.bytes().map(|byte| read(char::from(byte))).collect()
}

/// Latin-1 that is read as UTF-8: letters beyond ASCII become U+FFFD. What is too plain then to be
/// searched for stays as it is.
fn from_latin_1(text: &str) -> String {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    let Some(bytes) = bytes.map(Zeroizing::new) else { return text.into() };
    let read = String::from_utf8_lossy(&bytes);
    let rest: String = read.chars().filter(|c| *c != char::REPLACEMENT_CHARACTER).collect();
    if weakness(&Zeroizing::new(rest)).is_some() { text.into() } else { read.into_owned() }
}

fn in_debug(text: &str) -> String {
    let quoted = Zeroizing::new(format!("{text:?}"));
    quoted[1..quoted.len() - 1].into()
}

fn escape(text: &str, special: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if special.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
