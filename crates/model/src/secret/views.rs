//! Handles as people see them, and the keys that a text mentions.

use std::collections::BTreeSet;

use super::{MAX_DERIVATION_DEPTH, Meaning, Secrets};
use crate::{
    token::Found,
    value::{self, Value},
};

/// Functions inside functions are shown so deep; each level may double the text.
const MAX_SHOWN_DEPTH: usize = 3;

/// A key that a text mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// The key.
    pub(crate) key: KeyRef,
    /// The function whose argument it is, as people see it.
    pub(crate) function: Option<String>,
}

/// A loaded key or an obtained secret, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyRef {
    Loaded(usize),
    Obtained(usize),
}

/// The keys that texts mention, each once for each function.
#[derive(Default)]
pub(crate) struct Mentions {
    /// In the order in which they were found.
    pub(crate) found: Vec<Mention>,
    /// Tokens that were looked into already.
    seen: BTreeSet<(String, Option<String>)>,
}

impl Mentions {
    fn add(&mut self, key: KeyRef, function: Option<&str>) {
        let mention = Mention { key, function: function.map(str::to_owned) };
        if !self.found.contains(&mention) {
            self.found.push(mention);
        }
    }
}

impl Secrets {
    /// Returns the text for people: tokens become `⟨vault.KEY⟩`. `None` if there is nothing to do.
    pub fn view_text(&self, text: &str) -> Option<String> {
        if self.is_empty() || !self.0.shape.is_near(text) {
            return None;
        }
        self.replace(text, |found| match found {
            Found::Whole(range) => match self.meaning(&text[range.clone()]) {
                Some(meaning) => self.describe(&meaning, 0),
                None => "⟨unknown handle⟩".into(),
            },
            Found::Damaged(_) => "⟨damaged handle⟩".into(),
        })
    }

    /// Returns a value for people; see [`Secrets::view_text`].
    pub fn view(&self, value: &Value) -> Option<Value> {
        if self.is_empty() || !value::any_text(value, &mut |text| self.0.shape.is_near(text)) {
            return None;
        }
        let mut view = value.clone();
        value::map_text(&mut view, &mut |text| self.view_text(text));
        Some(view)
    }

    /// Returns whether a text of the value holds a handle that stands for nothing here: one of a secret
    /// that a run obtained, and that lived in its process only.
    pub fn has_unknown(&self, value: &Value) -> bool {
        self.0.tools.is_some()
            && value::any_text(value, &mut |text| {
                let found = self.0.shape.find(text);
                found.into_iter().any(|found| match found {
                    Found::Whole(range) => self.meaning(&text[range]).is_none(),
                    Found::Damaged(_) => true,
                })
            })
    }

    /// Adds the keys that a text's tokens stand for, those in functions included; none twice.
    pub(crate) fn add_mentions(&self, text: &str, mentions: &mut Mentions) {
        self.collect_mentions(text, None, 0, mentions);
    }

    /// Returns name and version of a key.
    pub(crate) fn identity(&self, key: KeyRef) -> (String, u64) {
        match key {
            KeyRef::Loaded(entry) => {
                let entry = &self.0.entries[entry];
                (entry.name.as_str().into(), entry.version)
            }
            KeyRef::Obtained(position) => (self.obtained_name(position), 0),
        }
    }

    fn describe(&self, meaning: &Meaning, depth: usize) -> String {
        let name = self.name_of(meaning, depth);
        format!("⟨{name}⟩")
    }

    fn name_of(&self, meaning: &Meaning, depth: usize) -> String {
        match meaning {
            Meaning::Key(entry) => format!("vault.{}", self.0.entries[*entry].name),
            Meaning::Obtained(position) => self.obtained_name(*position),
            Meaning::Derived { .. } if depth > MAX_SHOWN_DEPTH => "…".into(),
            Meaning::Derived { function, arguments } => {
                let names: Vec<String> = arguments
                    .iter()
                    .map(|argument| match self.meaning(argument) {
                        Some(inner) => self.name_of(&inner, depth + 1),
                        None => "…".into(),
                    })
                    .collect();
                format!("{}({})", self.derivations()[*function].name, names.join(", "))
            }
        }
    }

    fn obtained_name(&self, position: usize) -> String {
        self.0.obtained.get(position).map_or_else(String::new, |one| one.name.clone())
    }

    fn collect_mentions(
        &self,
        text: &str,
        function: Option<&str>,
        depth: usize,
        mentions: &mut Mentions,
    ) {
        if self.is_empty() || depth > MAX_DERIVATION_DEPTH || !self.0.shape.is_near(text) {
            return;
        }
        for found in self.0.shape.find(text) {
            let Found::Whole(range) = found else { continue };
            let token = &text[range];
            if depth > 0 && !mentions.seen.insert((token.into(), function.map(str::to_owned))) {
                continue;
            }
            match self.meaning(token) {
                Some(Meaning::Key(entry)) => mentions.add(KeyRef::Loaded(entry), function),
                Some(Meaning::Obtained(position)) => {
                    mentions.add(KeyRef::Obtained(position), function);
                    if let Some(one) = self.0.obtained.get(position) {
                        self.collect_mentions(one.value.expose(), function, depth + 1, mentions);
                    }
                }
                Some(meaning @ Meaning::Derived { .. }) => {
                    let name = self.name_of(&meaning, 0);
                    let function = function.unwrap_or(&name);
                    let Meaning::Derived { arguments, .. } = &meaning else { continue };
                    for argument in arguments {
                        self.collect_mentions(argument, Some(function), depth + 1, mentions);
                    }
                }
                None => {}
            }
        }
    }

    fn replace(&self, text: &str, mut with: impl FnMut(&Found) -> String) -> Option<String> {
        let found = self.0.shape.find(text);
        if found.is_empty() {
            return None;
        }
        let mut replaced = String::with_capacity(text.len());
        let mut last = 0;
        for found in found {
            let (Found::Whole(range) | Found::Damaged(range)) = &found;
            replaced.push_str(&text[last..range.start]);
            replaced.push_str(&with(&found));
            last = range.end;
        }
        replaced.push_str(&text[last..]);
        Some(replaced)
    }
}
