//! `blueprint fmt`: quotes where references need them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use blueprint_project::{
    project::{self, Checked, tidy},
    wiring,
};

use crate::{app::App, commands::check, exit::Exit};

/// Puts quotes around references that YAML forbids without, and changes nothing else.
///
/// Comments, blank lines, line ends and the order of keys stay as they are written: YAML does not
/// say which key a comment belongs to, so no tool could move keys and be sure to keep it there.
/// What a file means never changes, and a second time changes nothing.
/// Next: `blueprint check`.
///
/// Examples:
///   blueprint fmt
///   blueprint fmt blueprints/city-weather.yaml
///   blueprint fmt --check
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Files, folders or names; without one, the blueprints of this project
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing, and exit with 2 if something would change
    #[arg(long)]
    pub check: bool,
}

/// Formats the files.
///
/// # Errors
///
/// Returns a failure if a file cannot be read or written.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let files = check::files_of(&args.paths)?;
    let (mut changed, mut broken) = (0, 0);
    for file in &files {
        match one(file, args.check, app)? {
            Done::Same => {}
            Done::Changed => changed += 1,
            Done::Broken => broken += 1,
        }
    }
    let same = files.len() - changed - broken;
    let word = if args.check { "to format" } else { "formatted" };
    let broken_too = if broken > 0 { format!(", {broken} with faults") } else { String::new() };
    app.err.line(&format!("{changed} {word}, {same} as they should be{broken_too}"))?;
    let is_fine = broken == 0 && (changed == 0 || !args.check);
    Ok(if is_fine { Exit::Fine } else { Exit::Wrong })
}

/// What became of a file.
enum Done {
    Same,
    Changed,
    Broken,
}

fn one(file: &Path, is_trial: bool, app: &mut App) -> Result<Done> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", tidy(file)))?;
    // A byte-order mark is kept, so that a file without faults stays as it is.
    let (mark, body) = bytes.split_at(if bytes.starts_with(MARK) { MARK.len() } else { 0 });
    let text = blueprint_syntax::decode(body).ok();
    let Some(normal) = text.as_deref().and_then(blueprint_syntax::normalise) else {
        let mut checked = project::check_bytes(&tidy(file), &bytes, &wiring::registry());
        keep_faults_of_syntax(&mut checked);
        check::show(&[&checked], check::Format::Human, &mut app.err)?;
        return Ok(Done::Broken);
    };
    if text.as_deref() == Some(normal.as_str()) {
        return Ok(Done::Same);
    }
    let word = if is_trial { "would format" } else { "formatted" };
    if !is_trial {
        fs::write(file, [mark, normal.as_bytes()].concat())
            .with_context(|| format!("cannot write {}", tidy(file)))?;
    }
    app.err.line(&format!("{word} {}", tidy(file)))?;
    Ok(Done::Changed)
}

const MARK: &[u8] = "\u{feff}".as_bytes();

/// Whether a blueprint makes sense is for `check` to say.
fn keep_faults_of_syntax(checked: &mut Checked) {
    checked.diagnostics.retain(|fault| fault.code.as_str().starts_with("BP01"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use blueprint_project::project::blueprints_in;

    fn format_in(folder: &Path, is_trial: bool) -> (Exit, String) {
        let mut app = App::in_memory();
        let exit = run(&Args { paths: vec![folder.into()], check: is_trial }, &mut app).unwrap();
        (exit, app.err.text())
    }

    #[test]
    fn a_file_is_formatted_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        let text =
            "# why\nname: x   # this\nblocks:\n  a: {type: return_value, value: @{inputs.b}}\n";
        let normal = text.replace("@{inputs.b}", "'@{inputs.b}'");
        fs::write(&path, format!("\u{feff}{text}")).unwrap();
        let (exit, said) = format_in(folder.path(), true);
        assert_eq!(exit, Exit::Wrong);
        assert!(said.ends_with("x.yaml\n1 to format, 0 as they should be\n"), "{said}");
        let (exit, said) = format_in(folder.path(), false);
        assert_eq!(exit, Exit::Fine);
        assert!(said.ends_with("1 formatted, 0 as they should be\n"), "{said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("\u{feff}{normal}"));
        assert_eq!(format_in(folder.path(), true).0, Exit::Fine);
    }

    #[test]
    fn a_file_with_faults_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.yaml"), "name: [\n").unwrap();
        let (exit, said) = format_in(folder.path(), false);
        assert_eq!(exit, Exit::Wrong);
        assert!(said.contains("BP0100") && said.contains("1 with faults"), "{said}");
    }

    fn all_files(folder: &Path, found: &mut Vec<PathBuf>) {
        found.extend(blueprints_in(folder).unwrap_or_default());
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                all_files(&entry.path(), found);
            }
        }
    }

    /// A blueprint without the places of its parts.
    fn meaning(text: &str) -> Option<String> {
        let (blueprint, _) = blueprint_syntax::parse("x.yaml", text);
        let mut shown = format!("{:?}", blueprint.graph);
        // Places move by the quotes that were added.
        while let Some(start) = shown.find("Span {") {
            let end = start + shown[start..].find('}')? + 1;
            shown.replace_range(start..end, "_");
        }
        while let Some(start) = shown.find("lines: [") {
            let end = start + shown[start..].find(']')? + 1;
            shown.replace_range(start..end, "_");
        }
        Some(shown)
    }

    #[test]
    fn the_meaning_of_every_file_of_this_repository_stays() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files = Vec::new();
        all_files(&root.join("blueprints"), &mut files);
        all_files(&root.join("tests/suite"), &mut files);
        assert!(files.len() >= 10);
        for file in files {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let Some(normal) = blueprint_syntax::normalise(&text) else { continue };
            assert_eq!(blueprint_syntax::normalise(&normal).as_ref(), Some(&normal), "{file:?}");
            assert_eq!(meaning(&normal), meaning(&text), "{file:?}");
        }
    }
}
