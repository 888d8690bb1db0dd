//! `--dry-run`: what a run would do, as far as can be said without running anything.

use std::{collections::BTreeMap, fmt, io::Write as _, sync::Arc};

use anyhow::Result;
use blueprint_engine::{Library, Plan, Preview, PreviewField, SecretNeed};
use blueprint_model::{Value, blueprint::Join};
use blueprint_project::secrets;
use blueprint_project::{project::Project, text};
use blueprint_vault::vault::Listing;
use serde_json::json;

use crate::{
    app::App,
    commands::run::Output,
    exit::Exit,
    terminal::{Paint, Tone},
};

/// What would run.
pub(super) struct Trial<'t> {
    /// The blueprint.
    pub(super) plan: &'t Arc<Plan>,
    /// The blueprints that it may call.
    pub(super) library: &'t Library,
    /// Its inputs, defaults filled in.
    pub(super) inputs: &'t Value,
    /// The process variables that it may see.
    pub(super) env: &'t BTreeMap<String, String>,
}

/// Whether a secret is there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Presence {
    In(&'static str),
    Missing,
    Unknown(String),
}

/// Prints what a run would do. Reads nothing but the list of the vault, and that only for a
/// blueprint that uses secrets.
///
/// # Errors
///
/// Returns a failure that names the secrets without which a run would not start.
pub(super) fn run(
    trial: &Trial<'_>,
    project: &Project,
    output: Output,
    app: &mut App,
) -> Result<Exit> {
    let needs = trial.library.secrets(trial.plan);
    let listing = if needs.is_empty() {
        Listing::default()
    } else {
        secrets::vault(project, &app.environment)?.list()
    };
    let found: Vec<(SecretNeed, Presence)> = needs
        .into_iter()
        .map(|need| {
            let presence = presence(&need, &listing);
            (need, presence)
        })
        .collect();
    let blocks = trial.plan.preview(trial.inputs, trial.env);
    match output {
        Output::Json | Output::Ndjson => {
            app.out.line(&format!("{:#}", document(trial, &blocks, &found)))?;
        }
        Output::Auto => {
            let width = if app.out.is_terminal { app.out.size().0 } else { usize::MAX };
            let page = Page { paint: app.out.paint, width };
            app.out.write_all(page.text(trial, &blocks, &found).as_bytes())?;
        }
        Output::Quiet => {}
    }
    let missing: Vec<&str> = found
        .iter()
        .filter(|(need, presence)| !need.is_optional && *presence == Presence::Missing)
        .map(|(need, _)| need.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(Exit::Fine);
    }
    let has_vault = secrets::vault_path(project, &app.environment).exists();
    Err(secrets::missing(&missing, has_vault).into())
}

fn presence(need: &SecretNeed, listing: &Listing) -> Presence {
    if let Some(key) = listing.keys.iter().find(|key| key.listed.name == need.name) {
        return Presence::In(key.provider);
    }
    match (listing.failures.first(), listing.unlisted.first()) {
        (Some((provider, err)), _) => {
            Presence::Unknown(format!("`{provider}` gave no answer: {err}"))
        }
        (None, Some(provider)) => Presence::Unknown(format!("`{provider}` has no list")),
        (None, None) => Presence::Missing,
    }
}

fn document(trial: &Trial<'_>, blocks: &[Preview], secrets: &[(SecretNeed, Presence)]) -> Value {
    let block = |block: &Preview| {
        let fields = block.fields.iter().map(|(name, field)| match field {
            PreviewField::Value(value) => ((*name).to_owned(), value.clone()),
            PreviewField::Script(line) => ((*name).to_owned(), json!({"script_at_line": line})),
        });
        json!({
            "block": block.path,
            "type": block.kind,
            "after": block.after.iter().map(|(from, outcome)| format!("{from}.{outcome}"))
                .collect::<Vec<_>>(),
            "reaches_outside": block.reaches_outside,
            "attempts": block.attempts,
            "fields": fields.collect::<serde_json::Map<_, _>>(),
        })
    };
    let secret = |(need, presence): &(SecretNeed, Presence)| {
        let (state, provider) = match presence {
            Presence::In(provider) => ("there", Some(*provider)),
            Presence::Missing => ("missing", None),
            Presence::Unknown(_) => ("unknown", None),
        };
        json!({
            "name": need.name.as_str(),
            "state": state,
            "provider": provider,
            "is_optional": need.is_optional,
        })
    };
    json!({
        "blueprint": trial.plan.name,
        "inputs": trial.inputs,
        "blocks": blocks.iter().map(block).collect::<Vec<_>>(),
        "secrets": secrets.iter().map(secret).collect::<Vec<_>>(),
    })
}

/// How the answer looks for people.
struct Page {
    paint: Paint,
    width: usize,
}

