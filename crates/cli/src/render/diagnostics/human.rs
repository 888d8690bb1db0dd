//! Diagnostics with the lines of the file, in the manner of rustc.

use blueprint_model::{Diagnostic, Severity, Span};
use blueprint_project::text;

use crate::{
    render::diagnostics::{
        Report,
        places::{Place, Places},
    },
    terminal::{Paint, Tone},
};

/// The most columns of a source line that are shown.
const MAX_COLUMNS: usize = 96;
/// The columns before a fault that are shown of a longer line.
const COLUMNS_BEFORE: usize = 32;
/// The most characters that are looked at for one line; some take no column.
const MAX_CHARS: usize = 4 * MAX_COLUMNS;
const TAB: &str = "    ";

/// Returns the diagnostics of one file, an empty line after each.
pub(super) fn render(report: &Report<'_>, places: &Places, paint: Paint) -> String {
    let mut shown = String::new();
    for diagnostic in report.diagnostics {
        Snippet::new(report, diagnostic, places, paint).render(&mut shown);
        shown.push('\n');
    }
    shown
}

struct Snippet<'s> {
    file: &'s str,
    text: &'s str,
    diagnostic: &'s Diagnostic,
    place: Place,
    marks: Vec<Mark<'s>>,
    tone: Tone,
    paint: Paint,
}

/// A place to point at.
struct Mark<'s> {
    place: Place,
    end: usize,
    label: &'s str,
    is_main: bool,
}

/// The part of a line that is shown, and the columns of a mark in it.
struct Window {
    start: usize,
    text: String,
    mark: (usize, usize),
}

impl<'s> Snippet<'s> {
    fn new(report: &Report<'s>, diagnostic: &'s Diagnostic, places: &Places, paint: Paint) -> Self {
        let mark = |span: Span, label: &'s str, is_main| {
            let place = places.get(span.start);
            Mark { place, end: places.get(span.end).byte, label, is_main }
        };
        let label = diagnostic.label.as_deref().unwrap_or("");
        let mut marks = vec![mark(diagnostic.span, label, true)];
        marks.extend(diagnostic.related.iter().map(|it| mark(it.span, &it.text, false)));
        marks.sort_by_key(|mark| mark.place.byte);
        Self {
            file: &report.source.file,
            text: &report.source.text,
            diagnostic,
            place: places.get(diagnostic.span.start),
            marks,
            tone: match diagnostic.severity {
                Severity::Error => Tone::Bad,
                Severity::Warning => Tone::Warn,
                Severity::Hint => Tone::Note,
            },
            paint,
        }
    }

    fn render(&self, shown: &mut String) {
        let Diagnostic { severity, code, message, hint, .. } = self.diagnostic;
        let title = self.paint.paint(self.tone, &format!("{}[{code}]", severity.as_str()));
        let message = self.paint.paint(Tone::Strong, &text::fit(message, usize::MAX));
        let last_line = self.marks.last().map_or(1, |mark| mark.place.line);
        let gutter = last_line.to_string().len();
        let (file, Place { line, column, .. }) = (text::safe(self.file), self.place);
        let arrow = self.paint.paint(Tone::Note, "-->");
        text::add(shown, format_args!("{title}: {message}\n"));
        text::add(shown, format_args!("{:gutter$}{arrow} {file}:{line}:{column}\n", ""));
        if !self.text.is_empty() {
            self.bar(shown, gutter, "");
            self.lines(shown, gutter);
        }
        let Some(hint) = hint else { return };
        if !self.text.is_empty() {
            self.bar(shown, gutter, "");
        }
        for (at, line) in hint.lines().enumerate() {
            let start =
                if at == 0 { self.paint.paint(Tone::Note, "= help:") } else { "       ".into() };
            text::add(shown, format_args!("{:gutter$} {start} {}\n", "", text::safe(line)));
        }
    }

    fn lines(&self, shown: &mut String, gutter: usize) {
        let mut last: Option<(usize, usize)> = None;
        for mark in &self.marks {
            let window = self.window(mark);
            let line = mark.place.line;
            if last != Some((line, window.start)) {
                if last.is_some_and(|(last, _)| line > last + 1) {
                    shown.push_str(&self.paint.paint(Tone::Note, "..."));
                    shown.push('\n');
                }
                let number = self.paint.paint(Tone::Note, &format!("{line:>gutter$} |"));
                let source = format!("{number} {}", window.text);
                shown.push_str(source.trim_end());
                shown.push('\n');
            }
            let (start, len) = window.mark;
            let (sign, tone) = if mark.is_main { ("^", self.tone) } else { ("-", Tone::Note) };
            let sign = format!("{} {}", sign.repeat(len), text::fit(mark.label, usize::MAX));
            let sign = self.paint.paint(tone, sign.trim_end());
            self.bar(shown, gutter, &format!("{:start$}{sign}", ""));
            last = Some((line, window.start));
        }
    }

    fn bar(&self, shown: &mut String, gutter: usize, rest: &str) {
        let bar = self.paint.paint(Tone::Note, &format!("{:gutter$} |", ""));
        let gap = if rest.is_empty() { "" } else { " " };
        text::add(shown, format_args!("{bar}{gap}{rest}\n"));
    }

    /// Returns what to show of a mark's line. Looks at no more of it than is shown.
    fn window(&self, mark: &Mark<'_>) -> Window {
        let Place { byte, line_start, .. } = mark.place;
        let start = if self.fits(line_start) { line_start } else { self.start(byte, line_start) };
        let mut shown = String::from(if start > line_start { "…" } else { "" });
        let mut columns = text::width(&shown);
        let mut mark_at = (None, None);
        let chars = self.text[start..].char_indices().map(|(at, c)| (start + at, c));
        let line = chars.take_while(|(_, c)| *c != '\n' && *c != '\r');
        for (n, (at, c)) in line.enumerate() {
            if columns >= MAX_COLUMNS || n >= MAX_CHARS {
                shown.push('…');
                break;
            }
            if at >= byte {
                mark_at.0.get_or_insert(columns);
            }
            if at >= mark.end {
                mark_at.1.get_or_insert(columns);
            }
            match c {
                '\t' => shown.push_str(TAB),
                c if text::is_unsafe(c) => shown.push('\u{fffd}'),
                c => shown.push(c),
            }
            columns += match c {
                '\t' => TAB.len(),
                c if text::is_unsafe(c) => 1,
                c => text::char_width(c),
            };
        }
        let first = mark_at.0.unwrap_or(columns);
        let len = mark_at.1.unwrap_or(columns).saturating_sub(first).max(1);
        Window { start, text: shown, mark: (first, len) }
    }

    fn fits(&self, line_start: usize) -> bool {
        let mut columns = 0;
        let line = self.text[line_start..].chars().take_while(|c| *c != '\n');
        for (n, c) in line.enumerate() {
            columns += if c == '\t' { TAB.len() } else { text::char_width(c) };
            if columns > MAX_COLUMNS || n >= MAX_CHARS {
                return false;
            }
        }
        true
    }

    fn start(&self, byte: usize, line_start: usize) -> usize {
        let before = self.text[line_start..byte].char_indices().rev();
        before.take(COLUMNS_BEFORE).last().map_or(byte, |(at, _)| line_start + at)
    }
}

