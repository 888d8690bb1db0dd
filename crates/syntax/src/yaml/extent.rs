//! Where a scalar really begins and ends: the parser counts the blanks behind a quote and the line
//! breaks behind a block.

use saphyr_parser::ScalarStyle;

/// The extent of a scalar, in bytes.
pub(crate) struct Extent {
    /// The opening quote, or the first character of the content.
    pub(crate) start: usize,
    /// Behind the closing quote, or where a block gives way to the next thing.
    pub(crate) end: usize,
    /// Where it ends for people.
    pub(crate) shown: usize,
}

/// Returns the extent of the scalar that the parser found at these bytes.
pub(crate) fn of(text: &str, style: ScalarStyle, start: usize, end: usize) -> Extent {
    match style {
        ScalarStyle::Plain => Extent { start, end, shown: end },
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            let end = quoted_end(text, start).unwrap_or(end);
            Extent { start, end, shown: end }
        }
        ScalarStyle::Literal | ScalarStyle::Folded => {
            // With an anchor before it, a block begins at its header and not at its content.
            let start = if is_block_content(text, start) {
                start
            } else {
                block_content(text, start, end).unwrap_or(start)
            };
            let written = text.get(start..end).unwrap_or("");
            Extent { start, end, shown: start + written.trim_end().len() }
        }
    }
}

/// Returns whether only spaces stand before a byte on its line, which is not the first.
fn is_block_content(text: &str, at: usize) -> bool {
    let line = text[..at].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    line > 0 && text[line..at].bytes().all(|byte| byte == b' ')
}

fn block_content(text: &str, header: usize, end: usize) -> Option<usize> {
    let mut at = header;
    for (index, line) in text.get(header..end)?.split_inclusive('\n').enumerate() {
        if index > 0 && !line.trim().is_empty() {
            return Some(at + line.len() - line.trim_start_matches(' ').len());
        }
        at += line.len();
    }
    None
}

/// Returns the byte behind the closing quote of the quoted text that begins at `start`.
pub(crate) fn quoted_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(start)?;
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        let is_escape = quote == b'"' && *byte == b'\\';
        let is_doubled = quote == b'\'' && *byte == quote && bytes.get(at + 1) == Some(&quote);
        if is_escape || is_doubled {
            at += 2;
        } else if *byte == quote {
            return Some(at + 1);
        } else {
            at += 1;
        }
    }
    None
}
