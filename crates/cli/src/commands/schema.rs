//! `blueprint schema`: JSON Schemas for editors and programs.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use blueprint_project::{failure::Failure, project::Project};
use clap::ValueEnum;

use crate::{app::App, exit::Exit, schemas};

/// Prints a JSON Schema (draft 7), from which editors complete and check.
///
/// The one of blueprints knows every block type, its fields and its outcomes. A file names it in
/// its first line, as `blueprint init` and `blueprint new` write it:
///   # yaml-language-server: $schema=../schemas/blueprint.json
/// Next: `blueprint schema --write` after an update of this program.
///
/// Examples:
///   blueprint schema
///   blueprint schema event > event.schema.json
///   blueprint schema --write
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Of what
    #[arg(value_enum, default_value = "blueprint", value_name = "KIND")]
    pub kind: Kind,
    /// Write those of blueprints and project.yaml into `schemas/` of this project
    #[arg(long)]
    pub write: bool,
}

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A blueprint file.
    Blueprint,
    /// `project.yaml`.
    Project,
    /// An event, as in `run --output ndjson`.
    Event,
}

/// Prints or writes the schema.
///
/// # Errors
///
/// Returns an error if there is no project to write to, or a file cannot be written.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    if args.write {
        let project = Project::of_folder(Path::new("."))?;
        if !project.root.join("project.yaml").is_file() {
            let failure = Failure::wrong("there is no project here to write schemas into");
            return Err(failure.help("make one: blueprint init").into());
        }
        return write(&project.root, app);
    }
    let text = match args.kind {
        Kind::Blueprint => schemas::text(&schemas::blueprint()),
        Kind::Project => schemas::PROJECT.into(),
        Kind::Event => schemas::EVENT.into(),
    };
    app.out.write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}

fn write(root: &Path, app: &mut App) -> Result<Exit> {
    for (path, text) in schemas::files() {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        app.err.line(&format!("wrote {}", blueprint_project::project::tidy(&path)))?;
    }
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_json_of_draft_7() {
        for kind in [Kind::Blueprint, Kind::Project, Kind::Event] {
            let mut app = App::in_memory();
            run(&Args { kind, write: false }, &mut app).unwrap();
            let schema: serde_json::Value = serde_json::from_str(&app.out.text()).unwrap();
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        }
    }

    #[test]
    fn schemas_are_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut app = App::in_memory();
        write(folder.path(), &mut app).unwrap();
        write(folder.path(), &mut app).unwrap();
        let text = fs::read_to_string(folder.path().join("schemas/blueprint.json")).unwrap();
        assert!(text.contains("http_request"));
        assert_eq!(app.err.text().lines().count(), 4);
    }
}