#[cfg(test)]
mod tests {
    use blueprint_model::{Source, code};

    use super::*;
    use crate::render::diagnostics::places;

    #[track_caller]
    fn check(text: &str, diagnostic: Diagnostic, expected: &str) {
        let source = Source::new("orders.yaml", text);
        let diagnostics = [diagnostic];
        let report = Report { source: &source, diagnostics: &diagnostics };
        let shown = render(&report, &places(&report), Paint::Plain);
        assert_eq!(shown, format!("{expected}\n"), "\n{shown}");
    }

    fn span_of(text: &str, part: &str) -> Span {
        let start = text.find(part).unwrap();
        Span::new(start, start + part.len())
    }

    #[test]
    fn a_fault_is_shown_in_its_line() {
        let text = "blocks:\n  fetch:\n    type: wait\n    next: prase\n  parse:\n";
        check(
            text,
            Diagnostic::error(code::UNKNOWN_TARGET, span_of(text, "prase"), "no block `prase`")
                .at("no block has this id")
                .related(span_of(text, "fetch"), "in this block")
                .help("did you mean `parse`?\nor not"),
            "\
error[BP0301]: no block `prase`
 --> orders.yaml:4:11
  |
2 |   fetch:
  |   ----- in this block
...
4 |     next: prase
  |           ^^^^^ no block has this id
  |
  = help: did you mean `parse`?
          or not
",
        );
    }

    #[test]
    fn two_places_share_a_line() {
        let text = "a: 1, a: 2\n";
        check(
            text,
            Diagnostic::error(code::DUPLICATE_KEY, Span::new(6, 7), "twice")
                .related(Span::new(0, 1), "first here"),
            "\
error[BP0106]: twice
 --> orders.yaml:1:7
  |
1 | a: 1, a: 2
  | - first here
  |       ^
",
        );
    }

    #[test]
    fn tabs_and_wide_characters_keep_marks_in_place() {
        let text = "\t漢字: é\u{1b}x\n";
        check(
            text,
            Diagnostic::warning(code::TAB, span_of(text, "é"), "tab"),
            "\
warning[BP0105]: tab
 --> orders.yaml:1:6
  |
1 |     漢字: é\u{fffd}x
  |           ^
",
        );
    }

    #[test]
    fn a_fault_at_the_end_points_behind_the_text() {
        check(
            "a: [\n",
            Diagnostic::error(code::NOT_YAML, Span::new(5, 5), "the file ends too early"),
            "\
error[BP0100]: the file ends too early
 --> orders.yaml:2:1
  |
2 |
  | ^
",
        );
        check(
            "",
            Diagnostic::error(code::NOT_A_BLUEPRINT, Span::new(0, 0), "the file is empty"),
            "error[BP0201]: the file is empty\n --> orders.yaml:1:1\n",
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_fault() {
        let text = format!("{}needle{}\n", "a".repeat(500), "b".repeat(500));
        check(
            &text,
            Diagnostic::error(code::NOT_YAML, Span::new(500, 506), "here"),
            &format!(
                "error[BP0100]: here\n --> orders.yaml:1:501\n  |\n1 | …{}needle{}…\n  | {:33}^^^^^^\n",
                "a".repeat(32),
                "b".repeat(57),
                ""
            ),
        );
    }

    #[test]
    fn a_span_over_lines_is_marked_on_its_first() {
        check(
            "a: |\r\n  b\r\n",
            Diagnostic::hint(code::NOT_YAML, Span::new(3, 9), "here"),
            "hint[BP0100]: here\n --> orders.yaml:1:4\n  |\n1 | a: |\n  |    ^\n",
        );
    }
}
