//! Quotes for references that YAML forbids without: only where the parser failed, so that a valid
//! file is never touched.

use blueprint_model::{Diagnostic, Span, code};
use saphyr_parser::Parser;

use crate::{
    template,
    yaml::{build::Scan, extent, places::Insertions},
};

/// A file as written and as parsed. A repair sees no more of it than the line of the failure.
#[derive(Clone, Copy)]
pub(crate) struct File<'t> {
    /// As written.
    pub(crate) text: &'t str,
    /// With the repairs so far.
    pub(crate) repaired: &'t str,
    /// The difference.
    pub(crate) insertions: &'t Insertions,
}

/// A repair: what to insert, by bytes of the file, and what to say about it.
pub(crate) struct Mended {
    pub(crate) insertions: Vec<(usize, char)>,
    pub(crate) fault: Diagnostic,
}

/// Returns the repair of what the parser failed at, if it failed at a reference and the repair
/// leaves no doubt.
pub(crate) fn repair(file: File<'_>, scan: &Scan) -> Option<Mended> {
    let at = file.insertions.to_file(scan.at);
    let line_end = at + file.text[at..].find(['\n', '\r']).unwrap_or(file.text.len() - at);
    let file = File { text: &file.text[..line_end], ..file };
    if scan.info.contains("unknown escape character") {
        return repair_escape(file, scan.at);
    }
    if template::is_opener(file.text, at) {
        return repair_start(file, scan.at, at);
    }
    repair_inside_flow(file, scan, at)
}

/// Repairs a value that begins with a reference.
fn repair_start(file: File<'_>, scan_at: usize, at: usize) -> Option<Mended> {
    let text = file.text;
    if is_in_flow(file.repaired, scan_at) {
        let reference_end = template::reference_end(text, at)?;
        let end = flow_end(text, at)?;
        let is_alone = end == reference_end;
        return Some(if is_alone { unquoted(text, at, end) } else { inside_flow(text, at, end) });
    }
    let end = match template::reference_end(text, at) {
        Some(end) if is_key(text, at, end) => end,
        Some(_) | None => block_end(text, at),
    };
    if template::closing_end(text, at).is_none() {
        let span = Span::new(at, end);
        let fault = Diagnostic::error(code::REFERENCE_OPEN, span, "a reference is not closed")
            .help("close it, and put quotes around the whole value");
        return Some(Mended { insertions: quotes(text, span), fault });
    }
    Some(unquoted(text, at, end))
}

/// Repairs a value in `{ }` or `[ ]` whose reference was taken apart.
fn repair_inside_flow(file: File<'_>, scan: &Scan, at: usize) -> Option<Mended> {
    let text = file.text;
    let line = text[..at].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let opener = (line..at).rev().find(|byte| template::is_opener(text, *byte))?;
    let reference_end = template::reference_end(text, opener)?;
    if reference_end <= at || !is_in_flow(file.repaired, scan.at) {
        return None;
    }
    let last = scan
        .last
        .map(|(start, end)| (file.insertions.to_file(start), file.insertions.to_file(end)));
    let start = match last {
        Some((start, end)) if start >= line && start <= opener && end > opener => start,
        Some(_) | None => return None,
    };
    Some(inside_flow(text, start, flow_end(text, start)?))
}

/// Repairs `\@` in double quotes; `scalar` is where the quotes open.
fn repair_escape(file: File<'_>, scalar: usize) -> Option<Mended> {
    let end = extent::quoted_end(file.repaired, scalar)?;
    let bytes = file.repaired.as_bytes();
    let mut at = scalar + 1;
    while at + 1 < end {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        if bytes[at + 1] == b'@' {
            let at = file.insertions.to_file(at);
            let span = Span::new(at, at + 2);
            let message = "`\\@` is no escape in double quotes";
            let fault = Diagnostic::error(code::ESCAPE_IN_QUOTES, span, message)
                .help("write `\\\\@`, or use single quotes")
                .fix(span, "\\\\@");
            return Some(Mended { insertions: vec![(at, '\\')], fault });
        }
        at += 2;
    }
    None
}

fn unquoted(text: &str, start: usize, end: usize) -> Mended {
    let message = "a value cannot begin with `@` in YAML; read as if it were quoted";
    let span = Span::new(start, end);
    quote(text, span, Diagnostic::warning(code::UNQUOTED_REFERENCE, span, message))
}

fn inside_flow(text: &str, start: usize, end: usize) -> Mended {
    let message = "text with a reference inside `{ }` or `[ ]` must be quoted";
    let span = Span::new(start, end);
    quote(text, span, Diagnostic::error(code::REFERENCE_IN_FLOW, span, message))
}

fn quote(text: &str, span: Span, fault: Diagnostic) -> Mended {
    let quoted = format!("'{}'", text[span.range()].replace('\'', "''"));
    let hint = match quoted.chars().count() {
        0..=60 => format!("write `{quoted}`"),
        _ => "put single quotes around it".to_owned(),
    };
    Mended { insertions: quotes(text, span), fault: fault.help(hint).fix(span, quoted) }
}

/// Returns the insertions that put single quotes around some text.
fn quotes(text: &str, span: Span) -> Vec<(usize, char)> {
    let inner = text[span.range()].match_indices('\'').map(|(at, _)| span.start + at);
    let all = std::iter::once(span.start).chain(inner).chain([span.end]);
    all.map(|at| (at, '\'')).collect()
}

/// Returns whether a byte is inside of `{ }` or `[ ]`: only there may a bracket close.
fn is_in_flow(repaired: &str, at: usize) -> bool {
    let prefix = format!("{}]", &repaired[..at]);
    let failure = Parser::new_from_str(&prefix).find_map(Result::err);
    failure.is_none_or(|err| err.info() != "misplaced bracket")
}

/// Returns whether the reference is a key of a block: first on its line, with `:` behind it.
fn is_key(text: &str, start: usize, end: usize) -> bool {
    let line = text[..start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let is_first = text[line..start].bytes().all(|byte| matches!(byte, b' ' | b'-' | b'?'));
    let rest = text[end..].trim_start_matches(' ');
    is_first
        && rest
            .strip_prefix(':')
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// Returns where the rest of a line ends, without a comment and the blanks before it.
fn block_end(text: &str, start: usize) -> usize {
    scalar_end(text, start, &[])
}

/// Returns where the text ends that begins at `start` in `{ }` or `[ ]`.
fn flow_end(text: &str, start: usize) -> Option<usize> {
    let end = scalar_end(text, start, b",]}");
    (end > start).then_some(end)
}

fn scalar_end(text: &str, start: usize, stops: &[u8]) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let reference = if *byte == b'@' && template::is_opener(text, at) {
            template::reference_end(text, at)
        } else {
            None
        };
        let is_comment = *byte == b'#' && at > start && matches!(bytes[at - 1], b' ' | b'\t');
        if matches!(byte, b'\n' | b'\r') || is_comment || stops.contains(byte) {
            break;
        }
        at = reference.unwrap_or(at + 1);
    }
    start + text[start..at].trim_end().len()
}
