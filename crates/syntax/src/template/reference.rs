//! One reference: path, brackets and what stands behind `??`.

use blueprint_model::{
    Reference, Value,
    template::{Fallback, PathPart},
    units,
};
use serde::de::DeserializeOwned;

/// Why a reference cannot be read, in bytes of the template's text.
pub(super) struct Fault {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Whether the fault is a reference inside of a reference.
    pub(super) is_nested: bool,
}

impl Fault {
    pub(super) fn new(start: usize, end: usize, message: impl Into<String>) -> Self {
        Self { start, end, message: message.into(), hint: None, is_nested: false }
    }

    pub(super) fn help(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads from a place in a text.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    locate: &'t dyn Fn(usize) -> usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, at: usize, locate: &'t dyn Fn(usize) -> usize) -> Self {
        Self { text, at, locate }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Reads a root and the steps after it. Recursion is bounded by the depth of a template.
    pub(super) fn path(&mut self, depth: usize) -> Result<Reference, Fault> {
        let start = self.at;
        if depth > units::MAX_DEPTH {
            return Err(Fault::new(start, start + 1, "brackets are nested too deep"));
        }
        let root = self.name()?;
        let mut path = Vec::new();
        loop {
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    path.push(PathPart::Key(self.name()?));
                }
                Some('[') => {
                    self.at += 1;
                    path.push(self.index(depth)?);
                }
                _ => break,
            }
        }
        let span = super::place(self.locate, start, self.at);
        Ok(Reference { root, path, fallback: Fallback::Error, span })
    }

    /// Reads `?`, `??` and its default, or nothing.
    pub(super) fn fallback(&mut self) -> Result<Fallback, Fault> {
        if self.rest().starts_with("??") {
            self.at += 2;
            self.skip_blanks();
            return self.default();
        }
        if self.rest().starts_with('?') {
            self.at += 1;
            if matches!(self.peek(), Some('.' | '[')) {
                let fault = Fault::new(self.at - 1, self.at, "`?` stands inside of a path");
                return Err(fault.help("write it at the end: there it covers all of the path"));
            }
            return Ok(Fallback::Null);
        }
        Ok(Fallback::Error)
    }

    /// Reads the closing character; returns the byte behind it.
    pub(super) fn close(&mut self, is_brace: bool, has_fallback: bool) -> Result<usize, Fault> {
        let (close, other) = if is_brace { ('}', '>') } else { ('>', '}') };
        match self.peek() {
            Some(c) if c == close => {
                self.at += 1;
                Ok(self.at)
            }
            Some(c) if c == other => {
                let open = if is_brace { "@{" } else { "@<" };
                let message = format!("`{open}` is closed by `{other}`");
                Err(self.fault_here(message).help(format!("close it with `{close}`")))
            }
            _ if has_fallback && self.rest().starts_with('?') => {
                Err(self.fault_here("a reference has one default at most"))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn name(&mut self) -> Result<String, Fault> {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if c == '\\' {
                let Some(escaped) = self.rest()[1..].chars().next() else { break };
                name.push(escaped);
                self.at += 1 + escaped.len_utf8();
            } else if c.is_alphanumeric() || c == '_' || c == '-' {
                name.push(c);
                self.at += c.len_utf8();
            } else {
                break;
            }
        }
        if name.is_empty() { Err(self.no_name()) } else { Ok(name) }
    }

    fn index(&mut self, depth: usize) -> Result<PathPart, Fault> {
        self.skip_blanks();
        let start = self.at;
        let part = match self.peek() {
            Some('"') => PathPart::Key(self.json()?),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let rest = &self.rest()[1..];
                self.at += 1 + rest.bytes().take_while(u8::is_ascii_digit).count();
                let digits = &self.text[start..self.at];
                let index = digits.parse().map_err(|_| {
                    Fault::new(start, self.at, format!("`{digits:.20}` is no index"))
                        .help("write a whole number, a name in quotes, or a path")
                })?;
                PathPart::Index(index)
            }
            _ => PathPart::Computed(Box::new(self.path(depth + 1)?)),
        };
        self.skip_blanks();
        if self.peek() != Some(']') {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(part)
    }

    fn default(&mut self) -> Result<Fallback, Fault> {
        let start = self.at;
        match self.peek() {
            Some(c) if c.is_ascii_digit() || matches!(c, '"' | '[' | '{' | '-') => {
                let value: Value = self.json()?;
                let written = &self.text[start..self.at];
                let is_whole = written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
                if value.is_f64() && is_whole {
                    let fault = Fault::new(start, self.at, "a number is too large");
                    return Err(fault.help("write it in quotes"));
                }
                Ok(Fallback::Literal(value))
            }
            _ => {
                let path = self.path(0)?;
                let literal = match path.root.as_str() {
                    "true" => Some(Value::Bool(true)),
                    "false" => Some(Value::Bool(false)),
                    "null" => Some(Value::Null),
                    _ => None,
                };
                Ok(match literal.filter(|_| path.path.is_empty()) {
                    Some(value) => Fallback::Literal(value),
                    None => Fallback::Path(Box::new(path)),
                })
            }
        }
    }

    fn json<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        let start = self.at;
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter();
        match values.next() {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Ok(value)
            }
            Some(Err(_)) | None => {
                let fault = Fault::new(start, start + 1, "this is no JSON value");
                Err(fault.help("write text in double quotes, as in `@{inputs.city ?? \"Oslo\"}`"))
            }
        }
    }

    fn no_name(&self) -> Fault {
        match self.peek() {
            Some('\'') => self
                .fault_here("single quotes mean nothing in a reference")
                .help("write double quotes, and single quotes around the whole value"),
            Some('@') => {
                let message = "a reference cannot stand inside of another one";
                let fault = Fault { is_nested: true, ..self.fault_here(message) };
                fault.help("write the path alone, as in `@{results[item].x}`")
            }
            _ => self.unexpected(),
        }
    }

    fn unexpected(&self) -> Fault {
        let Some(c) = self.peek() else {
            return self.fault_here("a reference is not closed");
        };
        let fault =
            self.fault_here(format!("`{}` is not expected in a reference", c.escape_debug()));
        match c {
            '|' | '(' | '+' | '*' | '/' | '=' | '!' | '&' | ':' => {
                fault.help("a reference only names a value; compute in a `code` block")
            }
            '.' | '[' | ']' => {
                fault.help("names are separated by one `.`; an index stands in `[ ]`")
            }
            _ if c.is_alphanumeric() => {
                fault.help("a name with other characters is written `[\"like this\"]`")
            }
            _ => fault.help(format!("a name with this character is written `\\{c}`, or `[\"…\"]`")),
        }
    }

    fn fault_here(&self, message: impl Into<String>) -> Fault {
        let len = self.peek().map_or(0, char::len_utf8);
        Fault::new(self.at, self.at + len, message)
    }
}
