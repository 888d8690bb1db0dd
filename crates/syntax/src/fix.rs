//! Writes the mends of diagnostics into a text.

use blueprint_model::{Diagnostic, diagnostic::Fix};

/// Returns `text` with the fix of each diagnostic applied.
///
/// A fix that overlaps another one, or does not fit the text, is left out: a second pass over the
/// new text finds it again.
pub fn apply_fixes(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut fixes: Vec<&Fix> = diagnostics.iter().filter_map(|fault| fault.fix.as_ref()).collect();
    fixes.sort_by_key(|fix| (fix.span.start, fix.span.end));
    let mut fixed = String::with_capacity(text.len() + fixes.len() * 2);
    let mut at = 0;
    for fix in fixes {
        let fits = fix.span.start >= at && text.get(fix.span.range()).is_some();
        if !fits {
            continue;
        }
        fixed.push_str(&text[at..fix.span.start]);
        fixed.push_str(&fix.text);
        at = fix.span.end;
    }
    fixed.push_str(&text[at..]);
    fixed
}

#[cfg(test)]
mod tests {
    use blueprint_model::{Span, code};

    use super::*;

    #[track_caller]
    fn check(text: &str, fixes: &[(usize, usize, &str)], expected: &str) {
        let fault = |(start, end, new): &(usize, usize, &str)| {
            let span = Span::new(*start, *end);
            Diagnostic::error(code::NOT_YAML, span, "x").fix(span, *new)
        };
        let faults: Vec<Diagnostic> = fixes.iter().map(fault).collect();
        assert_eq!(apply_fixes(text, &faults), expected);
    }

    #[test]
    fn fixes_apply_in_any_order() {
        check("abcdef", &[(4, 5, "EE"), (0, 1, "A")], "AbcdEEf");
    }

    #[test]
    fn what_overlaps_or_does_not_fit_is_left_out() {
        check("abcdef", &[(0, 3, "X"), (2, 4, "Y")], "Xdef");
        check("aé", &[(2, 3, "X"), (9, 10, "Y")], "aé");
    }
}
