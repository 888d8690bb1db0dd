//! Tests of the second net: the oracle, which plants every encoding; overlaps; streams.

use std::fmt::Write;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use blueprint_model::{SecretName, secret::Policy};

use super::*;

/// Awkward in every encoding.
const AWKWARD: &str = "p4%s+/w?\\d~\"é<'&> $x`!";
const PLAIN: &str = "sk-proj-0aZ9bY8cX7dW6";
const MULTI: &str =
    "-----BEGIN KEY-----\nMIIEvQ1bADAN+gkqhki/G9w0\nBAQEF4AASC\nx9/Y\n-----END KEY-----\n";

fn net(values: &[&str]) -> SecondNet {
    SecondNet::new(&entries(values))
}

fn entries(values: &[&str]) -> Vec<Entry> {
    let entry = |(n, value): (usize, &&str)| Entry {
        name: SecretName::parse(&format!("K{n}")).unwrap(),
        version: 1,
        value: Secret::new((*value).into()),
        policy: Policy::default(),
        is_weak: weakness(value).is_some(),
    };
    values.iter().enumerate().map(entry).collect()
}

/// Returns the text with `<n>` in the place of each hit of entry `n`.
fn caught(net: &SecondNet, text: &str) -> String {
    let mut caught = String::new();
    let mut last = 0;
    for hit in net.hits(text) {
        caught.push_str(&text[last..hit.range.start]);
        write!(caught, "<{}>", hit.entry).unwrap();
        last = hit.range.end;
    }
    caught + &text[last..]
}

#[track_caller]
fn check(values: &[&str], text: &str, expected: &str) {
    assert_eq!(caught(&net(values), text), expected);
    for cut in 0..=text.len() {
        assert_eq!(streamed(values, text, &[cut]), expected, "cut at {cut}");
    }
}

fn streamed(values: &[&str], text: &str, cuts: &[usize]) -> String {
    pieces(&Arc::new(net(values)), text, cuts)
}

fn pieces(net: &Arc<SecondNet>, text: &str, cuts: &[usize]) -> String {
    let mut stream = NetStream::new(net.clone(), |entry| format!("<{entry}>"));
    let mut out = Vec::new();
    let mut last = 0;
    for cut in cuts {
        out.extend(stream.push(&text.as_bytes()[last..*cut]));
        last = *cut;
    }
    out.extend(stream.push(&text.as_bytes()[last..]));
    out.extend(stream.finish());
    String::from_utf8(out).unwrap()
}

/// Encoders that are not the net's own where the ecosystem has one.
fn encoded(value: &str) -> Vec<(&'static str, String)> {
    let json = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let everything =
        |format: fn(&u8) -> String| value.as_bytes().iter().map(format).collect::<String>();
    let strict = |keep: &str, hex: fn(u8) -> String| {
        let encode = |byte: &u8| match char::from(*byte) {
            c if c.is_ascii_alphanumeric() || keep.contains(c) => c.to_string(),
            _ => hex(*byte),
        };
        value.as_bytes().iter().map(encode).collect::<String>()
    };
    let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    vec![
        ("raw", value.into()),
        ("trimmed", value.trim().into()),
        ("upper", value.to_uppercase()),
        ("lower", value.to_lowercase()),
        ("reversed", value.chars().rev().collect()),
        ("hex", everything(|byte| format!("{byte:02x}"))),
        ("capital hex", everything(|byte| format!("{byte:02X}"))),
        ("percent", strict("-._~", |byte| format!("%{byte:02X}"))),
        ("percent, small", strict("-._~", |byte| format!("%{byte:02x}"))),
        ("percent, component", strict("-._~!*'()", |byte| format!("%{byte:02X}"))),
        ("form", strict("*-._ ", |byte| format!("%{byte:02X}")).replace(' ', "+")),
        ("percent, everything", everything(|byte| format!("%{byte:02X}"))),
        ("percent, twice", strict("-._~", |byte| format!("%25{byte:02X}"))),
        ("json", json(value)),
        ("json twice", json(&json(value))),
        ("json, slash", json(value).replace('/', "\\/")),
        ("debug", format!("{value:?}").trim_matches('"').to_owned()),
        ("debug, ascii", value.escape_default().to_string()),
        ("xml text", xml.clone()),
        ("xml attribute", xml.replace('"', "&quot;").replace('\'', "&#39;")),
        ("xml apos", xml.replace('"', "&quot;").replace('\'', "&apos;")),
        ("shell", value.replace('\'', "'\\''")),
        ("yaml", value.replace('\'', "''")),
    ]
}

