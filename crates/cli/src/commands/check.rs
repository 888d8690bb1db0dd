//! `blueprint check`: all faults of blueprints, before anything runs.

use std::path::PathBuf;

use crate::render::diagnostics::Format;

/// Finds every fault of blueprints and says how to mend it; runs nothing.
///
/// Exit code 2 means that something was found.
/// Next: `blueprint explain CODE` for the page of a fault.
///
/// Examples:
///   blueprint check
///   blueprint check blueprints/city-weather.yaml --fix
///   blueprint check --strict --format sarif > findings.sarif
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Files or folders; without one, the blueprints of this project
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Mend what has one right answer
    #[arg(long)]
    pub fix: bool,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// How to write the findings
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Check again after each change, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}
