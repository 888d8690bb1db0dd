//! What `doctor` looks at: the project, and what only a terminal has.

use std::{fs, path::Path};

use blueprint_project::{
    findings::{self, Finding, Grade},
    project::Project,
};

use crate::{app::App, schemas, terminal::Paint};

/// Looks at everything.
pub(super) fn all(app: &mut App) -> Vec<Finding> {
    let mut found = vec![findings::program()];
    match Project::of_folder(Path::new(".")) {
        Err(err) => {
            found.push(Finding::new("project", Grade::Broken, err.to_string()));
        }
        Ok(project) => {
            found.extend(findings::of_project(&project, &app.environment));
            found.push(findings::runs(&project, &app.environment));
            found.extend(editor(&project));
        }
    }
    found.push(terminal(app));
    found
}

/// Whether editors have the schemas of this version.
fn editor(project: &Project) -> Option<Finding> {
    let files = schemas::files();
    let known = files.iter().map(|(path, text)| (project.root.join(path), text));
    let there: Vec<_> = known.filter(|(path, _)| path.is_file()).collect();
    if there.is_empty() {
        return None;
    }
    let is_old = there.iter().any(|(path, text)| {
        fs::read_to_string(path).map_or(true, |written| written.trim() != text.trim())
    });
    Some(match is_old {
        false => Finding::new("editor", Grade::Good, "schemas are those of this version"),
        true => Finding::new("editor", Grade::Doubtful, "schemas are of another version")
            .help("blueprint schema --write"),
    })
}

fn terminal(app: &App) -> Finding {
    let colors = match (app.out.paint, app.out.is_terminal) {
        (Paint::Ansi, _) => "colours",
        (Paint::Plain, false) => "no colours, for stdout is no terminal",
        (Paint::Plain, true) => "no colours, by NO_COLOR, --color or TERM",
    };
    let live = match (app.is_live, app.err.is_terminal) {
        (true, _) => "a live tree",
        (false, false) => "one line per event, for stderr is no terminal",
        (false, true) => "one line per event, by CI or TERM",
    };
    let (width, height) = app.out.size();
    Finding::new("terminal", Grade::Good, format!("{width} × {height}, {colors}, {live}"))
}
