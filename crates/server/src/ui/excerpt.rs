//! A fault of a blueprint with the lines that it is about.

use blueprint_model::{Diagnostic, Severity, Source, Span};
use maud::{Markup, html};

use crate::ui::parts;

/// The most characters of a line that are shown before and after a marked place.
const AROUND: usize = 60;
/// The most characters of a marked place that are shown.
const MARKED: usize = 120;

/// A line with a marked place.
#[derive(Debug, PartialEq, Eq)]
struct Line<'s> {
    number: usize,
    before: String,
    marked: String,
    after: String,
    label: &'s str,
    is_main: bool,
}

/// Shows a fault: how bad, what, where, the lines, and what to do. `page` is the address of the file's
/// blueprint.
pub(super) fn fault(source: &Source, diagnostic: &Diagnostic, page: Option<&str>) -> Markup {
    let Diagnostic { code, severity, message, span, hint, .. } = diagnostic;
    let (line, column) = source.position(span.start);
    let place = format!("{}:{line}:{column}", source.file);
    html! {
        article class={ "fault fault-" (severity.as_str()) } {
            p class="fault-title" {
                (sign(*severity)) " " code { (code) } " " strong { (parts::prose(message)) }
            }
            p class="fault-place" {
                @match page {
                    Some(page) => a href={ (page) "?line=" (line) "#L" (line) } { (place) },
                    None => (place),
                }
            }
            @if !source.text.is_empty() {
                pre class="excerpt" tabindex="0" aria-label={ "Lines of " (source.file) } {
                    @for line in lines(source, diagnostic) { (row(&line)) }
                }
            }
            @if let Some(hint) = hint { p class="fault-help" { "Help: " (parts::prose(hint)) } }
        }
    }
}

fn sign(severity: Severity) -> Markup {
    let (sign, word) = match severity {
        Severity::Error => ("✗", "error"),
        Severity::Warning => ("!", "warning"),
        Severity::Hint => ("i", "hint"),
    };
    html! { span class={ "severity severity-" (word) } { span aria-hidden="true" { (sign) } " " (word) } }
}

fn row(line: &Line<'_>) -> Markup {
    let kind = if line.is_main { "mark" } else { "mark mark-other" };
    html! {
        span class="excerpt-line" {
            span class="excerpt-number" { (line.number) }
            span class="excerpt-text" {
                (line.before) mark class=(kind) { (line.marked) } (line.after)
                @if !line.label.is_empty() { span class="excerpt-label" { (line.label) } }
            }
        }
    }
}

fn lines<'s>(source: &Source, diagnostic: &'s Diagnostic) -> Vec<Line<'s>> {
    let label = diagnostic.label.as_deref().unwrap_or("");
    let mut marks = vec![(diagnostic.span, label, true)];
    marks.extend(diagnostic.related.iter().map(|it| (it.span, it.text.as_str(), false)));
    marks.sort_by_key(|(span, ..)| span.start);
    marks.into_iter().map(|(span, label, is_main)| line(source, span, label, is_main)).collect()
}

fn line<'s>(source: &Source, span: Span, label: &'s str, is_main: bool) -> Line<'s> {
    let (number, _) = source.position(span.start);
    let text = source.line(number);
    let start = floor(text, span.start.saturating_sub(source.line_start(number)));
    let end = floor(text, span.end.saturating_sub(source.line_start(number))).max(start);
    let (before, marked, after) = (&text[..start], &text[start..end], &text[end..]);
    let count = before.chars().count();
    let before = match count.checked_sub(AROUND) {
        Some(cut) if cut > 0 => format!("…{}", before.chars().skip(cut).collect::<String>()),
        Some(_) | None => before.to_owned(),
    };
    Line { number, before, marked: cut(marked, MARKED), after: cut(after, AROUND), label, is_main }
}

/// Returns the byte at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn cut(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() { format!("{start}…") } else { start }
}

#[cfg(test)]
mod tests {
    use blueprint_model::code;

    use super::*;

    fn shown(text: &str, start: usize, end: usize) -> (usize, String, String, String) {
        let source = Source::new("x.yaml", text);
        let found = line(&source, Span::new(start, end), "", true);
        (found.number, found.before, found.marked, found.after)
    }

    #[test]
    fn the_marked_place_is_cut_out_of_its_line() {
        let expected = (2, "  ab: ".into(), "cd".into(), " ef".into());
        assert_eq!(shown("x\n  ab: cd ef\ny", 8, 10), expected);
        assert_eq!(shown("añb", 1, 3), (1, "a".into(), "ñ".into(), "b".into()));
    }

    #[test]
    fn a_place_over_several_lines_is_marked_in_its_first() {
        assert_eq!(shown("ab\ncd", 1, 5), (1, "a".into(), "b".into(), String::new()));
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}X{}", "a".repeat(200), "b".repeat(200));
        let (_, before, marked, after) = shown(&text, 200, 201);
        assert_eq!(before, format!("…{}", "a".repeat(AROUND)));
        assert_eq!(marked, "X");
        assert_eq!(after, format!("{}…", "b".repeat(AROUND)));
    }

    #[test]
    fn nothing_of_a_file_becomes_markup() {
        let source = Source::new("<b>.yaml", "<script>alert(1)</script>");
        let diagnostic = Diagnostic::error(code::BAD_NAME, Span::new(0, 8), "<i>").help("<u>");
        let page = fault(&source, &diagnostic, None).into_string();
        for tag in ["<b>", "<script>", "<i>", "<u>"] {
            assert!(!page.contains(tag), "{page}");
        }
    }
}
