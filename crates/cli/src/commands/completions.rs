//! `blueprint completions`: what a shell needs to complete arguments.

use std::io::Write;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::{app::App, args::Cli, exit::Exit};

/// Prints a script that lets your shell complete commands and options.
///
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
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
///
/// # Errors
///
/// Returns an error if stdout is closed.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    // The generator panics when its writer fails, so it writes to memory first.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "blueprint", &mut script);
    app.out.write_all(&script)?;
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut app = App::in_memory();
            run(&Args { shell }, &mut app).unwrap();
            let script = app.out.text();
            assert!(script.contains("explain") && script.contains("rename"), "{shell}");
        }
    }
}
