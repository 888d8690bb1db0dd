//! Names of things: runs, blocks and secrets, each a type of its own.

use std::{fmt, sync::Arc};

/// The identity of one run: a UUID of version 7, so that ids sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// Returns the id with this text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last characters, which differ between runs of the same moment.
    pub fn short(&self) -> &str {
        &self.0[self.0.len().saturating_sub(6)..]
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full name of a block in a run: where its graph is, and its id in it.
///
/// `each_order[12].price` is block `price` in the body of `each_order` at item 12;
/// `call_it/inner` is block `inner` of the blueprint that `call_it` runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockPath {
    /// The graph, with the separator: empty for the blueprint's own, else `each_order[12].`.
    pub scope: Arc<str>,
    /// The id of the block in that graph.
    pub id: Arc<str>,
}

impl BlockPath {
    /// Reads a name. What stands before the last `.` or `/` is the graph: ids hold neither.
    pub fn parse(text: &str) -> Self {
        let start = text.rfind(['.', '/']).map_or(0, |separator| separator + 1);
        Self { scope: text[..start].into(), id: text[start..].into() }
    }

    /// Returns the prefix of blocks in this block's body, at one item of it.
    pub fn body(&self, item: &str) -> String {
        [&*self.scope, &*self.id, "[", item, "]."].concat()
    }

    /// Returns the prefix of blocks in the blueprint that this block runs.
    pub fn callee(&self) -> String {
        [&*self.scope, &*self.id, "/"].concat()
    }
}

impl fmt::Display for BlockPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scope, self.id)
    }
}

/// The name of a secret: capital letters, digits and `_`, as in `ACME_API_KEY`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(Arc<str>);

impl SecretName {
    /// Reads a name: a letter or `_`, then letters, digits, `_` or `-`; at most 128 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let first = chars.next()?;
        let starts_well = first.is_ascii_alphabetic() || first == '_';
        let goes_on_well = chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        (starts_well && goes_on_well && text.len() <= 128).then(|| Self(text.into()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether `text` may be the id of a block: `[a-z][a-z0-9_]*`, at most 128 characters.
pub fn is_block_id(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && text.len() <= 128
}

/// Returns whether `text` may be the name of a blueprint: `[a-z][a-z0-9-]*`, at most 128 characters.
pub fn is_blueprint_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && text.len() <= 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_items_and_callees() {
        let path = BlockPath { scope: "".into(), id: "each".into() };
        assert_eq!(path.body("12"), "each[12].");
        let inner = BlockPath { scope: path.body("12").into(), id: "call".into() };
        assert_eq!(inner.callee(), "each[12].call/");
        for text in ["each", "each[12].call", "each[a.b/c].call/inner", "call/inner"] {
            assert_eq!(BlockPath::parse(text).to_string(), text);
        }
        assert_eq!(
            BlockPath::parse("each[a.b].call"),
            BlockPath { scope: "each[a.b].".into(), id: "call".into() }
        );
    }

    #[test]
    fn names_have_a_small_alphabet() {
        assert!(is_block_id("each_order2"));
        assert!(!is_block_id("Each"));
        assert!(!is_block_id("2x"));
        assert!(is_blueprint_name("city-weather"));
        assert!(!is_blueprint_name("city_weather"));
        assert!(SecretName::parse("ACME_API_KEY").is_some());
        assert!(SecretName::parse("A B").is_none());
        assert!(SecretName::parse("").is_none());
    }
}
