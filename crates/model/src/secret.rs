//! Secrets as handles: the values of one run, the table of its tokens, and what tokens stand for.

mod obtained;
mod swap;
mod views;

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use zeroize::Zeroizing;

use self::obtained::Obtained;
pub use self::obtained::{MAX_OBTAINED, ObtainError, SecretOutput};
pub(crate) use self::views::{KeyRef, Mention, Mentions};
use crate::{
    audit::Audit,
    egress::{HostPattern, Place},
    id::SecretName,
    journal::HandleTable,
    provider::Entry,
    token::TokenShape,
    value::{self, Value},
};

/// A secret's value. No `Display`, no `Serialize`, no equality; wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Returns the value. The only way in: each call is reviewed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What the vault allows for a key; a blueprint can narrow it and never widen it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Where it may go; empty allows every host.
    pub hosts: Vec<HostPattern>,
    /// Where in a request it may stand; empty allows every place.
    pub places: Vec<Place>,
    /// Which blueprints may use it; empty allows all.
    pub blueprints: Vec<String>,
    /// Whether a script may see the value.
    pub may_reveal: bool,
    /// When it stops being used.
    pub expires: Option<Timestamp>,
}

/// A function over secrets: computed where the result leaves, so that no script needs the value.
#[derive(Clone, Copy)]
pub struct Derivation {
    /// Its name in scripts, as in `base64(vault.K)`.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arity: usize,
    /// What it computes.
    pub compute: fn(&[Bytes]) -> Result<Bytes, String>,
    /// One line for the manual.
    pub summary: &'static str,
}

/// What a derivation takes and gives.
#[derive(Clone)]
pub enum Bytes {
    /// Text.
    Text(Zeroizing<String>),
    /// A digest: raw bytes, which read as small hexadecimal digits where text is wanted.
    Digest(Zeroizing<Vec<u8>>),
}

impl Bytes {
    /// Returns text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Zeroizing::new(text.into()))
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Digest(bytes) => bytes,
        }
    }

    /// Returns the text form.
    pub fn to_text(&self) -> Zeroizing<String> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Digest(bytes) => {
                Zeroizing::new(bytes.iter().fold(String::new(), |mut hex, byte| {
                    for nibble in [byte >> 4, byte & 15] {
                        hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
                    }
                    hex
                }))
            }
        }
    }
}

/// A place in a text where a loaded value was found, in whatever encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The bytes to replace.
    pub range: Range<usize>,
    /// Which of the loaded entries.
    pub entry: usize,
}

/// The second net: finds loaded values, in all their encodings, in a text that came from outside.
/// Hits are in order and do not overlap.
pub type Net = Arc<dyn Fn(&str) -> Vec<Hit> + Send + Sync>;

/// What the vault gives a run beside the values.
pub struct Tools {
    /// Random bytes for the run's tokens.
    pub seed: [u8; 32],
    /// The functions over secrets.
    pub derivations: &'static [Derivation],
    /// A keyed hash that turns a meaning into the body of a token.
    pub keyed_hash: fn(key: &[u8; 32], text: &str) -> [u8; 32],
    /// The second net over the loaded values.
    pub net: Net,
    /// Makes a net over further values, those that the run obtains; hits name their places.
    pub search: fn(&[&Secret]) -> Net,
    /// Keeps each use before it happens.
    pub audit: Audit,
}

/// The secrets of one tree of runs. Cheap to clone.
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    entries: Vec<Entry>,
    tools: Option<Tools>,
    shape: TokenShape,
    table: Mutex<Table>,
    obtained: Obtained,
    /// Differs between the processes that work on a run one after the other, so that no token of a
    /// secret that the last one obtained comes to stand for another.
    generation: AtomicU64,
    /// Whether there may be tokens of secrets that another process had obtained.
    is_restored: bool,
}

#[derive(Default)]
struct Table {
    by_token: BTreeMap<String, Meaning>,
    /// Derived handles that the run has not recorded.
    news: Vec<Derived>,
}

