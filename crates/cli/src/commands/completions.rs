//! `blueprint completions`: what a shell needs to complete arguments.

use std::{io::Write, path::Path};

use anyhow::Result;
use blueprint_model::code;
use blueprint_project::project::{self, Project};
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::{app::App, args::Cli, exit::Exit, render::topics};

/// Prints a script that lets your shell complete commands, options and names.
///
/// In bash, zsh and fish it also knows the blueprints of the project you are in, the block types
/// and the codes of faults; elsewhere commands and options only.
/// Put it where your shell looks for completions, or evaluate it when the shell starts.
/// Next: open a new shell.
///
/// Examples:
///   blueprint completions bash > ~/.local/share/bash-completion/completions/blueprint
///   blueprint completions zsh > ~/.zfunc/_blueprint
///   blueprint completions fish > ~/.config/fish/completions/blueprint.fish
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shell
    #[arg(value_enum, required_unless_present = "words")]
    pub shell: Option<Shell>,
    /// Print the names that scripts ask for, one a line
    #[arg(long, value_enum, num_args = 1.., hide = true)]
    pub words: Vec<Words>,
}

/// What a script may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Words {
    /// Names of the blueprints of this project.
    Blueprints,
    /// Block types.
    Types,
    /// Codes of faults.
    Codes,
    /// First names of references.
    References,
}

const BASH: &str = include_str!("../../templates/completions/bash.sh");
const ZSH: &str = include_str!("../../templates/completions/zsh.sh");
const FISH: &str = include_str!("../../templates/completions/fish.fish");

/// What the static script for zsh says about arguments that have names, and what replaces it.
const ZSH_ARGUMENTS: [(&str, &str); 5] = [
    ("the name of a blueprint of this project:_default", ":_blueprint_names"),
    ("the blueprints of this project:_files", ":_blueprint_names"),
    ("of this file or blueprint]:FILE|NAME:_default", ":_blueprint_names"),
    ("A block type:_default", ":_blueprint_types"),
    ("A code, a block type or a reference:_default", ":_blueprint_subjects"),
];

/// Prints the script, or the names that it asks for.
///
/// # Errors
///
/// Returns an error if stdout is closed.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let text = match args.shell {
        Some(shell) => script(shell)?,
        None => args.words.iter().flat_map(|words| list(*words, app)).collect(),
    };
    app.out.write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}

fn script(shell: Shell) -> Result<String> {
    // The generator panics when its writer fails, so it writes to memory first.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "blueprint", &mut script);
    let mut script = String::from_utf8(script)?;
    match shell {
        Shell::Bash => script.push_str(BASH),
        Shell::Fish => script.push_str(FISH),
        Shell::Zsh => {
            for (old, function) in ZSH_ARGUMENTS {
                let (about, _) = old.rsplit_once(':').unwrap_or((old, ""));
                script = script.replace(old, &format!("{about}{function}"));
            }
            let first = script.find('\n').unwrap_or(0);
            script.insert_str(first + 1, ZSH);
        }
        _ => {}
    }
    Ok(script)
}

/// Returns names, each with its line end. What cannot be read is left out: a shell shows no errors.
fn list(words: Words, app: &App) -> Vec<String> {
    let line = |name: &str| format!("{name}\n");
    match words {
        Words::Blueprints => {
            let project = Project::of_folder(Path::new(".")).ok();
            let files = project.and_then(|project| project.files().ok()).unwrap_or_default();
            let names = files.iter().filter_map(|file| project::name_in(file));
            names
                .filter(|name| blueprint_model::id::is_blueprint_name(name))
                .map(|it| line(&it))
                .collect()
        }
        Words::Types => app.catalogue.iter().map(|spec| line(spec.kind)).collect(),
        Words::Codes => code::ALL.iter().map(|code| line(code.as_str())).collect(),
        Words::References => topics::roots().map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_know_the_commands_and_ask_for_names() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut app = App::in_memory();
            run(&Args { shell: Some(shell), words: Vec::new() }, &mut app).unwrap();
            let script = app.out.text();
            assert!(script.contains("explain") && script.contains("rename"), "{shell}");
            assert!(script.contains("completions --words"), "{shell}");
        }
    }

    #[test]
    fn every_argument_of_zsh_that_has_names_is_found() {
        let mut script = Vec::new();
        clap_complete::generate(Shell::Zsh, &mut Cli::command(), "blueprint", &mut script);
        let script = String::from_utf8(script).unwrap();
        for (old, _) in ZSH_ARGUMENTS {
            assert!(script.contains(old), "{old}");
        }
    }

    #[test]
    fn names_are_one_a_line() {
        let mut app = App::in_memory();
        run(&Args { shell: None, words: vec![Words::Types, Words::Codes] }, &mut app).unwrap();
        let names = app.out.text();
        assert!(names.contains("\nhttp_request\n") && names.contains("\nBP0301\n"), "{names}");
    }
}
