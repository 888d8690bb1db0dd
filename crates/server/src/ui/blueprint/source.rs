//! The text of a blueprint beside its graph: numbered lines, what was found at them, a block's lines.

use std::{collections::BTreeMap, ops::RangeInclusive};

use blueprint_engine::Outline;
use blueprint_model::{Diagnostic, Severity, Source};
use maud::{Markup, html};

/// Returns the lines of each block, by its path without items, from 1.
pub(in crate::ui) fn places(
    source: &Source,
    outline: &Outline,
) -> BTreeMap<String, RangeInclusive<usize>> {
    let mut places = BTreeMap::new();
    let mut work = vec![(String::new(), outline)];
    while let Some((prefix, outline)) = work.pop() {
        for node in &outline.nodes {
            let id = format!("{prefix}{}", node.id);
            if let Some(body) = &node.body {
                work.push((format!("{id}."), body));
            }
            places.insert(id, lines(source, node.place.0));
        }
    }
    places
}

/// Returns the lines that belong to the one where a block begins: those that are indented deeper.
fn lines(source: &Source, first: usize) -> RangeInclusive<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let outer = indent(source.line(first));
    let count = source.text.lines().count();
    let mut last = first;
    for line in first + 1..=count {
        let text = source.line(line);
        if text.trim().is_empty() {
            continue;
        }
        if indent(text) <= outer {
            break;
        }
        last = line;
    }
    first..=last
}

/// Returns the block that a line belongs to: the innermost.
pub(super) fn block_at(
    places: &BTreeMap<String, RangeInclusive<usize>>,
    line: usize,
) -> Option<&str> {
    let around = places.iter().filter(|(_, lines)| lines.contains(&line));
    let inner = around.min_by_key(|(_, lines)| lines.end() - lines.start());
    inner.map(|(id, _)| id.as_str())
}

/// Shows a text with what was found in it; `chosen` are the lines to point out.
pub(in crate::ui) fn show(
    source: &Source,
    diagnostics: &[Diagnostic],
    chosen: Option<&RangeInclusive<usize>>,
) -> Markup {
    let mut found: BTreeMap<usize, Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in diagnostics {
        found.entry(source.position(diagnostic.span.start).0).or_default().push(diagnostic);
    }
    let first = chosen.map(|lines| *lines.start());
    html! {
        div.source tabindex="0" role="region" aria-label={ "Text of " (source.file) } {
            ol {
                @for (n, text) in source.text.lines().enumerate() {
                    @let line = n + 1;
                    @let at = found.get(&line).map_or(&[][..], Vec::as_slice);
                    li id={ "L" (line) } class=(class(line, at, chosen)) data-first[first == Some(line)] {
                        code { (text) }
                        @for diagnostic in at { (note(diagnostic)) }
                    }
                }
            }
        }
    }
}

/// Shows some lines of a text.
pub(in crate::ui) fn excerpt(source: &Source, lines: &RangeInclusive<usize>) -> Markup {
    html! {
        div.source.short {
            ol {
                @for line in lines.clone() {
                    li data-line=(line) { code { (source.line(line)) } }
                }
            }
        }
    }
}

fn class(line: usize, at: &[&Diagnostic], chosen: Option<&RangeInclusive<usize>>) -> &'static str {
    let is_chosen = chosen.is_some_and(|lines| lines.contains(&line));
    match (at.is_empty(), is_chosen) {
        (true, false) => "",
        (true, true) => "chosen",
        (false, false) => "found",
        (false, true) => "found chosen",
    }
}

/// Shows what was found, with what to do about it.
pub(super) fn note(diagnostic: &Diagnostic) -> Markup {
    let (class, sign) = match diagnostic.severity {
        Severity::Error => ("s-bad", "✕"),
        Severity::Warning => ("s-warn", "!"),
        Severity::Hint => ("s-live", "i"),
    };
    html! {
        div.finding.(class) {
            span.sign aria-hidden="true" { (sign) }
            " " (diagnostic.severity.as_str()) " " (diagnostic.code) ": " (diagnostic.message)
            @if let Some(hint) = &diagnostic.hint { span.soft { " – " (hint) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use blueprint_model::{Span, code};

    use super::*;

    #[test]
    fn a_block_has_the_lines_that_are_indented_deeper() {
        let source = Source::new("a.yaml", "blocks:\n  a:\n    type: code\n\n    code: x\n  b:\n");
        assert_eq!(lines(&source, 2), 2..=5);
        assert_eq!(lines(&source, 6), 6..=6);
        let places = BTreeMap::from([("each".into(), 1..=9), ("each.a".into(), 2..=5)]);
        assert_eq!(block_at(&places, 3), Some("each.a"));
        assert_eq!(block_at(&places, 7), Some("each"));
    }

    #[test]
    fn findings_stand_at_their_lines_and_texts_cannot_break_out() {
        let source = Source::new("a.yaml", "one\n<script>alert(1)</script>\n");
        let evil = "<img src=x onerror=alert(1)>";
        let found = Diagnostic::error(code::NO_FILE, Span::new(4, 5), evil).help(evil);
        let shown = show(&source, &[found], Some(&(2..=2))).into_string();
        assert!(!shown.contains("<script>") && !shown.contains("<img"), "{shown}");
        assert!(shown.contains("<li id=\"L2\" class=\"found chosen\""), "{shown}");
    }
}
