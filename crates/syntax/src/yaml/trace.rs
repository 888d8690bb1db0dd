//! The way back from a text's value to the source: replays what YAML did to quotes, escapes,
//! indentation and folded lines.

use saphyr_parser::ScalarStyle;

use crate::yaml::tree::Raw;

/// For each part of a text's value, where it stands in the source.
#[derive(Debug)]
pub(crate) struct Trace {
    /// Byte of the value, byte of the source; in order. Between two entries both advance alike.
    /// Empty where the way back is not known.
    runs: Vec<(usize, usize)>,
    /// Where the text begins.
    start: usize,
    /// Where the source ends.
    end: usize,
}

impl Trace {
    /// Returns the way back for a text of `source`.
    pub(crate) fn of(source: &str, raw: &Raw) -> Self {
        let quote = usize::from(is_quoted(raw.style));
        let start = raw.start + quote;
        let as_is = source.get(start..).is_some_and(|rest| rest.starts_with(&raw.value));
        let ends = start + raw.value.len() + quote;
        if as_is && (ends == raw.end || is_block(raw.style) && !raw.value.contains('\n')) {
            return Self { runs: vec![(0, start)], start, end: source.len() };
        }
        let tracer = Tracer::replay(source, raw);
        // Not known is a wrong place, never a wrong value: line breaks of other systems only.
        let is_known = tracer.value == raw.value;
        let runs = if is_known { tracer.runs } else { Vec::new() };
        Self { runs, start, end: source.len() }
    }

    /// Returns the byte of the source for a byte of the value.
    pub(crate) fn locate(&self, at: usize) -> usize {
        let next = self.runs.partition_point(|(value, _)| *value <= at);
        match self.runs.get(next.saturating_sub(1)) {
            Some((value, source)) => (source + at.saturating_sub(*value)).min(self.end),
            None => self.start,
        }
    }
}

fn is_quoted(style: ScalarStyle) -> bool {
    matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted)
}

fn is_block(style: ScalarStyle) -> bool {
    matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
}

struct Tracer<'t> {
    source: &'t str,
    value: String,
    runs: Vec<(usize, usize)>,
}

