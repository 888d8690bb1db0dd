//! `blueprint init`: a new project.

use std::path::{Path, PathBuf};

use anyhow::Result;
use blueprint_project::project::tidy;
use clap::ValueEnum;

use crate::{app::App, commands::new, exit::Exit, files, schemas};

/// Makes a project: `project.yaml`, a first blueprint, `.gitignore` and schemas for editors.
///
/// Files that are already there are left as they are.
/// Next: `blueprint run hello`.
///
/// Examples:
///   blueprint init
///   blueprint init my-agent --template http
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder; it is made if it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
    /// What the first blueprint shows
    #[arg(long, value_enum, default_value = "hello")]
    pub template: Template,
}

/// What a first blueprint shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// Inputs, a branch and a return value.
    Hello,
    /// A call over HTTP with a secret, retries and error edges.
    Http,
    /// A question to a language model.
    Ai,
}

const BLUEPRINTS: [(Template, &str, &str); 3] = [
    (Template::Hello, "hello", include_str!("../../templates/hello.yaml")),
    (Template::Http, "repository-stars", include_str!("../../templates/http.yaml")),
    (Template::Ai, "summary", include_str!("../../templates/ai.yaml")),
];
const PROJECT: &str = include_str!("../../templates/project.yaml");
const IGNORED: &str = "# The vault and the store of runs.\n.blueprint/\n.env\n";

/// Writes the project's files and says what to do next.
///
/// # Errors
///
/// Returns an error if a file cannot be written.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let (_, name, blueprint) = BLUEPRINTS
        .iter()
        .find(|(template, _, _)| *template == args.template)
        .expect("every template has a blueprint");
    let project = PROJECT.replace("NAME", &project_name(&args.folder));
    let files = [
        ("project.yaml".into(), schemas::with_modeline(&project, "schemas/project.json")),
        (format!("blueprints/{name}.yaml"), schemas::with_modeline(blueprint, new::SCHEMA)),
        (".gitignore".into(), IGNORED.into()),
    ];
    for (path, text) in files.into_iter().chain(schemas::files()) {
        let path = args.folder.join(path);
        let word = if files::create(&path, &text)? { "made" } else { "kept" };
        app.err.line(&format!("{word} {}", tidy(&path)))?;
    }
    let change = match args.folder.as_os_str() == "." {
        true => String::new(),
        false => format!("cd {} && ", args.folder.display()),
    };
    app.err.line(&format!("next: {change}blueprint run {name}"))?;
    Ok(Exit::Fine)
}

/// Returns the folder's name with everything that a name cannot have left out.
fn project_name(folder: &Path) -> String {
    let full = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned());
    new::to_name(&name.unwrap_or_default()).unwrap_or_else(|| "project".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_made_once_and_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args { folder: folder.path().join("My Agent"), template: Template::Hello };
        let mut app = App::in_memory();
        assert_eq!(run(&args, &mut app).unwrap(), Exit::Fine);
        let project = std::fs::read_to_string(args.folder.join("project.yaml")).unwrap();
        assert!(project.contains("name: my-agent\n"));
        assert!(app.err.text().contains("made ") && app.err.text().contains("blueprint run hello"));
        std::fs::write(args.folder.join("blueprints/hello.yaml"), "mine").unwrap();
        let mut app = App::in_memory();
        run(&args, &mut app).unwrap();
        assert_eq!(app.err.text().matches("kept ").count(), 5);
        let kept = std::fs::read_to_string(args.folder.join("blueprints/hello.yaml")).unwrap();
        assert_eq!(kept, "mine");
        let modeline = project.lines().next().unwrap();
        assert_eq!(modeline, "# yaml-language-server: $schema=schemas/project.json");
    }

    #[test]
    fn every_template_is_named_as_its_blueprint() {
        for (_, name, text) in BLUEPRINTS {
            assert!(text.contains(&format!("\nname: {name}\n")), "{name}");
        }
    }
}