impl Page {
    fn text(
        &self,
        trial: &Trial<'_>,
        blocks: &[Preview],
        secrets: &[(SecretNeed, Presence)],
    ) -> String {
        let name = self.paint.paint(Tone::Strong, &trial.plan.name);
        let file = self.paint.paint(Tone::Dim, &trial.plan.source.file);
        let mut page = format!("{name}  {file}  (dry run: nothing runs)\n");
        if let Value::Object(inputs) = trial.inputs
            && !inputs.is_empty()
        {
            self.title(&mut page, "Inputs");
            let rows = inputs.iter().map(|(name, value)| (name.as_str(), shown(value)));
            self.rows(&mut page, "  ", rows.collect());
        }
        self.title(&mut page, "Blocks, in an order in which a run may reach them");
        for block in blocks {
            self.block(&mut page, block);
        }
        if !secrets.is_empty() {
            self.title(&mut page, "Secrets");
            let width = secrets.iter().map(|(need, _)| need.name.as_str().len()).max();
            for (need, presence) in secrets {
                self.secret(&mut page, need, presence, width.unwrap_or(0));
            }
        }
        page
    }

    fn title(&self, page: &mut String, title: &str) {
        text::add(page, format_args!("\n{}\n", self.paint.paint(Tone::Note, title)));
    }

    fn block(&self, page: &mut String, block: &Preview) {
        let indent = "  ".repeat(block.depth + 1);
        let id = block.path.rsplit('.').next().unwrap_or(&block.path);
        let kind = self.paint.paint(Tone::Dim, block.kind);
        let mut facts = Vec::new();
        if let Some(when) = when(block) {
            facts.push(when);
        }
        if block.reaches_outside {
            facts.push("reaches outside".into());
        }
        if block.attempts > 1 {
            facts.push(format!("up to {} attempts", block.attempts));
        }
        let facts = self.paint.paint(Tone::Dim, &facts.join(", "));
        let id = self.paint.paint(Tone::Strong, id);
        add_line(page, format_args!("{indent}{id}  {kind}  {facts}"));
        let rows = block.fields.iter().map(|(name, field)| match field {
            PreviewField::Value(value) => (*name, shown(value)),
            PreviewField::Script(line) => (*name, format!("(script, line {line})")),
        });
        self.rows(page, &format!("{indent}  "), rows.collect());
    }

    fn secret(&self, page: &mut String, need: &SecretNeed, presence: &Presence, width: usize) {
        let name = text::pad(need.name.as_str(), width);
        let hosts: Vec<String> = need.grant.hosts.iter().map(ToString::to_string).collect();
        let only = match hosts.is_empty() {
            true => String::new(),
            false => format!(", only for {}", hosts.join(", ")),
        };
        let (tone, sign, words) = match (presence, need.is_optional) {
            (Presence::In(provider), _) => (Tone::Good, "✓", format!("in `{provider}`{only}")),
            (Presence::Missing, true) => (Tone::Dim, "-", "missing, and optional".into()),
            (Presence::Missing, false) => (Tone::Bad, "✗", "missing".into()),
            (Presence::Unknown(why), _) => (Tone::Warn, "?", why.clone()),
        };
        let sign = self.paint.paint(tone, sign);
        add_line(page, format_args!("  {sign} {name}  {words}"));
    }

    fn rows(&self, page: &mut String, indent: &str, rows: Vec<(&str, String)>) {
        let columns = rows.iter().map(|(name, _)| text::width(name)).max().unwrap_or(0);
        let left = columns + indent.len() + 2;
        for (name, value) in rows {
            let value = text::fit(&value, self.width.saturating_sub(left));
            let name = self.paint.paint(Tone::Dim, &text::pad(name, columns));
            add_line(page, format_args!("{indent}{name}  {value}"));
        }
    }
}

fn add_line(page: &mut String, line: fmt::Arguments<'_>) {
    text::add(page, format_args!("{}\n", line.to_string().trim_end()));
}

/// Says on which edges a block runs.
fn when(block: &Preview) -> Option<String> {
    let edges: Vec<String> =
        block.after.iter().map(|(from, outcome)| format!("{from}.{outcome}")).collect();
    let (one, more) = (edges.len() == 1, edges.len() > 1);
    match block.join {
        _ if edges.is_empty() => None,
        Join::Always => Some(format!("always after {}", edges.join(", "))),
        Join::Any | Join::All | Join::First if one => Some(format!("on {}", edges[0])),
        Join::Any if more => Some(format!("on any of {}", edges.join(", "))),
        Join::All => Some(format!("on all of {}", edges.join(", "))),
        Join::First | Join::Any => Some(format!("on the first of {}", edges.join(", "))),
    }
}

/// Returns a value for people: texts as they are, all else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
