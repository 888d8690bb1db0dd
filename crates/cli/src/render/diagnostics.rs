//! Diagnostics for people and for programs.

use blueprint_model::{Diagnostic, Severity, Source};
use blueprint_project::text;
use clap::ValueEnum;

use crate::{render::diagnostics::places::Places, terminal::Paint};

mod human;
mod json;
mod places;
mod sarif;

/// The diagnostics of one file.
#[derive(Debug, Clone, Copy)]
pub struct Report<'r> {
    /// The file.
    pub source: &'r Source,
    /// Its diagnostics, in the order to show.
    pub diagnostics: &'r [Diagnostic],
}

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With the lines of the file, for people.
    Human,
    /// One line each, for editors.
    Short,
    /// A list of objects.
    Json,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
}

/// Returns the diagnostics as text.
///
/// Takes time linear in the size of the files and of what comes out.
pub fn render(reports: &[Report<'_>], format: Format, paint: Paint) -> String {
    match format {
        Format::Human => {
            reports.iter().map(|report| human::render(report, &places(report), paint)).collect()
        }
        Format::Short => reports.iter().map(short).collect(),
        Format::Json => format!("{:#}\n", json::render(reports)),
        Format::Sarif => format!("{:#}\n", sarif::render(reports)),
    }
}

/// Returns how many diagnostics there are of each severity: `2 errors, 1 warning`; `None` if none.
pub fn summary(reports: &[Report<'_>]) -> Option<String> {
    let counts = [Severity::Error, Severity::Warning, Severity::Hint].map(|severity| {
        let all = reports.iter().flat_map(|report| report.diagnostics);
        (all.filter(|diagnostic| diagnostic.severity == severity).count(), severity.as_str())
    });
    let parts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, noun)| text::count(*n, noun)).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn short(report: &Report<'_>) -> String {
    let places = places(report);
    let mut lines = String::new();
    for diagnostic in report.diagnostics {
        let place = places.get(diagnostic.span.start);
        let file = text::safe(&report.source.file);
        let (line, column) = (place.line, place.column);
        let (severity, code) = (diagnostic.severity.as_str(), diagnostic.code);
        let message = text::fit(&diagnostic.message, usize::MAX);
        text::add(
            &mut lines,
            format_args!("{file}:{line}:{column}: {severity}[{code}]: {message}\n"),
        );
    }
    lines
}

fn places(report: &Report<'_>) -> Places {
    let spans = report.diagnostics.iter().flat_map(|diagnostic| {
        let fix = diagnostic.fix.iter().map(|fix| fix.span);
        let related = diagnostic.related.iter().map(|label| label.span);
        std::iter::once(diagnostic.span).chain(related).chain(fix)
    });
    Places::new(&report.source.text, spans.flat_map(|span| [span.start, span.end]).collect())
}

#[cfg(test)]
mod tests {
    use blueprint_model::{Span, code};

    use super::*;

    fn example() -> (Source, Vec<Diagnostic>) {
        let source = Source::new("orders.yaml", "name: x\nblocks:\n  a: {next: prase}\n");
        let diagnostics = vec![
            Diagnostic::error(code::UNKNOWN_TARGET, Span::new(28, 33), "no block `prase`")
                .help("did you mean `parse`?")
                .fix(Span::new(28, 33), "parse"),
            Diagnostic::warning(code::UNUSED_SECRET, Span::new(0, 4), "unused"),
        ];
        (source, diagnostics)
    }

    #[track_caller]
    fn check(format: Format, expected: &str) {
        let (source, diagnostics) = example();
        let report = Report { source: &source, diagnostics: &diagnostics };
        assert_eq!(render(&[report], format, Paint::Plain), expected);
    }

    #[test]
    fn short_is_one_line_each() {
        check(
            Format::Short,
            "orders.yaml:3:13: error[BP0301]: no block `prase`\n\
             orders.yaml:1:1: warning[BP0416]: unused\n",
        );
    }

    #[test]
    fn json_has_places_and_fixes() {
        let (source, diagnostics) = example();
        let report = Report { source: &source, diagnostics: &diagnostics };
        let found: serde_json::Value =
            serde_json::from_str(&render(&[report], Format::Json, Paint::Plain)).unwrap();
        assert_eq!(
            found[0].to_string(),
            concat!(
                r#"{"code":"BP0301","severity":"error","message":"no block `prase`","#,
                r#""file":"orders.yaml","line":3,"column":13,"end_line":3,"end_column":18,"#,
                r#""hint":"did you mean `parse`?","fix":{"line":3,"column":13,"end_line":3,"#,
                r#""end_column":18,"text":"parse"}}"#
            )
        );
        assert!(found[1]["fix"].is_null());
    }

    #[test]
    fn the_summary_counts() {
        let (source, diagnostics) = example();
        let report = Report { source: &source, diagnostics: &diagnostics };
        assert_eq!(summary(&[report, report]).as_deref(), Some("2 errors, 2 warnings"));
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn many_diagnostics_on_one_long_line_are_fast() {
        let source = Source::new("x.yaml", &"é".repeat(500_000));
        let diagnostics: Vec<Diagnostic> = (0..20_000)
            .map(|n| Diagnostic::error(code::TAB, Span::new(n * 40, n * 40 + 2), "tab"))
            .collect();
        let report = Report { source: &source, diagnostics: &diagnostics };
        for format in [Format::Human, Format::Short, Format::Json, Format::Sarif] {
            assert!(render(&[report], format, Paint::Plain).contains("BP0105"));
        }
    }
}