/// A handle for the result of a function, as a run records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// Its token.
    pub token: String,
    /// The function.
    pub function: String,
    /// Its arguments, which may hold tokens.
    pub arguments: Vec<String>,
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A loaded key, by position.
    Key(usize),
    /// A secret that the run obtained, by position.
    Obtained(usize),
    /// The result of a function; arguments may hold tokens themselves.
    Derived {
        /// Position among the derivations.
        function: usize,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// Why a token has no value here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// A part of a token: something cut or changed it.
    #[error(
        "a secret's handle was cut or changed on the way; use `vault.KEY` whole, or a function \
         such as `base64(vault.KEY)` on it"
    )]
    Damaged,
    /// A whole token that stands for nothing here.
    #[error(
        "a secret's handle is not known here: a secret that a run obtains lives in its process only, \
         so run the block that obtained it again"
    )]
    Unknown,
    /// A function could not compute its result.
    #[error("`{function}` failed: {message}")]
    Function {
        /// The function.
        function: &'static str,
        /// Why.
        message: String,
    },
    /// Functions of functions of functions …
    #[error("functions over secrets are nested more than 32 deep")]
    TooDeep,
    /// Functions that make ever longer texts.
    #[error("functions over secrets made more than 64 MiB of text")]
    TooLarge,
}

const MAX_DERIVATION_DEPTH: usize = 32;

impl Secrets {
    /// Returns the secrets of a run.
    pub fn new(entries: Vec<Entry>, tools: Tools) -> Self {
        Self::build(entries, tools, false)
    }

    fn build(entries: Vec<Entry>, tools: Tools, is_restored: bool) -> Self {
        let mut edges = [0; 16];
        edges.copy_from_slice(&(tools.keyed_hash)(&tools.seed, "edges")[..16]);
        Self(Arc::new(Inner {
            entries,
            tools: Some(tools),
            shape: TokenShape::new(&edges),
            table: Mutex::default(),
            obtained: Obtained::default(),
            generation: AtomicU64::default(),
            is_restored,
        }))
    }

    /// Returns the secrets of a run that goes on in this process: its tokens stand for the same keys
    /// as before, in the version that `entries` has now. `tools` has the seed of the table.
    pub fn restored(entries: Vec<Entry>, tools: Tools, table: &HandleTable) -> Self {
        let secrets = Self::build(entries, Tools { seed: table.seed, ..tools }, true);
        for (name, version) in &table.keys {
            if let Some(entry) = secrets.position(name.as_str()) {
                let token = secrets.token_named(&key_name(name, *version));
                secrets.table().by_token.insert(token, Meaning::Key(entry));
            }
        }
        secrets
    }

    /// Returns what makes the run's handles, to keep with the run; `None` where it keeps no secrets.
    pub fn handles(&self) -> Option<HandleTable> {
        let tools = self.0.tools.as_ref()?;
        let keys = self.0.entries.iter().map(|entry| (entry.name.clone(), entry.version));
        Some(HandleTable { seed: tools.seed, keys: keys.collect() })
    }

    /// Returns the derived handles that were made since the last call.
    pub fn take_derived(&self) -> Vec<Derived> {
        if self.is_empty() { Vec::new() } else { std::mem::take(&mut self.table().news) }
    }

    /// Takes note that a process goes on with the run after so many events: what it obtains is
    /// something else than what was obtained before.
    pub fn begin_again(&self, after: u64) {
        self.0.generation.store(after, Ordering::Relaxed);
    }

    /// Lets a token stand for the result of a function again, as the run recorded it. A function that
    /// is not known any more makes no handle: its token is then unknown.
    pub fn learn(&self, derived: Derived) {
        let known = self.derivations().iter().position(|known| known.name == derived.function);
        if let Some(function) = known {
            let meaning = Meaning::Derived { function, arguments: derived.arguments };
            self.table().by_token.insert(derived.token, meaning);
        }
    }

    /// Returns the secrets of a run that uses none.
    pub fn none() -> Self {
        Self(Arc::new(Inner {
            entries: Vec::new(),
            tools: None,
            shape: TokenShape::new(&[0; 16]),
            table: Mutex::default(),
            obtained: Obtained::default(),
            generation: AtomicU64::default(),
            is_restored: false,
        }))
    }

