//! `blueprint new`: a new blueprint in this project.

use std::path::Path;

use anyhow::{Context, Result};
use blueprint_model::{code, id};
use blueprint_project::failure::Failure;

use crate::{app::App, exit::Exit, files, schemas};

/// Makes one commented blueprint in `blueprints/` of this project.
///
/// A file that is already there is left as it is.
/// Next: `blueprint check`.
///
/// Examples:
///   blueprint new overdue-orders
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The name: small letters, digits and `-`, beginning with a letter
    pub name: String,
}

/// The schema, as a blueprint in `blueprints/` names it.
pub(super) const SCHEMA: &str = "../schemas/blueprint.json";

const BLUEPRINT: &str = include_str!("../../templates/new.yaml");

/// Writes the blueprint and says what to do next.
///
/// # Errors
///
/// Returns an error if the name is malformed or taken, or the file cannot be written.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let root = here.ancestors().find(|folder| folder.join("project.yaml").is_file());
    let root = root.filter(|root| *root != here).unwrap_or(Path::new(""));
    make(&args.name, root, app)
}

fn make(name: &str, root: &Path, app: &mut App) -> Result<Exit> {
    if !id::is_blueprint_name(name) {
        let failure = Failure::wrong(format!("`{name}` cannot be the name of a blueprint"));
        let rule = "small letters, digits and `-`, beginning with a letter";
        return Err(match to_name(name) {
            Some(near) => failure.code(code::BAD_NAME).help(format!("{rule}: `{near}`")).into(),
            None => failure.code(code::BAD_NAME).help(rule).into(),
        });
    }
    let path = root.join("blueprints").join(format!("{name}.yaml"));
    let text = schemas::with_modeline(&BLUEPRINT.replace("NAME", name), SCHEMA);
    if !files::create(&path, &text)? {
        let failure = Failure::wrong(format!("there is already a file {}", path.display()));
        return Err(failure.help("take another name, or delete the file").into());
    }
    app.err.line(&format!("made {}", path.display()))?;
    if schemas::provide(root)? {
        app.err.line(&format!("made {}/blueprint.json, for editors", schemas::FOLDER))?;
    }
    app.err.line(&format!("next: blueprint run {name}"))?;
    Ok(Exit::Fine)
}

/// Returns the nearest name that a blueprint or project may have.
pub(super) fn to_name(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("-");
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    id::is_blueprint_name(name).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, root: &Path, expected: &str) {
        let mut app = App::in_memory();
        let said = match make(name, root, &mut app) {
            Ok(_) => app.err.text(),
            Err(err) => {
                let failure = err.downcast_ref::<Failure>().unwrap();
                format!("{failure}: {}", failure.hint.as_deref().unwrap_or(""))
            }
        };
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn a_blueprint_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        check("overdue-orders", folder.path(), "next: blueprint run overdue-orders");
        let text = std::fs::read_to_string(folder.path().join("blueprints/overdue-orders.yaml"));
        assert!(text.unwrap().contains("\nname: overdue-orders\n"));
        assert!(folder.path().join("schemas/blueprint.json").is_file());
        check("overdue-orders", folder.path(), "there is already a file");
    }

    #[test]
    fn names_are_made_right() {
        let folder = tempfile::tempdir().unwrap();
        check("Overdue Orders", folder.path(), "`overdue-orders`");
        check("42", folder.path(), "beginning with a letter");
        check("../x", folder.path(), "cannot be the name of a blueprint");
    }
}
