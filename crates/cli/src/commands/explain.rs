//! `blueprint explain`: the page of a fault, a block type or a reference; what becomes of secrets.

use std::{io::Write, path::Path};

use anyhow::Result;
use blueprint_model::{code, diagnostic};
use blueprint_project::{
    failure::Failure,
    project::{self, Project},
};

use crate::{
    app::App,
    commands::check,
    exit::Exit,
    render::{catalogue, errors, secrets, topics},
};

/// Explains the code of a fault, a block type, or what a reference means.
///
/// With --secrets, says which block of a blueprint sends which key to which host, and which
/// scripts compute with one. It reads the blueprint and the ones it calls, not the vault.
/// Next: mend it, then `blueprint check`.
///
/// Examples:
///   blueprint explain BP0301
///   blueprint explain switch
///   blueprint explain '@{result}'
///   blueprint explain --secrets city-weather
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A code, a block type or a reference
    #[arg(value_name = "SUBJECT", required_unless_present = "secrets")]
    pub subject: Option<String>,
    /// Say what becomes of the secrets of this file or blueprint
    #[arg(long, value_name = "FILE|NAME", conflicts_with = "subject")]
    pub secrets: Option<String>,
    /// Print JSON; with --secrets
    #[arg(long, requires = "secrets")]
    pub json: bool,
}

/// Prints the page of a subject.
///
/// # Errors
///
/// Returns an error if there is no page of that name, or stdout is closed.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    if let Some(target) = &args.secrets {
        return explain_secrets(target, args.json, app);
    }
    let subject = args.subject.as_deref().unwrap_or_default();
    let text = page(subject, app).ok_or_else(|| unknown(subject, app))?;
    app.out.write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}

fn explain_secrets(target: &str, as_json: bool, app: &mut App) -> Result<Exit> {
    let (project, file) = Project::find(target, Path::new("."))?;
    let registry = project.registry()?;
    let checked = project::check_file(&file, &registry)?;
    let linked = project.library(&checked, &registry)?;
    let Some(plan) = &checked.plan else {
        check::show(&[&checked], check::Format::Human, &mut app.err)?;
        return Ok(Exit::Wrong);
    };
    let mut plans = linked.library.reachable(plan);
    plans.sort_by_key(|other| (other.name != plan.name, other.name.clone()));
    let functions: Vec<&str> =
        blueprint_vault::derivations().iter().map(|known| known.name).collect();
    let text = match as_json {
        true => format!("{:#}\n", secrets::json(&plans, &functions)),
        false => secrets::page(&plans, &functions, app.out.paint),
    };
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
        let args = Args { subject: Some(subject.into()), secrets: None, json: false };
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
