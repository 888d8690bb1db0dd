//! What every key needs: the right type, known names, and words for what is wrong.

use std::{ops::RangeInclusive, time::Duration};

use blueprint_model::{
    Diagnostic, Span, Spanned, Value,
    code::{self, Code},
    diagnostic, units,
};

use crate::yaml::{Data, Document, Entry, Map, Tree};

pub(crate) use crate::yaml::short;

/// Walks a document and collects its faults.
pub(crate) struct Reader<'d> {
    pub(crate) document: &'d Document<'d>,
    pub(crate) faults: Vec<Diagnostic>,
    /// Where references begin that are known not to be closed.
    pub(crate) open: Vec<usize>,
}

impl<'d> Reader<'d> {
    /// Returns the reader of a document in which these faults are known.
    pub(crate) fn new(document: &'d Document<'d>, known: &[Diagnostic]) -> Self {
        let open = known.iter().filter(|fault| fault.code == code::REFERENCE_OPEN);
        let open = open.map(|fault| fault.span.start).collect();
        Self { document, faults: Vec::new(), open }
    }

    /// Adds a fault.
    pub(crate) fn report(&mut self, fault: Diagnostic) {
        self.faults.push(fault);
    }

    /// Returns whether there are so many faults that what follows is not read.
    pub(crate) fn is_full(&self) -> bool {
        diagnostic::is_full(&self.faults)
    }

    /// Reports every key that is not known, and returns the known names that were meant.
    ///
    /// The fix renames the key where one name only is near and not there yet.
    pub(crate) fn unknown_keys(
        &mut self,
        map: &Map,
        known: &'static [&'static str],
        place: &str,
    ) -> Vec<&'static str> {
        let mut meant = Vec::new();
        for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            if self.is_full() {
                break;
            }
            let free = known.iter().copied().filter(|name| !map.contains_key(*name));
            let is_near = |name: &&str| diagnostic::did_you_mean(key, [*name]).is_some();
            let near: Vec<&str> = free.clone().filter(is_near).collect();
            let message = format!("`{}` is no key of {place}", short(key));
            let mut fault = Diagnostic::error(code::UNKNOWN_KEY, entry.key_span, message)
                .maybe_help(diagnostic::suggest(key, free));
            if let [only] = near.as_slice() {
                fault = fault.fix(entry.key_span, *only);
            }
            self.report(fault);
            meant.extend(near);
        }
        meant
    }

    /// Returns the entries of an object.
    pub(crate) fn object<'n>(&mut self, name: &str, entry: &'n Entry) -> Option<&'n Map> {
        match &entry.value.data {
            Data::Map(map) => Some(map),
            Data::Scalar(_) | Data::Text(_) | Data::List(_) => {
                let fault = wrong_type(name, "an object", entry);
                self.report(
                    fault.help("write `{key: value}`, or `key: value` on lines of their own"),
                );
                None
            }
        }
    }

    /// Returns the items of a list.
    pub(crate) fn list<'n>(&mut self, name: &str, entry: &'n Entry) -> Option<&'n [Tree]> {
        match &entry.value.data {
            Data::List(items) => Some(items),
            Data::Scalar(_) | Data::Text(_) | Data::Map(_) => {
                let fault = wrong_type(name, "a list", entry);
                self.report(fault.help("write `[a, b]`, or `- a` on lines of their own"));
                None
            }
        }
    }

    /// Returns a text. A number or a boolean is a fault that quotes mend.
    pub(crate) fn text(&mut self, name: &str, entry: &Entry) -> Option<Spanned<String>> {
        self.text_at(name, &entry.value, entry.place())
    }

    /// Returns a list of texts.
    pub(crate) fn texts(&mut self, name: &str, entry: &Entry) -> Vec<Spanned<String>> {
        let items = self.list(name, entry).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| self.text_at(&format!("an item of `{name}`"), item, item.span))
            .collect()
    }

    /// Returns a boolean.
    pub(crate) fn boolean(&mut self, name: &str, entry: &Entry) -> Option<bool> {
        if let Data::Scalar(Value::Bool(flag)) = entry.value.data {
            return Some(flag);
        }
        let better = match entry.value.as_text() {
            Some("yes" | "Yes" | "on" | "y") => Some("true"),
            Some("no" | "No" | "off" | "n") => Some("false"),
            _ => None,
        };
        let fault = wrong_type(name, "`true` or `false`", entry);
        self.report(match better {
            Some(better) => fault.help(format!("write `{better}`")).fix(entry.place(), better),
            None => fault.help("write it without quotes"),
        });
        None
    }

    /// Returns a whole number in a range.
    pub(crate) fn integer(
        &mut self,
        name: &str,
        entry: &Entry,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        match &entry.value.data {
            Data::Scalar(Value::Number(number)) => {
                let fits = number.as_u64().filter(|number| range.contains(number));
                if fits.is_none() {
                    let (start, end) = range.into_inner();
                    let message = format!("`{name}` must be a whole number from {start} to {end}");
                    let fault = Diagnostic::error(code::BAD_VALUE, entry.place(), message);
                    self.report(fault.help("write a number in this range"));
                }
                fits
            }
            Data::Scalar(_) | Data::Text(_) | Data::List(_) | Data::Map(_) => {
                let fault = wrong_type(name, "a whole number", entry);
                self.report(fault.help("write it without quotes, fraction or unit"));
                None
            }
        }
    }

    /// Returns a duration.
    pub(crate) fn duration(&mut self, name: &str, entry: &Entry) -> Option<Duration> {
        let hint = "a duration has a unit: `250ms`, `10s`, `5m`, `1h`";
        let Some(text) = entry.value.as_text() else {
            self.report(wrong_type(name, "a duration such as `10s`", entry).help(hint));
            return None;
        };
        let duration = units::parse_duration(text);
        if duration.is_none() {
            let message = format!("`{}` is no duration", short(text));
            let fault = Diagnostic::error(code::WRONG_TYPE, entry.place(), message);
            self.report(fault.help(hint));
        }
        duration
    }

    /// Returns what one of some words stands for.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &str,
        entry: &Entry,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(name, entry)?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            self.report(not_allowed(code::BAD_VALUE, name, &text, known));
        }
        found
    }

    fn text_at(&mut self, name: &str, tree: &Tree, place: Span) -> Option<Spanned<String>> {
        match &tree.data {
            Data::Text(raw) => Some(Spanned::new(raw.value.clone(), tree.span)),
            Data::Scalar(_) | Data::List(_) | Data::Map(_) => {
                let fault = wrong_type_at(name, "text", tree, place);
                let is_scalar = matches!(tree.data, Data::Scalar(_)) && !tree.is_null();
                self.report(match self.written(place).filter(|_| is_scalar) {
                    Some(written) => {
                        let quoted = format!("'{written}'");
                        fault.help(format!("write `{quoted}`")).fix(place, quoted)
                    }
                    None => fault.help("write text, in quotes where it looks like something else"),
                });
                None
            }
        }
    }

    /// Returns what stands at a place, if it is short and on one line.
    fn written(&self, span: Span) -> Option<&str> {
        let written = self.document.written(span)?;
        let is_short = written.len() <= 40 && !written.contains(['\n', '\'', '&', '*']);
        (is_short && !written.is_empty()).then_some(written)
    }
}

