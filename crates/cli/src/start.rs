//! From the process's arguments to its exit code.

use std::{ffi::OsString, io, process::ExitCode};

use blueprint_project::environment::Environment;
use clap::Parser;

use crate::{app::App, args::Cli, commands, exit::Exit, failure, terminal::Terminal};

/// Runs the program of this process.
pub fn main() -> ExitCode {
    // A worker of the script sandbox locks itself down before anything else is read.
    if std::env::args_os().nth(1).is_some_and(|word| word == blueprint_script::WORKER_WORD) {
        blueprint_script::worker_main(blueprint_vault::derivations());
    }
    keep_to_itself();
    let mut app = App::new(Environment::of_process());
    run(std::env::args_os().collect(), &mut app).into()
}

/// Has this process give nothing away when it dies, before it reads anything.
///
/// A panic, which is a bug of ours, says where it was and nothing more: its text may hold anything.
/// Where the system does not hide the memory, all else holds still.
pub fn keep_to_itself() {
    let _is_hidden = blueprint_script::lockdown::hide_memory();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        let mut stderr = Terminal::stderr();
        // Where stderr is gone, nobody is left to tell.
        drop(
            stderr
                .line(&format!("error: blueprint has a bug and panicked{place}; please report it")),
        );
    }));
}

/// Runs a command line, the program's name first, and reports what went wrong.
pub fn run(args: Vec<OsString>, app: &mut App) -> Exit {
    let result = match Cli::try_parse_from(args) {
        Ok(cli) => {
            app.set_color(cli.color);
            commands::run(&cli.command, app)
        }
        Err(err) => answer_clap(&err, app).map_err(anyhow::Error::from),
    };
    match result {
        Ok(exit) => exit,
        Err(err) if is_closed_pipe(&err) => Exit::Fine,
        Err(err) => failure::report(&err, &mut app.err).unwrap_or(Exit::Environment),
    }
}

/// Prints help and version as answers, wrong arguments as part of the story.
fn answer_clap(err: &clap::Error, app: &mut App) -> io::Result<Exit> {
    let text = err.render().to_string();
    let (terminal, exit): (&mut Terminal, _) =
        if err.use_stderr() { (&mut app.err, Exit::Wrong) } else { (&mut app.out, Exit::Fine) };
    terminal.line(text.trim_end())?;
    Ok(exit)
}

/// Whoever read the output has seen enough, as in `blueprint blocks | head`.
fn is_closed_pipe(err: &anyhow::Error) -> bool {
    let io_error = err.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io_error.is_some_and(|err| err.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, exit: Exit, out: &str, err: &str) {
        let mut app = App::in_memory();
        let args = std::iter::once("blueprint").chain(line.split_whitespace());
        assert_eq!(run(args.map(OsString::from).collect(), &mut app), exit, "{line}");
        let (seen_out, seen_err) = (app.out.text(), app.err.text());
        assert!(seen_out.contains(out) && seen_err.contains(err), "{seen_out}\n---\n{seen_err}");
        assert!(!seen_out.contains("s3cret") && !seen_err.contains("s3cret"));
    }

    #[test]
    fn help_and_version_are_answers() {
        check("--version", Exit::Fine, "blueprint 0.1.0\n", "");
        check("--help", Exit::Fine, "Usage: blueprint", "");
        check("run --help", Exit::Fine, "blueprint run city-weather", "");
        check("", Exit::Wrong, "", "Usage: blueprint");
    }

    #[test]
    fn a_wrong_command_is_told_the_right_one() {
        check("rum x.yaml", Exit::Wrong, "", "'run'");
        check("check --strikt", Exit::Wrong, "", "'--strict'");
    }

    #[test]
    fn a_secret_in_an_argument_is_refused_and_not_repeated() {
        let refusal = "error[BP0606]: a secret must not be an argument";
        check("vault set KEY s3cret", Exit::Wrong, "", refusal);
        check("vault set KEY two s3cret words", Exit::Wrong, "", refusal);
        check("vault set KEY -s3cret", Exit::Wrong, "", refusal);
        check("vault set KEY --s3cret=x", Exit::Wrong, "", refusal);
        check("vault set KEY -- -s3cret", Exit::Wrong, "", refusal);
        check("vault set KEY=s3cret", Exit::Wrong, "", refusal);
        check("vault set KEY --value=s3cret", Exit::Wrong, "", refusal);
        check("vault set --value=s3cret KEY", Exit::Wrong, "", "");
        check("vault set --value s3cret KEY", Exit::Wrong, "", "");
    }
}
