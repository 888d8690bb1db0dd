//! The command line as data.

use clap::{Parser, Subcommand};

use crate::{color::ColorChoice, commands};

/// Runs blueprints: YAML files that say which block follows which.
///
/// stdout is the answer, stderr is the story. Secrets live in a vault and are never an argument.
/// Help topics: `blueprint help references`, `exit-codes`, `environment`.
///
/// Examples:
///   blueprint demo
///   blueprint init my-agent && cd my-agent
///   blueprint run hello
#[derive(Debug, Parser)]
#[command(
    name = "blueprint",
    version,
    verbatim_doc_comment,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    infer_long_args = false
)]
pub struct Cli {
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        display_order = 900
    )]
    pub color: ColorChoice,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands. Their help texts are the docs of their arguments.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "docs here would hide those of the arguments from the help")]
pub enum Command {
    Init(commands::init::Args),
    New(commands::new::Args),
    Demo(commands::demo::Args),
    Check(commands::check::Args),
    Fmt(commands::fmt::Args),
    Graph(commands::graph::Args),
    Blocks(commands::blocks::Args),
    Explain(commands::explain::Args),
    Schema(commands::schema::Args),
    Test(commands::test::Args),
    Run(commands::run::Args),
    Runs(commands::runs::Args),
    Why(commands::why::Args),
    Replay(commands::replay::Args),
    Vault(commands::vault::Args),
    Serve(commands::serve::Args),
    Trigger(commands::trigger::Args),
    Token(commands::token::Args),
    Bench(commands::bench::Args),
    Doctor(commands::doctor::Args),
    Completions(commands::completions::Args),
    Help(commands::help::Args),
}
