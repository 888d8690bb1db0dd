//! `blueprint graph`: a picture of a blueprint.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use blueprint_project::{
    drawing::{self, Drawing},
    project::{self, Project},
};

use clap::ValueEnum;

use crate::{app::App, commands::check, exit::Exit};

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

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A picture for browsers, light or dark as the reader prefers.
    Svg,
    /// Text that many sites draw.
    Mermaid,
    /// Text for Graphviz.
    Dot,
    /// Text for people.
    Ascii,
    /// Data.
    Json,
}

impl From<Format> for drawing::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Svg => Self::Svg,
            Format::Mermaid => Self::Mermaid,
            Format::Dot => Self::Dot,
            Format::Ascii => Self::Ascii,
            Format::Json => Self::Json,
        }
    }
}

/// Draws the blueprint.
///
/// # Errors
///
/// Returns a failure if the file cannot be read or the picture cannot be written.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let (project, file) = Project::find(&args.target, Path::new("."))?;
    let registry = project.registry()?;
    let checked = project::check_file(&file, &registry)?;
    let Some(plan) = &checked.plan else {
        check::show(&[&checked], check::Format::Human, &mut app.err)?;
        return Ok(Exit::Wrong);
    };
    let picture = drawing::render(&Drawing::of(&plan.name, plan.outline()), args.format.into());
    match &args.output {
        Some(path) => {
            fs::write(path, picture).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => app.out.write_all(picture.as_bytes())?,
    }
    Ok(Exit::Fine)
}
