//! Errors of running scripts in our words: short, with their place, and without long values.

use std::fmt::Write as _;

use rhai::{EvalAltResult, Position};

use super::{print, session::Refusal, values::type_word};
use crate::guard::Stop;

/// Most characters of a value in a message.
const MAX_VALUE: usize = 80;
/// Most characters of a text that a script throws: it is a message itself.
const MAX_THROWN: usize = 200;
/// Most characters of a message of the engine, which may quote a value.
const MAX_QUOTING: usize = 120;
const READ_ONLY: &str = "`vault` is read-only; secrets are set with `blueprint vault set`";

/// An error of a script.
pub(super) struct Described {
    /// What kind it is, without any value.
    pub(super) kind: &'static str,
    /// The message.
    pub(super) text: String,
    /// Whether the text is ours alone and so holds no value.
    pub(super) is_plain: bool,
    /// The bound it met, if that is what it is.
    pub(super) stop: Option<Stop>,
    /// Where.
    pub(super) position: Position,
}

/// Describes an error by its innermost cause.
pub(super) fn describe(err: &EvalAltResult) -> Described {
    if let EvalAltResult::ErrorInFunctionCall(_, _, inner, outer) = err {
        let mut described = describe(inner);
        if described.position.is_none() {
            described.position = *outer;
        }
        return described;
    }
    let (kind, text) = words(err);
    Described { kind, text, is_plain: is_plain(err), stop: bound_of(err), position: err.position() }
}

fn is_plain(err: &EvalAltResult) -> bool {
    match err {
        EvalAltResult::ErrorRuntime(value, _) => {
            value.read_lock::<Refusal>().is_some_and(|refusal| refusal.is_plain)
        }
        _ => false,
    }
}

fn bound_of(err: &EvalAltResult) -> Option<Stop> {
    match err {
        EvalAltResult::ErrorStackOverflow(_) | EvalAltResult::ErrorTooManyVariables(_) => {
            Some(Stop::Depth)
        }
        EvalAltResult::ErrorDataTooLarge(..) => Some(Stop::Memory),
        EvalAltResult::ErrorTooManyOperations(_) => Some(Stop::Operations),
        // Rhai's enum is open, so the other variants cannot be named.
        _ => None,
    }
}

fn words(err: &EvalAltResult) -> (&'static str, String) {
    match err {
        EvalAltResult::ErrorRuntime(value, _) if value.is::<Refusal>() => {
            ("refused", print::short_text(value, 600).into())
        }
        EvalAltResult::ErrorRuntime(value, _) => ("thrown", thrown(value)),
        EvalAltResult::ErrorVariableNotFound(name, _) => {
            ("unknown variable", format!("there is no variable `{}`", short(name)))
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            ("unknown function", unknown_function(signature))
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            ("missing property", format!("there is no property `{}`", short(name)))
        }
        EvalAltResult::ErrorIndexNotFound(index, _) => {
            ("missing index", format!("there is no `{}`", print::short_text(index, MAX_VALUE)))
        }
        EvalAltResult::ErrorMismatchDataType(wanted, found, _)
        | EvalAltResult::ErrorMismatchOutputType(wanted, found, _) => {
            ("type", mismatch(wanted, found))
        }
        EvalAltResult::ErrorIndexingType(types, _) if types.starts_with("vault ") => {
            ("vault", READ_ONLY.into())
        }
        EvalAltResult::ErrorDotExpr(text, _) if text.contains("for type 'vault'") => {
            ("vault", READ_ONLY.into())
        }
        EvalAltResult::ErrorIndexingType(types, _) => ("type", indexing(types)),
        EvalAltResult::ErrorArrayBounds(len, index, _) => {
            ("bounds", format!("index {index} is outside a list of {len}"))
        }
        EvalAltResult::ErrorStringBounds(len, index, _) => {
            ("bounds", format!("index {index} is outside a text of {len} characters"))
        }
        EvalAltResult::ErrorFor(_) => {
            ("type", "`for` cannot go through this: it is no list, range or text".into())
        }
        EvalAltResult::ErrorDotExpr(text, _) => ("property", lower(text)),
        EvalAltResult::ErrorArithmetic(text, _) => ("arithmetic", lower(text)),
        EvalAltResult::ErrorAssignmentToConstant(name, _) => {
            ("constant", format!("`{}` is a constant", short(name)))
        }
        EvalAltResult::ErrorDataRace(..) => {
            ("aliasing", "a variable captured by a closure is changed while it is in use".into())
        }
        EvalAltResult::ErrorUnboundThis(_) => ("this", "`this` means nothing here".into()),
        EvalAltResult::ErrorParsing(fault, _) => ("function name", lower(&fault.to_string())),
        other => ("engine", lower(&bounded(other))),
    }
}