/// Returns the fault of a value of the wrong type; quotes no value.
pub(crate) fn wrong_type(name: &str, wanted: &str, entry: &Entry) -> Diagnostic {
    wrong_type_at(name, wanted, &entry.value, entry.place())
}

/// Returns the fault of a value of the wrong type at a place.
pub(crate) fn wrong_type_at(name: &str, wanted: &str, tree: &Tree, place: Span) -> Diagnostic {
    let name = if name.contains('`') { name.to_owned() } else { format!("`{name}`") };
    let message = format!("{name} must be {wanted}, not {}", tree.type_name());
    Diagnostic::error(code::WRONG_TYPE, place, message)
}

/// Returns the fault of a word that is not among those known; the fix is the one near word.
pub(crate) fn not_allowed<'w>(
    code: Code,
    name: &str,
    text: &Spanned<String>,
    known: impl Iterator<Item = &'w str> + Clone,
) -> Diagnostic {
    let message = format!("`{}` is no `{name}`", short(&text.value));
    let is_near = |word: &&str| diagnostic::did_you_mean(&text.value, [*word]).is_some();
    let near: Vec<&str> = known.clone().filter(is_near).collect();
    let fault = Diagnostic::error(code, text.span, message)
        .maybe_help(diagnostic::suggest(&text.value, known));
    match near.as_slice() {
        [only] => fault.fix(text.span, *only),
        _ => fault,
    }
}
