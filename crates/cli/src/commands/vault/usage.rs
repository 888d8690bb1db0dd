//! `blueprint vault usage`: which block of which blueprint uses which secret.

use std::collections::BTreeMap;

use anyhow::Result;
use blueprint_engine::Goes;
use blueprint_model::{SecretName, Value};
use blueprint_project::secrets;
use serde_json::json;

use super::act::parse_name;
use crate::{app::App, exit::Exit, terminal::Tone};
use blueprint_project::{
    project::{self, Project},
    text,
    vault::{self, Usage, Use},
    wiring,
};

/// Lists which fields of the project's blueprints use which secret, without running anything.
///
/// Also keys that blueprints use and no source has, and keys in the vault that nobody uses. The exit
/// code is 2 if one is missing that a run would need.
/// Next: blueprint vault set KEY for a missing one, blueprint vault delete KEY for an unused one.
///
/// Examples:
///   blueprint vault usage
///   blueprint vault usage ACME_KEY
///   blueprint vault usage --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct UsageArgs {
    /// Only this key
    pub key: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What a project does with its secrets.
struct Found {
    usage: Usage,
    /// Files that have faults: what they use is not known.
    unread: Vec<String>,
}

pub(super) fn run(args: &UsageArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let only = args.key.as_deref().map(parse_name).transpose()?;
    let Found { usage, unread } = look(only.as_ref(), project, app)?;
    if args.json {
        app.out.line(&format!("{:#}", json_of(&usage, &unread)))?;
    } else {
        print(&usage, only.as_ref(), app)?;
    }
    for silent in &usage.silent {
        app.err.line(silent)?;
    }
    for file in &unread {
        app.err
            .line(&format!("{file} has faults, so what it uses is not known: blueprint check"))?;
    }
    let is_wrong = usage.missing.iter().any(|(_, is_needed)| *is_needed);
    Ok(if is_wrong { Exit::Wrong } else { Exit::Fine })
}

fn look(only: Option<&SecretName>, project: &Project, app: &mut App) -> Result<Found> {
    let registry = wiring::registry();
    let (mut uses, mut unread) = (Vec::new(), Vec::new());
    for file in project.files()? {
        let checked = project::check_file(&file, &registry)?;
        match &checked.plan {
            Some(plan) => uses.extend(vault::uses_of(plan)),
            None => unread.push(checked.source.file.to_string()),
        }
    }
    let listing = secrets::vault(project, &app.environment)?.list();
    let mut usage = Usage::of(uses, &listing);
    if let Some(only) = only {
        usage.uses.retain(|it| it.planned.key == *only);
        usage.missing.retain(|(key, _)| key == only.as_str());
        usage.unused.retain(|key| key == only.as_str());
    }
    Ok(Found { usage, unread })
}

fn print(usage: &Usage, only: Option<&SecretName>, app: &mut App) -> Result<()> {
    let mut by_key: BTreeMap<&str, Vec<&Use>> = BTreeMap::new();
    for used in &usage.uses {
        by_key.entry(used.planned.key.as_str()).or_default().push(used);
    }
    for (key, uses) in &by_key {
        let missing = usage.missing.iter().find(|(name, _)| name == key);
        let note = match missing {
            Some((_, true)) => "  MISSING: no source has it",
            Some((_, false)) => "  missing, and optional",
            None => "",
        };
        let title = app.out.paint.paint(Tone::Strong, key);
        app.out.line(&format!("{title}{note}"))?;
        let places: Vec<String> =
            uses.iter().map(|it| format!("{}:{}", it.file, it.line)).collect();
        let width = places.iter().map(|place| text::width(place)).max().unwrap_or(0);
        for (used, place) in uses.iter().zip(&places) {
            let place = text::pad(place, width);
            app.out.line(&format!("  {place}  {}", vault::sentence(&used.planned)))?;
        }
    }
    if !usage.unused.is_empty() {
        app.out.line(&format!("unused: {}", usage.unused.join(", ")))?;
    }
    if by_key.is_empty() {
        let what = only.map_or_else(|| "any secret".to_owned(), |key| format!("`{key}`"));
        app.err.line(&format!("no blueprint of this project uses {what}"))?;
    }
    Ok(())
}

fn json_of(usage: &Usage, unread: &[String]) -> Value {
    let uses = usage.uses.iter().map(|it| {
        let (action, host, place) = match &it.planned.goes {
            Goes::Out { host, place } => ("sent", host.clone(), Some(place.clone())),
            Goes::Script => ("script", None, None),
            Goes::Revealed => ("revealed", None, None),
            Goes::Listed => ("listed", None, None),
            Goes::Handle => ("handle", None, None),
        };
        json!({
            "key": it.planned.key.as_str(),
            "file": it.file,
            "line": it.line,
            "blueprint": it.blueprint,
            "block": it.planned.block,
            "field": it.planned.field,
            "part": it.planned.part,
            "action": action,
            "host": host,
            "place": place,
            "is_optional": it.planned.is_optional,
        })
    });
    json!({
        "uses": uses.collect::<Vec<_>>(),
        "missing": usage.missing.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        "unused": usage.unused,
        "unread_files": unread,
    })
}