#[test]
fn every_encoding_is_caught_whole() {
    for value in [AWKWARD, PLAIN, MULTI] {
        let net = net(&["another-value", value]);
        for (encoding, text) in encoded(value) {
            let found = caught(&net, &format!("{{\"a\": [\"{text}\"]}} end"));
            let bare = found.replace(char::is_whitespace, "");
            let bare = bare
                .replace("\\\\n", "")
                .replace("\\n", "")
                .replace("%0A", "")
                .replace("%250A", "");
            let bare = bare.replace("%0a", "");
            assert_eq!(bare, "{\"a\":[\"<1>\"]}end", "{encoding} of {value}");
        }
    }
}

#[test]
fn base64_is_caught_at_every_offset_with_its_neighbours() {
    for value in [AWKWARD, PLAIN, MULTI, "8 chars!"] {
        let net = net(&[value]);
        for before in 0..7 {
            for after in 0..7 {
                let (user, rest) = (&"user:ü"[..before.min(5)], &"\u{7f}: {}\n,"[..after]);
                let plain = format!("{user}{value}{rest}");
                for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                    let text = engine.encode(&plain);
                    let json = text.replace('/', "\\/");
                    let url = text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                    for text in [text, json, url] {
                        check_nothing_left(&net, value, user.len(), rest.len(), &text);
                    }
                }
            }
        }
    }
}

/// What is left beside the handle must not depend on the value: at most the characters of the
/// bytes before and behind it.
#[track_caller]
fn check_nothing_left(net: &SecondNet, value: &str, before: usize, after: usize, text: &str) {
    let found = caught(net, &format!("{{\"auth\": \"Basic {text}\"}}"));
    let (left, right) = found
        .strip_prefix("{\"auth\": \"Basic ")
        .and_then(|found| found.strip_suffix("\"}"))
        .and_then(|found| found.split_once("<0>"))
        .unwrap_or_else(|| panic!("{value} in {text} gave {found}"));
    assert!(!right.contains('<'), "{found}");
    let len = |text: &str| {
        let text = text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "");
        text.replace("\\/", "/").replace('=', "").len()
    };
    let trimmed = value.len() - value.trim_end().len();
    assert!(len(left) <= before * 8 / 6, "{found}");
    assert!(len(right) <= ((after + trimmed) * 8).div_ceil(6), "{found}");
    if before + after == 0 && trimmed == 0 {
        assert_eq!(found, "{\"auth\": \"Basic <0>\"}");
    }
}

#[test]
fn lines_are_caught_alone_and_together() {
    check(&[MULTI], "x MIIEvQ1bADAN+gkqhki/G9w0 y", "x <0> y");
    check(&[MULTI], "x9/Y", "x9/Y");
    let one_line = MULTI.trim().replace('\n', " ");
    check(&[MULTI], &format!("key={one_line};"), "key=<0>;");
    let windows = MULTI.trim().replace('\n', "\r\n");
    check(&[MULTI], &format!("key={windows};"), "key=<0>;");
    let indented = MULTI.trim().replace('\n', "\n      ");
    check(&[MULTI], &format!("key: |\n      {indented}\nnext: 1"), "key: |\n      <0>\nnext: 1");
    check(&[MULTI], "-----BEGIN KEY-----\nanother", "-----BEGIN KEY-----\nanother");
    check(&["ab\ncd\nef\ngh"], "ab cd  ef\r\ngh", "<0>");
}

