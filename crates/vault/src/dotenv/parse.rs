//! The text of a `.env` file.
//!
//! A line is `KEY=value`, with `export` in front if one likes, empty, or a comment after `#`.
//! A value is one of:
//!
//! - bare: up to the end of the line or to white space and `#`; white space at its ends is dropped;
//! - `'single'`: as it stands, over several lines too;
//! - `"double"`: over several lines too; `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes, and any
//!   other `\` stands for itself.
//!
//! `$NAME` is never replaced: a key that holds a `$` stays whole. A key that is set twice is a
//! mistake, because tools differ in which of the two they take.

use std::fmt;

use zeroize::Zeroizing;

/// The most pairs in a file.
const MAX_PAIRS: usize = 2_000;

/// A key and its value.
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: Zeroizing<String>,
    line: usize,
}

/// A mistake in a `.env` file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {kind}")]
pub struct DotenvError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub kind: DotenvMistake,
}

/// What is wrong in a line of a `.env` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DotenvMistake {
    /// No `=`.
    NoValue,
    /// A key with other characters than letters, digits, `_`, `-` and `.`.
    BadKey,
    /// A quote without its other one.
    OpenQuote,
    /// Text after the closing quote.
    AfterQuote,
    /// More pairs than anybody writes.
    TooMany,
    /// A key that an earlier line sets.
    Twice {
        /// The key.
        key: String,
        /// The earlier line.
        first: usize,
    },
}

impl fmt::Display for DotenvMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue => f.write_str("expected `KEY=value`"),
            Self::BadKey => {
                f.write_str("a key is made of letters, digits and `_`, and begins with no digit")
            }
            Self::OpenQuote => f.write_str("the quote that begins here is never closed"),
            Self::AfterQuote => f.write_str("expected the end of the line after the closing quote"),
            Self::TooMany => write!(f, "there are more than {MAX_PAIRS} pairs"),
            Self::Twice { key, first } => write!(f, "`{key}` is set already in line {first}"),
        }
    }
}

/// Reads the whole text.
pub(super) fn parse(text: &str) -> Result<Vec<Pair>, DotenvError> {
    let mut rest = Rest { text: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut pairs: Vec<Pair> = Vec::new();
    while !rest.text.is_empty() {
        let Some(pair) = rest.pair()? else { continue };
        if let Some(first) = pairs.iter().find(|earlier| earlier.key == pair.key) {
            let kind = DotenvMistake::Twice { key: pair.key, first: first.line };
            return Err(DotenvError { line: pair.line, kind });
        }
        if pairs.len() == MAX_PAIRS {
            return Err(DotenvError { line: pair.line, kind: DotenvMistake::TooMany });
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

/// What is still to be read.
struct Rest<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> Rest<'a> {
    fn pair(&mut self) -> Result<Option<Pair>, DotenvError> {
        let line = self.line;
        let mistake = |kind| DotenvError { line, kind };
        self.skip_blanks();
        if self.text.is_empty() || self.text.starts_with(['#', '\n', '\r']) {
            self.take_line();
            return Ok(None);
        }
        let end = self.text.find(['=', '\n']).unwrap_or(self.text.len());
        let key = self.text[..end].trim_end();
        if !self.text[end..].starts_with('=') {
            return Err(mistake(DotenvMistake::NoValue));
        }
        let key = key.strip_prefix("export").filter(|k| k.starts_with([' ', '\t'])).unwrap_or(key);
        let key = key.trim_start();
        if !is_key(key) {
            return Err(mistake(DotenvMistake::BadKey));
        }
        self.text = &self.text[end + 1..];
        self.skip_blanks();
        let value = match self.text.chars().next() {
            Some('\'') => self.single_quoted(),
            Some('"') => self.double_quoted(),
            Some(_) | None => Ok(self.bare()),
        };
        Ok(Some(Pair { key: key.into(), value: value.map_err(mistake)?, line }))
    }

    fn bare(&mut self) -> Zeroizing<String> {
        let line = self.take_line();
        let comment = line
            .char_indices()
            .find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with([' ', '\t'])));
        Zeroizing::new(line[..comment.map_or(line.len(), |(at, _)| at)].trim().into())
    }

    fn single_quoted(&mut self) -> Result<Zeroizing<String>, DotenvMistake> {
        let inner = &self.text[1..];
        let end = inner.find('\'').ok_or(DotenvMistake::OpenQuote)?;
        self.close(&inner[end + 1..], &inner[..end])?;
        Ok(Zeroizing::new(inner[..end].into()))
    }

    fn double_quoted(&mut self) -> Result<Zeroizing<String>, DotenvMistake> {
        let inner = &self.text[1..];
        let mut value = Zeroizing::new(String::with_capacity(inner.find('"').unwrap_or(0)));
        let mut chars = inner.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.close(&inner[at + 1..], &inner[..at])?;
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, c @ ('"' | '\\' | '$'))) => value.push(c),
                    Some((_, c)) => value.extend(['\\', c]),
                    None => return Err(DotenvMistake::OpenQuote),
                },
                c => value.push(c),
            }
        }
        Err(DotenvMistake::OpenQuote)
    }

    /// Goes on behind a closing quote, where only a comment may follow in that line.
    fn close(&mut self, rest: &'a str, quoted: &str) -> Result<(), DotenvMistake> {
        self.line += quoted.matches('\n').count();
        self.text = rest;
        let after = self.take_line().trim();
        if after.is_empty() || after.starts_with('#') {
            return Ok(());
        }
        Err(DotenvMistake::AfterQuote)
    }

    fn skip_blanks(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t']);
    }

    fn take_line(&mut self) -> &'a str {
        let (line, rest) = self.text.split_once('\n').unwrap_or((self.text, ""));
        self.text = rest;
        self.line += 1;
        line
    }
}

fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let pairs = parse(text).unwrap_or_else(|err| panic!("{err}"));
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect();
        assert_eq!(pairs, expected);
    }

    #[track_caller]
    fn check_mistake(text: &str, expected: &str) {
        assert_eq!(parse(text).err().map(|err| err.to_string()).as_deref(), Some(expected));
    }

    #[test]
    fn bare_values_end_with_the_line_or_a_comment() {
        check(
            "A=1\nB = two words \nC=x#y # z\nD=\n",
            &[("A", "1"), ("B", "two words"), ("C", "x#y"), ("D", "")],
        );
        check("A= # nothing\nB=#nothing", &[("A", ""), ("B", "")]);
        check("A=a=b$C\\n", &[("A", "a=b$C\\n")]);
    }

    #[test]
    fn export_comments_bom_and_crlf_are_accepted() {
        check(
            "\u{feff}# head\r\n\r\n  export A=1\r\nexport\tB='2'\r\nexported=3\r\nexport=4",
            &[("A", "1"), ("B", "2"), ("exported", "3"), ("export", "4")],
        );
    }

    #[test]
    fn quotes_keep_what_is_inside() {
        check(r#"A=' # $X \n ' # comment"#, &[("A", " # $X \\n ")]);
        check(r#"A="a\nb\t\"c\" \\ \$D \x" "#, &[("A", "a\nb\t\"c\" \\ $D \\x")]);
        check(
            "A=\"one\ntwo\"\nB='three\n\nfour'\nC=5",
            &[("A", "one\ntwo"), ("B", "three\n\nfour"), ("C", "5")],
        );
        check("A=it's", &[("A", "it's")]);
    }

    #[test]
    fn mistakes_name_their_line() {
        check_mistake("A=1\n\nsecret", "3: expected `KEY=value`");
        check_mistake(
            "A='1\n2'\n=3",
            "3: a key is made of letters, digits and `_`, and begins with no digit",
        );
        check_mistake(
            "A B=1",
            "1: a key is made of letters, digits and `_`, and begins with no digit",
        );
        check_mistake("A=1\nB=\"x\\\"\n\n", "2: the quote that begins here is never closed");
        check_mistake("B='x", "1: the quote that begins here is never closed");
        check_mistake("A='x'y", "1: expected the end of the line after the closing quote");
        check_mistake("A='1\n'\nB=1\nA=2", "4: `A` is set already in line 1");
    }
}