impl<'t> Tracer<'t> {
    fn replay(source: &'t str, raw: &Raw) -> Self {
        let mut tracer = Self { source, value: String::new(), runs: Vec::new() };
        let quote = usize::from(is_quoted(raw.style));
        match raw.style {
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                tracer.flow(raw.style, raw.start + quote, raw.end.saturating_sub(quote));
            }
            ScalarStyle::Literal | ScalarStyle::Folded => tracer.block(raw),
        }
        tracer
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.source.as_bytes().get(at).copied()
    }

    fn mark(&mut self, at: usize) {
        let value = self.value.len();
        if self.runs.last().is_none_or(|(from, to)| value - from + to != at) {
            self.runs.push((value, at));
        }
    }

    fn copy(&mut self, from: usize, to: usize) {
        if from < to {
            self.mark(from);
            self.value.push_str(&self.source[from..to]);
        }
    }

    fn put(&mut self, at: usize, c: char) {
        self.mark(at);
        self.value.push(c);
    }

    /// Replays a plain or quoted text between two bytes.
    fn flow(&mut self, style: ScalarStyle, start: usize, end: usize) {
        let mut at = start;
        while at < end {
            let rest = &self.source.as_bytes()[at..end];
            let special = rest.iter().position(|byte| match byte {
                b' ' | b'\t' | b'\n' | b'\r' => true,
                b'\'' => style == ScalarStyle::SingleQuoted,
                b'\\' => style == ScalarStyle::DoubleQuoted,
                _ => false,
            });
            let next = special.map_or(end, |len| at + len);
            self.copy(at, next);
            at = match self.byte(next).filter(|_| next < end) {
                None => end,
                Some(b'\'') => {
                    self.put(next, '\'');
                    next + 2
                }
                Some(b'\\') => self.escape(next, end),
                Some(_) => self.fold(next, end, Fold::Blanks),
            };
        }
    }

    /// Replays blanks and line breaks: one break becomes a space, each further one a line break.
    fn fold(&mut self, start: usize, end: usize, fold: Fold) -> usize {
        let mut at = start;
        let mut breaks = Vec::new();
        while at < end {
            match self.byte(at) {
                Some(b' ' | b'\t') => at += 1,
                Some(b'\n' | b'\r') => {
                    at += usize::from(self.source[at..].starts_with("\r\n"));
                    breaks.push(at);
                    at += 1;
                }
                _ => break,
            }
        }
        let feeds = match (fold, breaks.as_slice()) {
            (Fold::Blanks, []) => {
                self.copy(start, at);
                return at;
            }
            (Fold::Blanks, [only]) => {
                self.put(*only, ' ');
                return at;
            }
            (Fold::Blanks, [_, feeds @ ..]) | (Fold::Escaped, feeds) => feeds,
        };
        for feed in feeds {
            self.put(*feed, '\n');
        }
        at
    }

    fn escape(&mut self, at: usize, end: usize) -> usize {
        let hex = |len: usize| {
            let digits = self.source.get(at + 2..at + 2 + len);
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32)
        };
        let (c, len) = match self.byte(at + 1) {
            Some(b'\n') => return self.fold(at + 2, end, Fold::Escaped),
            Some(b'\r') => {
                let len = if self.byte(at + 2) == Some(b'\n') { 3 } else { 2 };
                return self.fold(at + len, end, Fold::Escaped);
            }
            Some(b'0') => (Some('\0'), 2),
            Some(b'a') => (Some('\x07'), 2),
            Some(b'b') => (Some('\x08'), 2),
            Some(b't' | b'\t') => (Some('\t'), 2),
            Some(b'n') => (Some('\n'), 2),
            Some(b'v') => (Some('\x0b'), 2),
            Some(b'f') => (Some('\x0c'), 2),
            Some(b'r') => (Some('\r'), 2),
            Some(b'e') => (Some('\x1b'), 2),
            Some(b'N') => (Some('\u{85}'), 2),
            Some(b'_') => (Some('\u{a0}'), 2),
            Some(b'L') => (Some('\u{2028}'), 2),
            Some(b'P') => (Some('\u{2029}'), 2),
            Some(b'x') => (hex(2), 4),
            Some(b'u') => (hex(4), 6),
            Some(b'U') => (hex(8), 10),
            other => (other.map(char::from), 2),
        };
        self.put(at, c.unwrap_or(char::REPLACEMENT_CHARACTER));
        at + len
    }

    /// Replays a block scalar, whose first content line begins at `raw.start`.
    fn block(&mut self, raw: &Raw) {
        let leading = raw.value.len() - raw.value.trim_start_matches('\n').len();
        if leading == raw.value.len() {
            // There is no content line; where the line breaks stand makes no difference.
            for _ in 0..leading {
                self.put(raw.start, '\n');
            }
            return;
        }
        let before = &self.source[..raw.start];
        let line = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let indent = raw.start - line;
        for feed in feeds_before(before, line, leading) {
            self.put(feed, '\n');
        }
        let mut at = raw.start;
        let mut was_blank = false;
        let mut feeds: Vec<usize> = Vec::new();
        loop {
            let is_blank = matches!(self.byte(at), Some(b' ' | b'\t'));
            let is_folded = raw.style == ScalarStyle::Folded && !was_blank && !is_blank;
            match feeds.as_slice() {
                [only] if is_folded => self.put(*only, ' '),
                [_, rest @ ..] if is_folded => rest.iter().for_each(|feed| self.put(*feed, '\n')),
                all => all.iter().for_each(|feed| self.put(*feed, '\n')),
            }
            feeds.clear();
            was_blank = is_blank;
            let rest = &self.source[at..];
            let end = at + rest.find(['\n', '\r']).unwrap_or(rest.len());
            self.copy(at, end);
            at = self.next_content(end, indent, &mut feeds);
            let is_content = !matches!(self.byte(at), None | Some(b'\n' | b'\r'));
            if at >= raw.end || !is_content || feeds.is_empty() {
                break;
            }
        }
        feeds.resize(raw.value.len().saturating_sub(self.value.len()), raw.end);
        feeds.iter().for_each(|feed| self.put(*feed, '\n'));
    }

    /// Goes from the end of a line to the next one with content; returns where that begins, or the
    /// end of the source.
    fn next_content(&self, end: usize, indent: usize, feeds: &mut Vec<usize>) -> usize {
        let mut at = end;
        while matches!(self.byte(at), Some(b'\n' | b'\r')) {
            at += usize::from(self.source[at..].starts_with("\r\n"));
            feeds.push(at);
            at += 1;
            let rest = &self.source.as_bytes()[at..];
            at += rest.iter().take(indent).take_while(|byte| **byte == b' ').count();
        }
        at
    }
}

/// What a run of blanks and line breaks is.
#[derive(Debug, Clone, Copy)]
enum Fold {
    /// Just that.
    Blanks,
    /// What follows an escaped line break.
    Escaped,
}

/// Returns the places of the last `count` line breaks before the line that begins at `line`.
fn feeds_before(before: &str, line: usize, count: usize) -> Vec<usize> {
    let mut feeds: Vec<usize> =
        before[..line].rmatch_indices('\n').map(|(at, _)| at).take(count).collect();
    feeds.reverse();
    feeds
}

#[cfg(test)]
mod tests {
    use crate::{
        rng::Rng,
        yaml::{self, Data, Repair, Tree},
    };

    use super::*;

    /// Calls `visit` for every text of a document.
    fn texts<'t>(tree: &'t Tree, visit: &mut dyn FnMut(&'t Raw)) {
        match &tree.data {
            Data::Scalar(_) => {}
            Data::Text(raw) => visit(raw),
            Data::List(items) => items.iter().for_each(|item| texts(item, visit)),
            Data::Map(map) => map.values().for_each(|entry| texts(&entry.value, visit)),
        }
    }

