//! What the parser says, and what people can use instead.

use crate::template;

/// What to say about an error of the parser.
pub(crate) struct Words {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: &'static str,
    /// Where.
    pub(crate) place: Place,
}

/// Returns what to say about the parser's `info`; `line` is where it noticed it.
pub(crate) fn words(line: &str, info: &str) -> Words {
    if let Some(c) = info.strip_prefix("unexpected character: `").and_then(|c| c.chars().next()) {
        let message = format!("a value cannot begin with `{c}` in YAML");
        return Words { message, hint: "put quotes around the whole value", place: Place::Here };
    }
    if info.contains("trailing content") && template::find_opener(line, 0).is_some() {
        return Words {
            message: "text follows a closing quote".to_owned(),
            hint: "put single quotes around a value whose reference has double quotes in it",
            place: Place::Here,
        };
    }
    let known = WORDS.iter().find(|(known, ..)| info.contains(known));
    match known {
        Some((_, message, hint, place)) => {
            Words { message: (*message).to_owned(), hint, place: *place }
        }
        None => Words {
            message: format!("not valid YAML: {info}"),
            hint: "check the indentation, quotes and brackets here",
            place: Place::Here,
        },
    }
}

/// Where a fault lies, seen from where the parser noticed it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// There.
    Here,
    /// All of that line.
    Line,
    /// The last line before that is not empty.
    LineBefore,
}

/// What to say for some words of the parser, most special first.
const WORDS: &[(&str, &str, &str, Place)] = &[
    (
        "mapping values are not allowed",
        "`: ` stands inside of a plain value",
        "put quotes around the value, or check the indentation of this line",
        Place::Line,
    ),
    (
        "simple key expect",
        "a line has no `:`",
        "write `key: value`, or indent the line as part of the value above",
        Place::LineBefore,
    ),
    (
        "did not find expected key",
        "this line does not fit in here",
        "keys of one object begin in the same column",
        Place::Line,
    ),
    (
        "expected '-'",
        "this line does not fit into the list above",
        "items of one list begin with `- ` in the same column",
        Place::Line,
    ),
    (
        "block sequence entries",
        "a list cannot begin on the line of its key",
        "write the first `- ` on a line of its own",
        Place::Here,
    ),
    (
        "expected ',' or '}'",
        "`,` or `}` is missing",
        "an object in braces looks like `{a: 1, b: 2}`",
        Place::Here,
    ),
    (
        "expected ',' or ']'",
        "`,` or `]` is missing",
        "a list in brackets looks like `[a, b]`",
        Place::Here,
    ),
    (
        "illegal placement of ':'",
        "`:` is not expected in a list",
        "close the brackets before this place",
        Place::Here,
    ),
    (
        "misplaced bracket",
        "a bracket is closed that was not opened",
        "remove it, or put quotes around the value",
        Place::Here,
    ),
    (
        "unexpected end of stream",
        "a quote is not closed",
        "close it; inside of single quotes `'` is written `''`",
        Place::Here,
    ),
    (
        "unexpected document indicator",
        "a quote is not closed",
        "close it before the line `---`",
        Place::Here,
    ),
    (
        "quoted scalar, found unknown escape",
        "an escape in double quotes is not known",
        "use single quotes, or write `\\\\` for a backslash",
        Place::Here,
    ),
    ("hexadecimal", "an escape in double quotes is broken", "write it as `\\u00e9`", Place::Here),
    (
        "invalid Unicode",
        "an escape in double quotes is no character",
        "write it as `\\u00e9`",
        Place::Here,
    ),
    (
        "trailing content after double-quoted",
        "text follows a closing quote",
        "put the whole value in quotes; in single quotes `'` is `''`, in double quotes `\"` is `\\\"`",
        Place::Here,
    ),
    (
        "invalid content after document end",
        "text follows the end of the document",
        "remove it",
        Place::Here,
    ),
    (
        "unknown anchor",
        "`*` names a value that is not marked with `&`",
        "put quotes around a value that begins with `*`",
        Place::Here,
    ),
    (
        "scanning an anchor",
        "`*` and `&` at the start of a value name other values",
        "put quotes around the value",
        Place::Here,
    ),
    (
        "tag",
        "`!` at the start of a value is a YAML tag",
        "put quotes around the value",
        Place::Here,
    ),
    (
        "handle wasn't declared",
        "`!` at the start of a value is a YAML tag",
        "put quotes around the value",
        Place::Here,
    ),
    (
        "comment intercepting",
        "a comment stands inside of a value of several lines",
        "put quotes around the value, or write it as a block with `|`",
        Place::Here,
    ),
    (
        "block scalar",
        "a block of text is badly indented",
        "indent every line of it more than its key",
        Place::Here,
    ),
    (
        "indentation in quoted",
        "a quote is not closed",
        "close it; inside of single quotes `'` is written `''`",
        Place::Here,
    ),
    (
        "only valid inside a block",
        "`- ` is not expected in brackets",
        "separate the items by commas, as in `[a, b]`",
        Place::Here,
    ),
    (
        "indentation",
        "this line is indented badly",
        "keys of one object begin in the same column",
        Place::Line,
    ),
    ("unprintable", "a control character stands here", "remove it", Place::Here),
    (
        "byte order mark",
        "a byte-order mark stands here",
        "remove it; it may only be the first character",
        Place::Here,
    ),
    (
        "expected <document start>",
        "this line does not fit in here",
        "a file is one object: all its keys begin in the first column",
        Place::Line,
    ),
    (
        "directive",
        "a line that begins with `%` is a YAML directive",
        "put quotes around the value",
        Place::Line,
    ),
    (
        "node content",
        "a value is missing or broken here",
        "check brackets, commas and quotes before this place",
        Place::Here,
    ),
    (
        "unexpected eof",
        "the file ends too early",
        "check brackets and quotes before this place",
        Place::Here,
    ),
    ("plain scalar", "a value is missing or broken here", "put quotes around it", Place::Here),
    ("must be followed by", "a tab stands where a space must", "write a space", Place::Here),
    ("flow mapping", "a value is missing or broken here", "write a space behind `:`", Place::Here),
];
