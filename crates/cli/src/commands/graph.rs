//! `blueprint graph`: a picture of a blueprint.

use std::path::PathBuf;

use crate::render::graph::Format;

/// Draws a blueprint: its blocks, and which outcome leads where.
///
/// The picture goes to stdout, or to a file.
/// Next: put the Mermaid text into a README, or open the SVG in a browser.
///
/// Examples:
///   blueprint graph city-weather > city-weather.svg
///   blueprint graph blueprints/city-weather.yaml --format mermaid
///   blueprint graph city-weather --format ascii
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A file, or the name of a blueprint of this project
    #[arg(value_name = "FILE")]
    pub target: String,
    /// What to write
    #[arg(long, value_enum, default_value = "svg")]
    pub format: Format,
    /// Where to write it, instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
