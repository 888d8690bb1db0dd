//! `blueprint graph`: a picture of a blueprint.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use blueprint_engine::Outline;

use crate::{
    app::App,
    commands::check,
    exit::Exit,
    project::{self, Project},
    render::graph::{self, Drawing, Edge, Format, Group, Node},
};

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
    let picture = graph::render(&drawing(&plan.name, plan.outline()), args.format);
    match &args.output {
        Some(path) => {
            fs::write(path, picture).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => app.out.write_all(picture.as_bytes())?,
    }
    Ok(Exit::Fine)
}

/// Returns what to draw of a plan.
pub fn drawing(name: &str, outline: Outline) -> Drawing {
    let mut drawing = Drawing { name: name.into(), ..Drawing::default() };
    let mut work = vec![(String::new(), None, outline)];
    while let Some((prefix, group, Outline { nodes, edges })) = work.pop() {
        let first = drawing.nodes.len();
        let errors: Vec<Vec<String>> = nodes.iter().map(|node| node.errors.clone()).collect();
        for node in nodes {
            let id = format!("{prefix}{}", node.id);
            let detail = match (&node.body, &node.calls) {
                (Some(_), _) if node.kind == "repeat" => "per round".into(),
                (Some(_), _) => "per item".into(),
                (None, calls) => calls.clone().unwrap_or_default(),
            };
            let is_exposed = node.reaches_outside || node.body.is_some() || node.calls.is_some();
            if let Some(body) = node.body {
                let body_group = drawing.groups.len();
                drawing.groups.push(Group { owner: drawing.nodes.len() });
                work.push((format!("{id}."), Some(body_group), body));
            }
            let title = node.title.unwrap_or(node.id);
            let (secrets, reveals, unhandled) = (node.secrets, node.reveals, node.unhandled);
            // A block that is there to fail is not one whose error was forgotten.
            let unhandled = if node.kind == "fail" { Vec::new() } else { unhandled };
            let kind = node.kind.into();
            drawing.nodes.push(Node {
                id,
                title,
                kind,
                detail,
                secrets,
                reveals,
                unhandled,
                is_exposed,
                group,
            });
        }
        drawing.edges.extend(edges.into_iter().map(|edge| Edge {
            is_error: errors[edge.from].contains(&edge.outcome),
            from: first + edge.from,
            to: first + edge.to,
            outcome: edge.outcome,
        }));
    }
    drawing
}