fn thrown(value: &rhai::Dynamic) -> String {
    let most = if value.is_string() { MAX_THROWN } else { MAX_VALUE };
    let text = print::short_text(value, most);
    if text.is_empty() { "the script gave up".into() } else { text.into() }
}

fn unknown_function(signature: &str) -> String {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ")"));
    let types: Vec<&str> = types
        .strip_suffix(')')
        .unwrap_or(types)
        .split(", ")
        .filter(|word| !word.is_empty())
        .map(type_word)
        .collect();
    let name = short(name);
    if types.first() == Some(&"secret") || types.contains(&"secret") {
        return format!(
            "`{name}` needs the value of a secret: a script holds only its handle, which becomes \
             the value where it leaves; join it to text, use functions such as \
             `base64(vault.KEY)`, or list the key under `reveal:` of the block"
        );
    }
    let hint = match (types.first().copied(), name.as_str()) {
        (Some("vault"), _) => "; a key is taken by its name: `vault.KEY` or `vault.get(\"KEY\")`",
        (Some("digest"), _) => "; turn the digest into text first: `.to_string()`",
        (Some("nothing"), _) => {
            "; the value is missing: test it with `x == ()` or use `x ?? other`"
        }
        (_, "length" | "size" | "count") => "; it is called `len()`",
        (_, "toString" | "str") => "; it is called `to_string()`",
        (_, "toUpperCase" | "upper") => "; it is called `to_upper()`",
        (_, "toLowerCase" | "lower") => "; it is called `to_lower()`",
        (_, "includes" | "has") => "; it is called `contains`, or write `x in list`",
        (_, "append") => "; it is called `push`",
        (_, "startsWith" | "startswith") => "; it is called `starts_with`",
        (_, "endsWith" | "endswith") => "; it is called `ends_with`",
        (_, "forEach") => "; write `for item in list { … }`",
        _ => "",
    };
    format!("there is no function `{name}` for ({}){hint}", short(&types.join(", ")))
}

fn mismatch(wanted: &str, found: &str) -> String {
    let (wanted, found) = (type_word(wanted), type_word(found));
    format!("{} is needed here, not {}", short(wanted), short(found))
}

fn indexing(types: &str) -> String {
    let words: Vec<&str> = types.split([' ', '[', ']']).filter(|word| !word.is_empty()).collect();
    match words[..] {
        [base, index] => {
            format!("a value of type {} has no index of type {}", type_word(base), type_word(index))
        }
        _ => format!("this value has no index: {}", short(types)),
    }
}

fn lower(text: &str) -> String {
    let text = short_to(text, MAX_QUOTING);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}

fn bounded(err: &EvalAltResult) -> String {
    let mut text = print::Bounded::new(MAX_THROWN);
    // An error means that the text is long enough.
    let _is_whole = write!(text, "{err}").is_ok();
    text.into_text()
}

fn short(text: &str) -> String {
    short_to(text, MAX_VALUE)
}

fn short_to(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// Describes the end of a run in a panic of the engine.
pub(super) fn panicked() -> Described {
    Described {
        kind: "engine",
        text: "the script engine failed at an error of its own; please report the script".into(),
        is_plain: true,
        stop: None,
        position: Position::NONE,
    }
}