#[test]
fn the_longer_of_two_wins_and_overlaps_go_together() {
    let values = ["inner-value", "outer inner-value end"];
    check(&values, "outer inner-value end", "<1>");
    check(&values, "outer inner-value en", "outer <0> en");
    check(&values, "inner-value", "<0>");
    check(&["inner-value", "inner-value-too"], "inner-value-too", "<1>");
    check(&["one-two-three", "three-four-five"], "one-two-three-four-five", "<0>");
    check(&["one-two-three"], "one-two-threeone-two-three", "<0><0>");
    check(&["ab-12ab-12ab"], "ab-12ab-12ab-12ab-12ab-12ab.", "<0>.");
    check(&["same-value", "same-value"], "same-value", "<0>");
}

#[test]
fn other_text_is_left_alone() {
    check(&[PLAIN, AWKWARD], "", "");
    check(&[PLAIN, AWKWARD], "sk-proj-0aZ9bY8cX7dW", "sk-proj-0aZ9bY8cX7dW");
    check(&[], "anything", "anything");
    check(&["aaaaaaaaaaaa", "1234", "12345678"], "aaaaaaaaaaaa 12345678", "aaaaaaaaaaaa 12345678");
    check(&[&PLAIN[..8]], "ﬁ sk-proj- é", "ﬁ <0> é");
}

#[test]
fn long_values_are_caught_whole() {
    let long: String = (0..9_000).map(|n: u32| format!("{:x}", n * n % 9_973)).collect();
    let net = Arc::new(net(&[&long]));
    let text = format!("a {long} b {} c", &long[..long.len() - 1]);
    let expected = format!("a <0> b {} c", &long[..long.len() - 1]);
    assert_eq!(caught(&net, &text), expected);
    let bytes: Vec<usize> = (1..text.len()).collect();
    assert_eq!(pieces(&net, &text, &bytes), expected, "byte by byte");
}

#[test]
fn a_stream_holds_back_little() {
    let net = Arc::new(net(&[PLAIN]));
    let mut stream = NetStream::new(net, |_| "<0>".into());
    assert_eq!(stream.push(b"a text that has no secret in it").len(), 31 - 17);
    assert_eq!(stream.push(b"").len(), 0);
    let out = stream.push(format!(" {PLAIN}").as_bytes());
    assert_eq!(String::from_utf8(out).unwrap(), "s no secret in it <0>");
}

#[test]
fn a_stream_gives_the_same_however_it_is_cut() {
    let values = [AWKWARD, PLAIN, MULTI, "ab-12ab-12ab", "outer sk-proj-0aZ9bY8cX7dW6 end"];
    let net = Arc::new(net(&values));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut parts: Vec<String> = values
        .iter()
        .flat_map(|value| encoded(value).into_iter().map(|(_, text)| text))
        .chain(values.iter().map(|value| STANDARD.encode(format!("x{value}y"))))
        .collect();
    parts
        .extend(["+", "%2", "%2B", "\n", "\\n", "=", "A", "==", " ", "ü", "ab-12"].map(Into::into));
    for _ in 0..2_000 {
        let mut text = String::new();
        for _ in 0..random.below(6) {
            let part = &parts[random.below(parts.len())];
            let mut end = match random.below(3) {
                0 => random.below(part.len() + 1),
                _ => part.len(),
            };
            while !part.is_char_boundary(end) {
                end -= 1;
            }
            text.push_str(&part[..end]);
        }
        let mut cuts: Vec<usize> =
            (0..random.below(8)).map(|_| random.below(text.len() + 1)).collect();
        cuts.sort_unstable();
        assert_eq!(pieces(&net, &text, &cuts), caught(&net, &text), "{text:?} at {cuts:?}");
        let bytes: Vec<usize> = (1..text.len()).collect();
        assert_eq!(pieces(&net, &text, &bytes), caught(&net, &text), "{text:?} byte by byte");
    }
}

#[test]
fn many_values_are_caught_too() {
    let values: Vec<String> = (0..1_500).map(|n| format!("k{}-\"v/é{n}\"", n * 7_919)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let net = net(&values);
    assert_eq!(caught(&net, &format!("a {} b", values[1_234])), "a <1234> b");
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end
    }
}