    /// Returns whether there is nothing to protect.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty() && self.0.obtained.is_empty() && !self.0.is_restored
    }

    /// Returns the loaded entries.
    pub fn entries(&self) -> &[Entry] {
        &self.0.entries
    }

    /// Returns the position of a loaded key.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.entries.iter().position(|entry| entry.name.as_str() == name)
    }

    /// Returns the functions over secrets.
    pub fn derivations(&self) -> &'static [Derivation] {
        self.0.tools.as_ref().map_or(&[], |tools| tools.derivations)
    }

    /// Returns the token of a loaded key: the same one throughout the run.
    pub fn handle(&self, entry: usize) -> String {
        self.token(Meaning::Key(entry))
    }

    /// Returns the token of a function's result.
    pub fn derive(&self, function: usize, arguments: Vec<String>) -> String {
        self.token(Meaning::Derived { function, arguments })
    }

    /// Returns whether a text holds a token, or a part of one.
    pub fn holds_token(&self, text: &str) -> bool {
        !self.is_empty() && self.0.shape.is_near(text) && !self.0.shape.find(text).is_empty()
    }

    /// Returns the audit; `None` where there are no secrets.
    pub(crate) fn audit(&self) -> Option<&Audit> {
        self.0.tools.as_ref().map(|tools| &tools.audit)
    }

    /// Returns the text with every loaded or obtained value that stands in it replaced by its handle,
    /// or `None` if it holds none: the second net.
    pub fn catch_text(&self, text: &str) -> Option<String> {
        if self.is_empty() { None } else { self.catch_in(text, &self.0.obtained.nets()) }
    }

    /// Applies the second net to a value; returns whether something was caught.
    pub fn catch(&self, value: &mut Value) -> bool {
        if self.is_empty() {
            return false;
        }
        let obtained = self.0.obtained.nets();
        let mut has_caught = false;
        value::map_text(value, &mut |text| {
            let caught = self.catch_in(text, &obtained);
            has_caught |= caught.is_some();
            caught
        });
        has_caught
    }

    fn catch_in(&self, text: &str, obtained: &[(usize, Net)]) -> Option<String> {
        let tools = self.0.tools.as_ref()?;
        let mut caught = None;
        if !self.0.entries.is_empty() {
            caught = replace_hits(text, &(tools.net)(text), |entry| self.handle(entry));
        }
        for (start, net) in obtained {
            let text = caught.as_deref().unwrap_or(text);
            let token = |entry| self.token(Meaning::Obtained(start + entry));
            caught = replace_hits(text, &net(text), token).or(caught);
        }
        caught
    }

    fn token(&self, meaning: Meaning) -> String {
        let name = match &meaning {
            Meaning::Key(entry) => {
                let entry = &self.0.entries[*entry];
                key_name(&entry.name, entry.version)
            }
            Meaning::Obtained(position) => {
                let generation = self.0.generation.load(Ordering::Relaxed);
                format!("obtained\0{generation}\0{position}")
            }
            Meaning::Derived { function, arguments } => {
                let function = self.derivations()[*function].name;
                format!("derived\0{function}\0{}", Value::from(arguments.clone()))
            }
        };
        let token = self.token_named(&name);
        let mut table = self.table();
        if !table.by_token.contains_key(&token) {
            if let Meaning::Derived { function, arguments } = &meaning {
                let function = self.derivations()[*function].name.into();
                let (token, arguments) = (token.clone(), arguments.clone());
                table.news.push(Derived { token, function, arguments });
            }
            table.by_token.insert(token.clone(), meaning);
        }
        token
    }

    /// Returns the token that a name gives: the same one for the same seed.
    fn token_named(&self, name: &str) -> String {
        let Some(tools) = &self.0.tools else { return String::new() };
        self.0.shape.token(&(tools.keyed_hash)(&tools.seed, name))
    }

    fn meaning(&self, token: &str) -> Option<Meaning> {
        self.table().by_token.get(token).cloned()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_name(name: &SecretName, version: u64) -> String {
    format!("key\0{name}\0{version}")
}

fn replace_hits(text: &str, hits: &[Hit], token: impl Fn(usize) -> String) -> Option<String> {
    if hits.is_empty() {
        return None;
    }
    let mut caught = String::with_capacity(text.len());
    let mut last = 0;
    for hit in hits {
        caught.push_str(&text[last..hit.range.start]);
        caught.push_str(&token(hit.entry));
        last = hit.range.end;
    }
    caught.push_str(&text[last..]);
    Some(caught)
}
