//! `blueprint run`: one run of one blueprint, in this process.

use std::{path::PathBuf, time::Duration};

use blueprint_model::units;
use clap::ValueEnum;

/// Runs a blueprint; its return value goes to stdout, the story to stderr.
///
/// Exit code 1 means that the run failed, 2 that it did not start because something is wrong.
/// Next: `blueprint explain CODE` for what went wrong.
///
/// Examples:
///   blueprint run city-weather
///   blueprint run blueprints/city-weather.yaml -i units=imperial -i cities='["Oslo"]'
///   blueprint run city-weather --inputs @inputs.json > warmest.json
///   blueprint run city-weather --dry-run
///   blueprint run city-weather --mock fetch=@answer.json --output ndjson
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A file, or the name of a blueprint of this project
    #[arg(value_name = "FILE|NAME")]
    pub target: String,
    /// One input, typed by its declaration: `KEY=VALUE`, `KEY=@FILE`, `KEY=@-`, `KEY=@@TEXT`
    #[arg(short = 'i', long = "input", value_name = "KEY=VALUE", value_parser = parse_input)]
    pub input: Vec<Input>,
    /// All inputs as one object: `@FILE`, `@-` or JSON; each `-i` wins over it
    #[arg(long, value_name = "@FILE|@-|JSON")]
    pub inputs: Option<String>,
    /// Check, resolve what can be resolved, and list what would run; does nothing else
    #[arg(long)]
    pub dry_run: bool,
    /// Take a block's result from a file instead of running it
    #[arg(long, value_name = "BLOCK=@FILE", value_parser = parse_mock)]
    pub mock: Vec<Mock>,
    /// Start at this block, with the results of an earlier run
    #[arg(long, value_name = "BLOCK", requires = "of")]
    pub from: Option<String>,
    /// The earlier run
    #[arg(long, value_name = "RUN", requires = "from")]
    pub of: Option<String>,
    /// Cancel the run after this long, as in `5m`
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout)]
    pub timeout: Option<Duration>,
    /// What stdout gets
    #[arg(long, short, value_enum, default_value = "auto")]
    pub output: Output,
}

/// What stdout gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// The return value as JSON.
    Auto,
    /// One document about the run.
    Json,
    /// The events, one JSON object a line.
    Ndjson,
    /// Nothing; no story on stderr either.
    Quiet,
}

/// One input as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub key: String,
    /// Where its value is.
    pub value: Given,
}

/// Where the value of an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Here.
    Text(String),
    /// In a file.
    File(PathBuf),
    /// On stdin.
    Stdin,
}

impl Given {
    /// Reads `@FILE`, `@-`, `@@TEXT` for text that begins with `@`, or text.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix('@') {
            None => Self::Text(text.into()),
            Some("-") => Self::Stdin,
            Some(rest) if rest.starts_with('@') => Self::Text(rest.into()),
            Some(path) => Self::File(path.into()),
        }
    }
}

/// A block whose result is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    /// The block: its id, or its path without items.
    pub block: String,
    /// The file that holds its result.
    pub file: PathBuf,
}

fn parse_input(text: &str) -> Result<Input, String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    if key.is_empty() {
        return Err("the name before `=` is missing".into());
    }
    Ok(Input { key: key.into(), value: Given::parse(value) })
}

fn parse_mock(text: &str) -> Result<Mock, String> {
    let (block, file) = text.split_once("=@").ok_or("write it as BLOCK=@FILE")?;
    Ok(Mock { block: block.into(), file: file.into() })
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).ok_or_else(|| "write a duration such as `30s` or `5m`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, key: &str, value: Given) {
        assert_eq!(parse_input(text), Ok(Input { key: key.into(), value }));
    }

    #[test]
    fn inputs_come_from_arguments_files_and_stdin() {
        check("a=1", "a", Given::Text("1".into()));
        check("a=", "a", Given::Text(String::new()));
        check("a=b=c", "a", Given::Text("b=c".into()));
        check("a=@x.json", "a", Given::File("x.json".into()));
        check("a=@-", "a", Given::Stdin);
        check("a=@@x", "a", Given::Text("@x".into()));
        assert!(parse_input("a").is_err());
        assert!(parse_input("=a").is_err());
    }
}