    /// Checks for each line of the value of `k` what stands at its place in the file: the rest of
    /// that line.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let document = yaml::load(text, Repair::Nothing);
        let root = document.root.as_ref().unwrap_or_else(|| panic!("{:?}", document.faults));
        let Data::Map(map) = &root.data else { panic!("no object") };
        let Data::Text(raw) = &map["k"].value.data else { panic!("no text") };
        assert_eq!(Tracer::replay(text, raw).value, raw.value, "{text:?}");
        let trace = Trace::of(text, raw);
        let starts = std::iter::once(0).chain(raw.value.match_indices('\n').map(|(at, _)| at + 1));
        let found: Vec<&str> = starts
            .map(|start| text[trace.locate(start)..].split(['\n', '\r']).next().unwrap_or(""))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn lines_of_literal_blocks() {
        check(
            "k: |\n  let a = 1;\n    b;\n\n  c\nz: 1\n",
            &["let a = 1;", "  b;", "", "c", "z: 1"],
        );
        check("k: |-\n  a\n  b\n", &["a", "b"]);
        check("k: |+\n  a\n\n\nz: 1\n", &["a", "", "", "z: 1"]);
        check("k: |\n\n\n  a\n", &["", "", "a", ""]);
        check("k: |2\n    a\n   b\n", &["  a", " b", ""]);
        check("k: | # why\n  é é\n  ü\n", &["é é", "ü", ""]);
        check("k: |\r\n  a\r\n  b\r\nz: 1", &["a", "b", "z: 1"]);
        check("k: &x |\n  a\n  b\n", &["a", "b", ""]);
        check("k: |\n  a", &["a", ""]);
        check("k: |\n", &["|"]);
    }

    #[test]
    fn lines_of_folded_blocks() {
        check("k: >\n  a\n  b\n\n  c\n  d\n", &["a", "c", ""]);
        check("k: >-\n  a\n\n\n  b\n", &["a", "", "b"]);
        check("k: >\n  a\n    more\n  b\n", &["a", "  more", "b", ""]);
        check("k: >\n\n  a\n   b\n   c\n\n  d\n", &["", "a", " b", " c", "", "d", ""]);
    }

    #[test]
    fn lines_of_quoted_and_plain_text() {
        check("k: a b\n", &["a b"]);
        check("k: a\n  b\n\n  c\n", &["a", "c"]);
        check("k: 'a'\n", &["a'"]);
        check("k: 'it''s\n  b\n\n  c'\n", &["it''s", "c'"]);
        check("k: \"a\\nb\\nc\" # x\n", &["a\\nb\\nc\" # x", "b\\nc\" # x", "c\" # x"]);
        check("k: \"a\\\n   b\\n\\u00e9c\"\n", &["a\\", "\\u00e9c\""]);
        check("k: \"a \\\n\n  b\"\n", &["a \\", "b\""]);
    }

    #[test]
    fn every_byte_of_a_value_leads_back() {
        let text = "k: \"é\\t\\\"x\\x41 y\n   z\"";
        let document = yaml::load(text, Repair::Nothing);
        let root = document.root.unwrap();
        texts(&root, &mut |raw| {
            assert_eq!(raw.value, "é\t\"xA y z");
            let trace = Trace::of(text, raw);
            let places: Vec<&str> = raw
                .value
                .char_indices()
                .map(|(at, _)| &text[trace.locate(at)..][..1 + usize::from(at == 0)])
                .collect();
            assert_eq!(places, ["é", "\\", "\\", "x", "\\", " ", "y", "\n", "z"]);
        });
    }

    #[test]
    fn a_replay_gives_what_the_parser_gave() {
        let mut rng = Rng::new(7);
        let parts = [
            "a", "b c", " ", "  ", "\n", "\n", "\n  ", "\n   ", "\r\n  ", "\t", "''", "\\n",
            "\\\n", "\\x41", "é", "x: y", "- q", "#", " #",
        ];
        let heads = [
            "", "'", "\"", "|\n  ", "|-\n  ", "|+\n  ", ">\n  ", ">-\n  ", ">+\n  ", "|1\n  ",
            "\n  ",
        ];
        let mut seen = 0;
        for _ in 0..30_000 {
            let head = rng.pick(&heads);
            let body: String = (0..rng.below(9)).map(|_| rng.pick(&parts)).collect();
            let tail = if matches!(head, "'" | "\"") { head } else { "" };
            let text = format!("k: {head}{body}{tail}\nz: 1\n");
            let document = yaml::load(&text, Repair::Nothing);
            let Some(root) = &document.root else { continue };
            texts(root, &mut |raw| {
                seen += 1;
                assert_eq!(Tracer::replay(&text, raw).value, raw.value, "{text:?}");
            });
        }
        assert!(seen > 5_000, "{seen}");
    }
}
