//! The parser's errors in words that say what to do.

use blueprint_model::{Diagnostic, Span, code};

use crate::{
    template,
    yaml::{
        bounds,
        build::Scan,
        repair::File,
        words::{self, Place, Words},
    },
};

/// Returns the diagnostic for what the parser failed at.
pub(crate) fn explain(file: File<'_>, scan: &Scan) -> Diagnostic {
    let text = file.text;
    let at = floor(text, file.insertions.to_file(scan.at));
    if scan.info.contains("recursion limit") {
        return bounds::too_deep(Span::new(at, at));
    }
    if let Some(fault) = tab(text, at, &scan.info) {
        return fault;
    }
    let fault = reference(text, at, &scan.info).unwrap_or_else(|| syntax(text, at, &scan.info));
    match scan.open.map(|open| file.insertions.to_file(open)) {
        Some(open) if open < at && is_about_flow(&scan.info) => {
            fault.related(Span::new(open, open + 1), "opened here")
        }
        Some(_) | None => fault,
    }
}

/// Returns a text for a message: long ones are cut, line breaks are shown.
pub(crate) fn short(text: &str) -> String {
    let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() { format!("{shown}…") } else { shown }
}

/// Returns the fault of a tab that indents the line of a failure.
fn tab(text: &str, at: usize, info: &str) -> Option<Diagnostic> {
    let line = line_start(text, at);
    let indent = text[line..].len() - text[line..].trim_start_matches([' ', '\t']).len();
    let tab = text[line..line + indent].find('\t').map(|column| line + column);
    let tab = tab.or_else(|| {
        let column = text[line..].find('\t').filter(|_| info.contains("tab"))?;
        Some(line + column)
    })?;
    let end = tab + text[tab..].bytes().take_while(|byte| *byte == b'\t').count().max(1);
    let fault = Diagnostic::error(code::TAB, Span::new(tab, end), "a tab indents this line");
    Some(fault.help("YAML is indented with spaces, usually two for each level"))
}

/// Returns the fault of a reference at or around the place of a failure that nothing repaired.
fn reference(text: &str, at: usize, info: &str) -> Option<Diagnostic> {
    let line = line_start(text, at);
    let line_end = line_end(text, at);
    let opener = (line..=at).rev().find(|byte| template::is_opener(text, *byte))?;
    let Some(end) = template::closing_end(&text[..line_end], opener) else {
        let span = Span::new(opener, opener + text[opener..line_end].trim_end().len());
        let fault = Diagnostic::error(code::REFERENCE_OPEN, span, "a reference is not closed");
        return Some(fault.help("close it, and put quotes around the whole value"));
    };
    if opener == at {
        let message = "a value cannot begin with `@` in YAML";
        let fault = Diagnostic::error(code::UNQUOTED_REFERENCE, Span::new(opener, end), message);
        return Some(fault.help("put quotes around the whole value"));
    }
    let fault = if end > at && is_about_flow(info) {
        let message = "text with a reference inside `{ }` or `[ ]` must be quoted";
        Diagnostic::error(code::REFERENCE_IN_FLOW, Span::new(opener, end), message)
    } else {
        return None;
    };
    Some(fault.help("put single quotes around the whole value"))
}

fn syntax(text: &str, at: usize, info: &str) -> Diagnostic {
    let line = &text[line_start(text, at)..line_end(text, at)];
    let Words { message, hint, place } = words::words(line, info);
    let span = match place {
        Place::Here => here(text, at),
        Place::LineBefore => line_before(text, at),
        Place::Line => {
            let line = line_start(text, at);
            let blank = text[line..].len() - text[line..].trim_start_matches(' ').len();
            Span::new(line + blank, line_end(text, at).max(line + blank))
        }
    };
    Diagnostic::error(code::NOT_YAML, span, message).help(hint)
}

fn is_about_flow(info: &str) -> bool {
    ["flow", "illegal placement", "node content", "',' or", "eof", "plain scalar"]
        .iter()
        .any(|word| info.contains(word))
}

/// Returns the character at a place; at the end of a line, the last one before it.
fn here(text: &str, at: usize) -> Span {
    if let Some(c) = text[at..].chars().next().filter(|c| !matches!(c, '\n' | '\r')) {
        return Span::new(at, at + c.len_utf8());
    }
    let before = text[..at].trim_end();
    let last = before.chars().next_back().map_or(0, char::len_utf8);
    Span::new(before.len() - last, before.len())
}

/// Returns the last line with content before a place.
fn line_before(text: &str, at: usize) -> Span {
    let before = text[..at].trim_end();
    let line = line_start(text, before.len());
    let shown = before[line..].trim_start();
    Span::new(before.len() - shown.len(), before.len())
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind(['\n', '\r']).map_or(0, |at| at + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    at + text[at..].find(['\n', '\r']).unwrap_or(text.len() - at)
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
