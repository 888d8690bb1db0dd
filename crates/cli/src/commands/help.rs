//! `blueprint help`: commands and topics.

use std::io::Write;

use anyhow::Result;
use blueprint_project::failure::Failure;
use clap::CommandFactory;

use crate::{app::App, args::Cli, exit::Exit, render::topics};

/// Prints the help of a command, or a page about a topic.
///
/// Topics: references, exit-codes, environment.
///
/// Examples:
///   blueprint help run
///   blueprint help vault set
///   blueprint help references
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A command or a topic
    #[arg(value_name = "COMMAND|TOPIC")]
    pub subject: Vec<String>,
}

/// Prints the page.
///
/// # Errors
///
/// Returns an error if there is no such command or topic, or stdout is closed.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let topic = args.subject.first().and_then(|name| topics::page(name));
    let text = match topic {
        Some(topic) => topic,
        None => command_help(&args.subject)?,
    };
    app.out.write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}

fn command_help(path: &[String]) -> Result<String, Failure> {
    let mut root = Cli::command();
    root.build();
    let mut command = &mut root;
    for name in path {
        if command.find_subcommand(name).is_none() {
            return Err(unknown(command, name));
        }
        command = command.find_subcommand_mut(name).expect("it was found above");
    }
    Ok(command.render_long_help().to_string())
}

fn unknown(command: &clap::Command, name: &str) -> Failure {
    let is_root = !command.get_bin_name().is_some_and(|name| name.contains(' '));
    let topics = topics::ALL.iter().map(|(name, _)| *name).filter(|_| is_root);
    let known: Vec<&str> =
        topics.chain(command.get_subcommands().map(clap::Command::get_name)).collect();
    Failure::unknown("command or topic", name, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(subject: &[&str], expected: &str) {
        let mut app = App::in_memory();
        let args = Args { subject: subject.iter().map(|name| (*name).into()).collect() };
        let text = match run(&args, &mut app) {
            Ok(_) => app.out.text(),
            Err(err) => {
                let failure = err.downcast_ref::<Failure>().unwrap();
                format!("{failure}: {}", failure.hint.as_deref().unwrap_or(""))
            }
        };
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn commands_and_topics_have_pages() {
        check(&[], "Usage: blueprint");
        check(&["run"], "Usage: blueprint run");
        check(&["vault", "set"], "Usage: blueprint vault set");
        check(&["exit-codes"], "130");
        check(&["environment"], "NO_COLOR");
        check(&["references"], "@{inputs.NAME}");
    }

    #[test]
    fn unknown_pages_are_told_the_nearest() {
        check(&["exit-code"], "did you mean `exit-codes`?");
        check(&["vault", "sett"], "did you mean `set`?");
        check(&["runn"], "did you mean `run`?");
    }
}
