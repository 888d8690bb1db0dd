//! Faults found when compiling, with what to write instead where that is plain.

use blueprint_model::script::ScriptFault;
use rhai::{LexError, ParseError, ParseErrorType, Position};

/// Returns a fault at a place.
pub(super) fn fault(message: String, position: Position, hint: Option<&str>) -> ScriptFault {
    ScriptFault {
        message,
        line: position.line().unwrap_or(0),
        column: position.position().unwrap_or(0),
        hint: hint.map(str::to_owned),
    }
}

/// Returns the fault for a variable of the script that a function of it cannot see.
pub(super) fn outside_of_function(name: &str, function: &str, position: Position) -> ScriptFault {
    let hint = format!("pass it as an argument: `{function}({name})`");
    fault(
        format!("function `{function}` sees only its parameters, not `{name}`"),
        position,
        Some(&hint),
    )
}

/// Returns the fault for writing to the vault.
pub(super) fn read_only_vault(position: Position) -> ScriptFault {
    fault(
        "`vault` is read-only".into(),
        position,
        Some("secrets are set with `blueprint vault set`; keep other values in `state`"),
    )
}

/// Returns the fault for a word of another language that Rhai would take for a variable.
pub(super) fn foreign_word(name: &str, position: Position) -> Option<ScriptFault> {
    let hint = match name {
        "None" | "undefined" | "NULL" | "Null" => "write `()`",
        "True" | "TRUE" => "write `true`",
        "False" | "FALSE" => "write `false`",
        "console" => "write `print(…)` or `log(\"info\", …)`",
        "JSON" => "write `parse_json(text)` or `to_json(value)`",
        "Math" => "write the function alone: `floor(x)`",
        "lambda" => "write `|x| x + 1`",
        "not" => "write `!`",
        "NaN" | "Infinity" => "such numbers have no form in JSON",
        _ => return None,
    };
    Some(fault(format!("`{name}` is not a word of Rhai"), position, Some(hint)))
}

/// Returns the fault for what the parser found.
pub(super) fn from_parser(err: &ParseError, source: &str) -> ScriptFault {
    let position = err.position();
    let place = Place::new(source, position);
    let (message, hint) = match err.err_type() {
        ParseErrorType::Reserved(word) => {
            (format!("`{word}` is a reserved word"), word_hint(word).or(place.hint()))
        }
        ParseErrorType::UnknownOperator(operator) => {
            (format!("`{operator}` is no operator"), word_hint(operator).or(place.hint()))
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(symbol, text)) => {
            let hint = word_hint(symbol).or(place.hint());
            let text = if text.is_empty() {
                format!("`{symbol}` means nothing here")
            } else {
                lower(text)
            };
            (text, hint)
        }
        ParseErrorType::BadInput(LexError::MalformedChar(_)) => (
            "single quotes hold one character".into(),
            Some("text goes into double quotes: \"text\", or into backticks: `text ${value}`"),
        ),
        ParseErrorType::MissingToken(token, text) => {
            (format!("`{token}` is missing {}", lower(text)), place.hint())
        }
        ParseErrorType::ExprTooDeep => {
            ("expressions are nested too deep".into(), Some("give parts of it names with `let`"))
        }
        ParseErrorType::TooManyFunctions => ("there are too many functions".into(), None),
        ParseErrorType::UnexpectedEOF => (
            "the script ends in the middle of something".into(),
            Some("a `}`, `)` or `]` is missing"),
        ),
        other => (lower(&other.to_string()), place.hint()),
    };
    fault(short(message), position, hint)
}

/// What stands at a place of the source: the word or sign there, and the word before it.
struct Place<'s> {
    at: &'s str,
    before: &'s str,
}

impl<'s> Place<'s> {
    fn new(source: &'s str, position: Position) -> Self {
        let line = position.line().and_then(|line| source.lines().nth(line - 1)).unwrap_or("");
        let column = position.position().unwrap_or(1).saturating_sub(1);
        let split = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        let (head, tail) = line.split_at(split);
        Self { at: first_word(tail), before: last_word(head.trim_end()) }
    }

    fn hint(&self) -> Option<&'static str> {
        match self.before {
            "def" | "function" | "func" => Some("functions are written `fn name(x) { … }`"),
            "lambda" => Some("closures are written `|x| x + 1`"),
            "var" | "int" | "string" | "auto" | "mut" => Some("variables are made with `let`"),
            "f" if self.at.starts_with('"') => Some("write `text ${value}` in backticks"),
            "not" => Some("write `!`"),
            "del" => Some("write `map.remove(\"key\")`"),
            _ => word_hint(self.at),
        }
    }
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
    if end > 0 {
        return &text[..end];
    }
    let end = text.find(|c: char| is_word(c) || c.is_whitespace()).unwrap_or(text.len());
    &text[..end]
}

fn last_word(text: &str) -> &str {
    let start = text.rfind(|c: char| !is_word(c)).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or("")
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn word_hint(word: &str) -> Option<&'static str> {
    let hint = match word {
        "===" => "write `==`",
        "!==" | "<>" => "write `!=`",
        "=>" | "->" => "closures are written `|x| x + 1`",
        "++" => "write `x += 1`",
        "--" => "write `x -= 1`",
        ":=" => "variables are made with `let`",
        "and" => "write `&&`",
        "or" => "write `||`",
        "not" => "write `!`",
        "elif" | "elsif" => "write `else if`",
        "null" | "nil" | "void" | "undefined" => "write `()`",
        "var" => "variables are made with `let`",
        "match" | "case" => "write `switch value { 1 => …, _ => … }`",
        "function" | "def" => "functions are written `fn name(x) { … }`",
        "async" | "await" | "yield" | "spawn" | "go" => "scripts do not wait; use blocks for that",
        "eval" => "scripts cannot run text as code",
        "import" | "export" | "use" | "module" | "package" => "scripts have no modules",
        "new" => "write `#{key: value}` for an object, `[…]` for a list",
        "is" => "write `==`",
        "?" => "write `if test { a } else { b }`",
        ":" => "blocks are written in braces, and objects `#{key: value}`",
        _ if word.starts_with('@') => "references are for text fields; code names the variable",
        _ if word.starts_with('$') => "variables have no `$`",
        _ if word.starts_with('#') => "comments begin with `//`",
        _ => return None,
    };
    Some(hint)
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn short(text: String) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
