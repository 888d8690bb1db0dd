//! Text to template: literal parts, escapes, and the references between them.

mod reference;

use blueprint_model::{
    Diagnostic, Span, Template, code,
    diagnostic::MAX_ERRORS,
    template::{Fallback, Reference, Segment},
};

use crate::template::reference::{Fault, Scanner};

/// Reads a text as a template.
///
/// `locate` turns a byte of `text` into a byte of the file, for the places of references and
/// faults. A faulty reference stays in the template as text, and so does everything behind very many
/// of them. Time is linear in the text.
pub fn parse_template(text: &str, locate: &dyn Fn(usize) -> usize) -> (Template, Vec<Diagnostic>) {
    let mut reader = Reader { text, locate, segments: Vec::new(), faults: Vec::new() };
    let mut literal = String::new();
    let mut at = 0;
    while let Some(opener) = find_opener(text, at).filter(|_| reader.faults.len() < MAX_ERRORS) {
        let before = &text[at..opener];
        let plain = before.trim_end_matches('\\');
        let backslashes = before.len() - plain.len();
        literal.push_str(plain);
        literal.extend(std::iter::repeat_n('\\', backslashes / 2));
        if backslashes % 2 == 1 {
            literal.push_str(&text[opener..opener + 2]);
            at = opener + 2;
            continue;
        }
        match reference(text, opener, locate) {
            Ok((reference, end)) => {
                reader.push_text(&mut literal);
                reader.segments.push(Segment::Reference(reference));
                at = end;
            }
            Err(fault) => {
                at = reader.fault(opener, fault);
                literal.push_str(&text[opener..at]);
            }
        }
    }
    literal.push_str(&text[at..]);
    reader.push_text(&mut literal);
    // Most texts are one segment, and a list grows to four at once.
    reader.segments.shrink_to_fit();
    (Template { segments: reader.segments }, reader.faults)
}

/// Returns where the reference that opens at `opener` ends, if it can be read.
pub(crate) fn reference_end(text: &str, opener: usize) -> Option<usize> {
    reference(text, opener, &|byte| byte).ok().map(|(_, end)| end)
}

/// Returns where the reference that opens at `opener` is closed, also if it cannot be read.
pub(crate) fn closing_end(text: &str, opener: usize) -> Option<usize> {
    reference_end(text, opener).or_else(|| match end_of_broken(text, opener) {
        Broken::Closed(end) => Some(end),
        Broken::Open(_) => None,
    })
}

/// Returns whether a reference opens at this byte.
pub(crate) fn is_opener(text: &str, at: usize) -> bool {
    text.as_bytes().get(at) == Some(&b'@')
        && matches!(text.as_bytes().get(at + 1), Some(b'{' | b'<'))
}

/// Returns where the next `@{` or `@<` stands.
pub(crate) fn find_opener(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(len) = text[at..].find('@') {
        at += len;
        if is_opener(text, at) {
            return Some(at);
        }
        at += 1;
    }
    None
}

struct Reader<'t> {
    text: &'t str,
    locate: &'t dyn Fn(usize) -> usize,
    segments: Vec<Segment>,
    faults: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn push_text(&mut self, literal: &mut String) {
        if !literal.is_empty() {
            self.segments.push(Segment::Text(std::mem::take(literal)));
        }
    }

    /// Reports the faulty reference that opens at `opener`; returns where reading goes on.
    fn fault(&mut self, opener: usize, fault: Fault) -> usize {
        match end_of_broken(self.text, opener) {
            Broken::Closed(end) => {
                let span = self.span(fault.start, fault.end.max(fault.start + 1).min(end));
                let diagnostic = Diagnostic::error(code::BAD_REFERENCE, span, fault.message);
                self.faults.push(diagnostic.maybe_help(fault.hint));
                end
            }
            Broken::Open(_) if fault.is_nested => {
                let span = self.span(fault.start, fault.end);
                let diagnostic = Diagnostic::error(code::BAD_REFERENCE, span, fault.message);
                self.faults.push(diagnostic.maybe_help(fault.hint));
                let rest = &self.text[fault.end..];
                rest.find(['}', '>']).map_or(self.text.len(), |len| fault.end + len + 1)
            }
            Broken::Open(resume) => {
                let shown = self.text[opener..resume].trim_end();
                let shown = shown.lines().next().unwrap_or(shown);
                let close = if self.text[opener..].starts_with("@{") { '}' } else { '>' };
                let span = self.span(opener, opener + shown.len());
                let diagnostic =
                    Diagnostic::error(code::REFERENCE_OPEN, span, "a reference is not closed")
                        .help(format!("close it with `{close}`, or write `\\@` for a plain `@`"));
                self.faults.push(diagnostic);
                resume
            }
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        place(self.locate, start, end)
    }
}

/// Returns the span in the file of some bytes of the text.
fn place(locate: &dyn Fn(usize) -> usize, start: usize, end: usize) -> Span {
    let start_in_file = locate(start);
    if end <= start {
        return Span::new(start_in_file, start_in_file);
    }
    Span::new(start_in_file, locate(end - 1) + 1)
}

/// How a reference that cannot be read ends.
enum Broken {
    /// With its closing character; the byte behind it.
    Closed(usize),
    /// Not at all; the byte of the next reference, or of the end.
    Open(usize),
}

fn end_of_broken(text: &str, opener: usize) -> Broken {
    let close = if text[opener..].starts_with("@{") { '}' } else { '>' };
    let inside = opener + 2;
    let next = find_opener(text, inside).unwrap_or(text.len());
    match text[inside..next].find(close) {
        Some(len) => Broken::Closed(inside + len + 1),
        None => Broken::Open(next),
    }
}

/// Reads the reference that opens at `opener`; returns it with the byte behind it.
fn reference(
    text: &str,
    opener: usize,
    locate: &dyn Fn(usize) -> usize,
) -> Result<(Reference, usize), Fault> {
    let mut scanner = Scanner::new(text, opener + 2, locate);
    scanner.skip_blanks();
    if scanner.peek() == Some(if text[opener..].starts_with("@{") { '}' } else { '>' }) {
        return Err(Fault::new(opener, scanner.at() + 1, "a reference names nothing")
            .help("write a path such as `@{inputs.city}`"));
    }
    let mut reference = scanner.path(0)?;
    scanner.skip_blanks();
    reference.fallback = scanner.fallback()?;
    scanner.skip_blanks();
    let has_fallback = reference.fallback != Fallback::Error;
    let end = scanner.close(text[opener..].starts_with("@{"), has_fallback)?;
    reference.span = place(locate, opener, end);
    Ok((reference, end))
}

#[cfg(test)]
mod tests;
