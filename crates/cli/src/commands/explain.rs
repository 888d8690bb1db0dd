//! `blueprint explain`: the page of a fault, a block type or a reference.

use std::io::Write;

use anyhow::Result;
use blueprint_model::{code, diagnostic};

use crate::{
    app::App,
    exit::Exit,
    failure::Failure,
    render::{catalogue, errors, topics},
};

/// Explains the code of a fault, a block type, or what a reference means.
///
/// Next: mend it, then `blueprint check`.
///
/// Examples:
///   blueprint explain BP0301
///   blueprint explain switch
///   blueprint explain '@{result}'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A code, a block type or a reference
    #[arg(value_name = "SUBJECT")]
    pub subject: String,
}

/// Prints the page of a subject.
///
/// # Errors
///
/// Returns an error if there is no page of that name, or stdout is closed.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let subject = &args.subject;
    let text = page(subject, app).ok_or_else(|| unknown(subject, app))?;
    app.out.write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}

fn page(subject: &str, app: &App) -> Option<String> {
    if let Some(page) = errors::page(&subject.to_uppercase()) {
        return Some(format!("{page}\n"));
    }
    if let Some(spec) = app.catalogue.iter().find(|spec| spec.kind == subject) {
        return Some(catalogue::page(spec, app.out.paint));
    }
    topics::reference(subject)
}

fn unknown(subject: &str, app: &App) -> Failure {
    let failure = Failure::wrong(format!("there is no page about `{subject}`"));
    let looks_like_code = subject.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("BP"));
    if looks_like_code {
        return failure.help(match nearest_code(subject) {
            Some(code) => format!("did you mean `{code}`?"),
            None => "codes look like `BP0301`; all are in docs/errors.md".into(),
        });
    }
    let kinds = app.catalogue.iter().map(|spec| spec.kind);
    match diagnostic::did_you_mean(subject, kinds.chain(topics::roots())) {
        Some(name) => failure.help(format!("did you mean `{name}`?")),
        None => failure
            .help("subjects are codes (`BP0301`), block types (`blueprint blocks`), references"),
    }
}

/// Codes differ in single digits, so nearness of text says little; the same beginning says more.
fn nearest_code(subject: &str) -> Option<&'static str> {
    let codes = || code::ALL.iter().map(|code| code.as_str());
    diagnostic::did_you_mean(subject, codes().filter(|code| is_near(subject, code)))
}

fn is_near(subject: &str, code: &str) -> bool {
    let same = subject.bytes().zip(code.bytes()).filter(|(a, b)| a.eq_ignore_ascii_case(b));
    subject.len().abs_diff(code.len()) <= 1 && same.count() + 2 >= code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(subject: &str, begins: &str) {
        let mut app = App::in_memory();
        let args = Args { subject: subject.into() };
        match run(&args, &mut app) {
            Ok(exit) => {
                assert_eq!(exit, Exit::Fine);
                assert!(app.out.text().starts_with(begins), "{}", app.out.text());
            }
            Err(err) => {
                let failure = err.downcast_ref::<Failure>().unwrap();
                let hint = failure.hint.as_deref().unwrap_or("");
                assert_eq!(format!("{failure}: {hint}"), begins);
            }
        }
    }

    #[test]
    fn codes_have_pages() {
        check("BP0303", "BP0303 ");
        check("bp0303", "BP0303 ");
    }

    #[test]
    fn references_have_pages() {
        check("@{vault.KEY}", "vault.KEY");
        check("@<result.body>", "result");
        check("item_id", "item");
    }

    #[test]
    fn unknown_subjects_are_told_the_nearest() {
        check("BP03010", "there is no page about `BP03010`: did you mean `BP0301`?");
        check(
            "BP9999",
            "there is no page about `BP9999`: codes look like `BP0301`; all are in docs/errors.md",
        );
        check("inpus", "there is no page about `inpus`: did you mean `inputs`?");
    }
}
