//! `blueprint blocks`: the catalogue of block types.

use std::io::Write;

use anyhow::Result;
use blueprint_project::failure::Failure;

use crate::{app::App, exit::Exit, render::catalogue};

/// Lists the block types, or shows one: fields, outcomes, result, example.
///
/// Every list of types, here and in editors, comes from the same place.
/// Next: `blueprint blocks TYPE`.
///
/// Examples:
///   blueprint blocks
///   blueprint blocks switch
///   blueprint blocks --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A block type
    #[arg(value_name = "TYPE")]
    pub kind: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints the catalogue, or one page of it.
///
/// # Errors
///
/// Returns an error if there is no such type, or stdout is closed.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let specs = match &args.kind {
        None => app.catalogue.clone(),
        Some(kind) => {
            let spec = app.catalogue.iter().find(|spec| spec.kind == kind);
            let kinds = app.catalogue.iter().map(|spec| spec.kind);
            vec![*spec.ok_or_else(|| Failure::unknown("block type", kind, kinds))?]
        }
    };
    let text = match (args.json, &args.kind) {
        (true, None) => format!("{:#}\n", catalogue::list_json(&specs)),
        (true, Some(_)) => format!("{:#}\n", catalogue::page_json(specs[0])),
        (false, None) => catalogue::list(&specs, app.out.paint),
        (false, Some(_)) => catalogue::page(specs[0], app.out.paint),
    };
    app.out.write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}
