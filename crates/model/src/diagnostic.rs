//! The author's mistakes as data: where, what, and what to do about it.

use std::ops::Range;

use crate::code::Code;

/// A range of bytes of a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// Returns the span of these bytes.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Returns the span as a range, for slicing.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A value and the place where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Returns `value` with its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a thought; nothing is refused.
    Hint,
    /// Runs, but probably not as meant; refused by `--strict`.
    Warning,
    /// Refused.
    Error,
}

impl Severity {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A change of the source that mends a fault and has no alternative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The bytes to replace.
    pub span: Span,
    /// The new text.
    pub text: String,
}

/// A second place that helps to understand a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub text: String,
}

/// One fault of a blueprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of fault; has a page of its own.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment without full stop; never a secret's value.
    pub message: String,
    /// Where, in the text of the blueprint.
    pub span: Span,
    /// A short note at the place.
    pub label: Option<String>,
    /// Further places.
    pub related: Vec<Label>,
    /// What to do.
    pub hint: Option<String>,
    /// The mend, where there is one right answer.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// Returns an error.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, span, message)
    }

    /// Returns a warning.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, span, message)
    }

    /// Returns a hint.
    pub fn hint(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Hint, span, message)
    }

    /// Adds a note at the place.
    #[must_use]
    pub fn at(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do, where there is something to say.
    #[must_use]
    pub fn maybe_help(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span, text: text.into() });
        self
    }

    /// Adds the mend.
    #[must_use]
    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, text: text.into() });
        self
    }

    /// Returns whether the blueprint is refused because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    fn new(code: Code, severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            span,
            label: None,
            related: Vec::new(),
            hint: None,
            fix: None,
        }
    }
}

/// Errors after which a file is not looked at any further: mending those comes first.
pub const MAX_ERRORS: usize = 200;

/// Returns whether there are so many errors that no more are looked for.
pub fn is_full(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.len() >= MAX_ERRORS
        && diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.is_error())
            .nth(MAX_ERRORS - 1)
            .is_some()
}

/// Names that are looked at for a near one, and the letters that are compared with each other.
const MAX_NAMES: usize = 2_000;
const MAX_COMPARED: usize = 30_000;

/// Returns the known name nearest to `typed`, if one is near enough to be meant.
///
/// Distance is optimal string alignment, at most a third of the longer name. Among very many names
/// only the first are looked at.
pub fn did_you_mean<'n>(typed: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let typed_lower = typed.to_lowercase();
    let (len, letters) = (typed.chars().count(), letters_of(typed));
    let mut nearest: Option<(usize, &str)> = None;
    let mut left = MAX_COMPARED;
    for name in known.into_iter().take(MAX_NAMES) {
        let name_len = if name.is_ascii() { name.len() } else { name.chars().count() };
        let limit = len.max(name_len).div_ceil(3);
        // One step changes the length by one, and which letters there are by two.
        let is_far = || (letters ^ letters_of(name)).count_ones() as usize > 2 * limit;
        if len.abs_diff(name_len) > limit || is_far() {
            continue;
        }
        let Some(rest) = left.checked_sub(len * name_len) else { break };
        left = rest;
        let distance = distance(&typed_lower, name, limit);
        if distance <= limit && nearest.is_none_or(|(best, _)| distance < best) {
            nearest = Some((distance, name));
        }
    }
    nearest.map(|(_, name)| name)
}

/// The longest name that is compared without memory of its own.
const MAX_SHORT: usize = 64;

/// Returns how far a name is from a text in small letters, by optimal string alignment; beyond
/// `limit`, any number beyond it.
fn distance(typed: &str, name: &str, limit: usize) -> usize {
    if typed.len().max(name.len()) > MAX_SHORT || !typed.is_ascii() || !name.is_ascii() {
        return strsim::osa_distance(typed, &name.to_lowercase());
    }
    let (a, b) = (typed.as_bytes(), name.as_bytes());
    let letter = |at: usize| b[at].to_ascii_lowercase();
    let mut rows = [[0_usize; MAX_SHORT + 1]; 3];
    let [mut before, mut last, mut row] = rows.each_mut();
    (0..=b.len()).for_each(|at| last[at] = at);
    for i in 1..=a.len() {
        row[0] = i;
        let mut least = i;
        for j in 1..=b.len() {
            let is_same = a[i - 1] == letter(j - 1);
            let mut cost =
                (last[j - 1] + usize::from(!is_same)).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == letter(j - 2) && a[i - 2] == letter(j - 1) {
                cost = cost.min(before[j - 2] + 1);
            }
            row[j] = cost;
            least = least.min(cost);
        }
        // Two rows on it can be no less, as an exchange reaches over one.
        if least > limit + 1 {
            return least;
        }
        (before, last, row) = (last, row, before);
    }
    last[b.len()]
}

/// Returns which ASCII letters and digits are in a name, small and capital ones alike.
fn letters_of(name: &str) -> u64 {
    name.bytes().fold(0, |letters, byte| {
        letters | u64::from(byte.is_ascii_alphanumeric()) << (byte.to_ascii_lowercase() & 63)
    })
}

/// Returns the hint for a name that is not known: the nearest one, else the whole list.
pub fn suggest<'n>(
    typed: &str,
    known: impl IntoIterator<Item = &'n str> + Clone,
) -> Option<String> {
    if let Some(name) = did_you_mean(typed, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let names: Vec<String> = known.into_iter().take(13).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => None,
        1..=12 => Some(format!("known here: {}", names.join(", "))),
        _ => Some(format!("known here: {} …", names[..12].join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Option<&str>) {
        assert_eq!(did_you_mean(typed, ["headers", "url", "method", "body"]), expected);
    }

    #[test]
    fn a_typo_finds_its_name() {
        check("haeders", Some("headers"));
        check("URL", Some("url"));
        check("metod", Some("method"));
        check("zzz", None);
    }

    #[test]
    fn a_near_name_is_found_among_many_and_long_names_cost_nothing() {
        let many: Vec<String> = (0..4_000).map(|n| format!("step_{n}")).collect();
        let known = many.iter().map(String::as_str);
        assert_eq!(did_you_mean("setp_7", known.clone()), Some("step_7"));
        assert_eq!(did_you_mean("zzzzzz", known), None);
        let long = "x".repeat(1_000_000);
        assert_eq!(did_you_mean(&long, [long.as_str()]), None);
        assert_eq!(did_you_mean("Größe", ["GRÖSSE", "größe"]), Some("größe"));
    }

    #[test]
    fn short_names_are_compared_as_all_are() {
        let names =
            ["", "a", "ab", "ba", "abc", "acb", "bca", "Headers", "haeders", "header", "xyz"];
        for (typed, name) in names.iter().flat_map(|typed| names.map(|name| (*typed, name))) {
            let typed = typed.to_lowercase();
            let expected = strsim::osa_distance(&typed, &name.to_lowercase());
            assert_eq!(distance(&typed, name, 9), expected, "{typed} {name}");
            assert_eq!(distance(&typed, name, 1) > 1, expected > 1, "{typed} {name}");
        }
    }

    #[test]
    fn without_a_near_name_all_are_listed() {
        assert_eq!(suggest("zzz", ["a", "b"]).as_deref(), Some("known here: `a`, `b`"));
        assert_eq!(suggest("zzz", []), None);
    }
}
