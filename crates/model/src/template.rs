//! Templates: text with references in it, as parsed and not yet resolved.

use std::fmt;

use crate::{diagnostic::Span, value::Value};

/// A field's text: literal parts and references, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Template {
    /// The parts. Adjacent literal parts are merged.
    pub segments: Vec<Segment>,
}

/// One part of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// Text that stands for itself, escapes already undone.
    Text(String),
    /// A value to put in.
    Reference(Reference),
}

impl Template {
    /// Returns the reference if the template is one reference with nothing but white space around;
    /// such a field keeps the type of its value.
    pub fn as_whole(&self) -> Option<&Reference> {
        let mut whole = None;
        for segment in &self.segments {
            match segment {
                Segment::Text(text) if text.trim().is_empty() => {}
                Segment::Reference(reference) if whole.is_none() => whole = Some(reference),
                Segment::Text(_) | Segment::Reference(_) => return None,
            }
        }
        whole
    }

    /// Returns the text if there is no reference in it.
    pub fn as_literal(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [] => Some(""),
            [Segment::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns every reference, also those inside brackets and defaults.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        for segment in &self.segments {
            if let Segment::Reference(reference) = segment {
                reference.collect(&mut found);
            }
        }
        found
    }
}

/// One `@{path}`, with what to do when the path leads nowhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The first name: `vault`, `inputs`, `result`, a loop variable …
    pub root: String,
    /// The steps after it.
    pub path: Vec<PathPart>,
    /// What a missing or null value becomes.
    pub fallback: Fallback,
    /// Where it stands in the source, braces included.
    pub span: Span,
}

/// One step of a reference's path.
#[derive(Debug, Clone, PartialEq)]
pub enum PathPart {
    /// `.name`, or `["name"]`.
    Key(String),
    /// `[3]`; negative counts from the end.
    Index(i64),
    /// `[inputs.x]`: the key or index is itself looked up.
    Computed(Box<Reference>),
}

/// What a reference gives when its path leads nowhere.
#[derive(Debug, Clone, PartialEq)]
pub enum Fallback {
    /// An error that names the path and the missing part.
    Error,
    /// `?`: null, and empty inside text.
    Null,
    /// `??` and a JSON literal.
    Literal(Value),
    /// `??` and another path.
    Path(Box<Reference>),
}

impl Reference {
    /// Returns the first step after the root, if it is a plain name.
    pub fn first_key(&self) -> Option<&str> {
        match self.path.first() {
            Some(PathPart::Key(key)) => Some(key),
            _ => None,
        }
    }

    fn collect<'r>(&'r self, found: &mut Vec<&'r Self>) {
        found.push(self);
        for part in &self.path {
            if let PathPart::Computed(inner) = part {
                inner.collect(found);
            }
        }
        if let Fallback::Path(inner) = &self.fallback {
            inner.collect(found);
        }
    }
}

/// Shows the path as the author would write it, without `@{ }` and fallback.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        for part in &self.path {
            write!(f, "{part}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PathPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) if is_plain_name(key) => write!(f, ".{key}"),
            Self::Key(key) => write!(f, "[{}]", Value::from(key.as_str())),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Computed(reference) => write!(f, "[{reference}]"),
        }
    }
}

/// Returns whether a name needs no quotes or escapes in a path.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(root: &str) -> Reference {
        let path = Vec::new();
        Reference { root: root.into(), path, fallback: Fallback::Error, span: Span::default() }
    }

    #[test]
    fn one_reference_and_white_space_is_whole() {
        let segments = vec![
            Segment::Text(" ".into()),
            Segment::Reference(reference("result")),
            Segment::Text("\n".into()),
        ];
        assert!(Template { segments }.as_whole().is_some());
        let segments = vec![Segment::Text("a ".into()), Segment::Reference(reference("result"))];
        assert!(Template { segments }.as_whole().is_none());
    }

    #[test]
    fn inner_references_are_found() {
        let mut outer = reference("results");
        outer.path = vec![PathPart::Computed(Box::new(reference("item")))];
        outer.fallback = Fallback::Path(Box::new(reference("inputs")));
        let template = Template { segments: vec![Segment::Reference(outer)] };
        let roots: Vec<_> = template.references().iter().map(|r| r.root.clone()).collect();
        assert_eq!(roots, ["results", "item", "inputs"]);
    }
}
