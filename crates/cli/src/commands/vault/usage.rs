//! `blueprint vault usage`: which block of which blueprint uses which secret.

use std::collections::BTreeMap;

use anyhow::Result;
use blueprint_engine::{Goes, Plan, PlannedUse};
use blueprint_model::{SecretName, Value};
use serde_json::json;

use super::act::parse_name;
use crate::{app::App, exit::Exit, terminal::Tone};
use blueprint_project::secrets;
use blueprint_project::{
    project::{self, Project},
    text, wiring,
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
struct Usage {
    uses: Vec<Use>,
    /// Keys that are used and are nowhere, each with whether a run needs it.
    missing: Vec<(String, bool)>,
    unused: Vec<String>,
    /// Files that have faults: what they use is not known.
    unread: Vec<String>,
    /// What sources did not tell.
    silent: Vec<String>,
}

struct Use {
    file: String,
    line: usize,
    blueprint: String,
    planned: PlannedUse,
}

pub(super) fn run(args: &UsageArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let only = args.key.as_deref().map(parse_name).transpose()?;
    let usage = look(only.as_ref(), project, app)?;
    if args.json {
        app.out.line(&format!("{:#}", json_of(&usage)))?;
    } else {
        print(&usage, only.as_ref(), app)?;
    }
    for silent in &usage.silent {
        app.err.line(silent)?;
    }
    for file in &usage.unread {
        app.err
            .line(&format!("{file} has faults, so what it uses is not known: blueprint check"))?;
    }
    let is_wrong = usage.missing.iter().any(|(_, is_needed)| *is_needed);
    Ok(if is_wrong { Exit::Wrong } else { Exit::Fine })
}

fn look(only: Option<&SecretName>, project: &Project, app: &mut App) -> Result<Usage> {
    let registry = wiring::registry();
    let mut usage = Usage {
        uses: Vec::new(),
        missing: Vec::new(),
        unused: Vec::new(),
        unread: Vec::new(),
        silent: Vec::new(),
    };
    for file in project.files()? {
        let checked = project::check_file(&file, &registry)?;
        match &checked.plan {
            Some(plan) => usage.uses.extend(uses_of(plan)),
            None => usage.unread.push(checked.source.file.to_string()),
        }
    }
    let vault = secrets::vault(project, &app.environment)?;
    let listing = vault.list();
    let mut used: BTreeMap<String, bool> = BTreeMap::new();
    for Use { planned, .. } in &usage.uses {
        *used.entry(planned.key.as_str().into()).or_default() |= !planned.is_optional;
    }
    let is_there = |key: &str| listing.keys.iter().any(|row| row.listed.name.as_str() == key);
    // A source that cannot tell what it has may have it.
    let is_certain = listing.unlisted.is_empty() && listing.failures.is_empty();
    for (key, is_needed) in used.iter().filter(|(key, _)| is_certain && !is_there(key)) {
        usage.missing.push((key.clone(), *is_needed));
    }
    for row in listing.keys.iter().filter(|row| !row.is_shadowed) {
        let name = row.listed.name.as_str();
        if !used.contains_key(name) {
            usage.unused.push(name.into());
        }
    }
    for (provider, err) in &listing.failures {
        usage.silent.push(format!("provider `{provider}` gave no answer: {err}"));
    }
    for provider in &listing.unlisted {
        usage.silent.push(format!("provider `{provider}` cannot tell what it has"));
    }
    if let Some(only) = only {
        usage.uses.retain(|it| it.planned.key == *only);
        usage.missing.retain(|(key, _)| key == only.as_str());
        usage.unused.retain(|key| key == only.as_str());
    }
    Ok(usage)
}

fn uses_of(plan: &Plan) -> impl Iterator<Item = Use> {
    let found = plan.secret_uses().into_iter().map(|planned| Use {
        file: plan.source.file.to_string(),
        line: plan.source.position(planned.at).0,
        blueprint: plan.name.clone(),
        planned,
    });
    found.collect::<Vec<_>>().into_iter()
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
            app.out.line(&format!("  {place}  {}", sentence(&used.planned)))?;
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

fn sentence(planned: &PlannedUse) -> String {
    let field = match &planned.part {
        Some(part) => format!("{}.{part}", planned.field),
        None => planned.field.to_owned(),
    };
    let goes = match &planned.goes {
        Goes::Out { host: Some(host), place } => format!("to {host}, {place}"),
        Goes::Out { host: None, place } => format!("to a computed host, {place}"),
        Goes::Script => "its handle, in a script".into(),
        Goes::Revealed => "REVEALED to the script".into(),
        Goes::Listed => "may be named by a computed name".into(),
        Goes::Handle => "its handle only".into(),
    };
    format!("{}.{field}: {goes}", planned.block)
}

fn json_of(usage: &Usage) -> Value {
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
        "unread_files": usage.unread,
    })
}
