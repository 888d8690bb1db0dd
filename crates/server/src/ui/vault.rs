//! The vault: names, states and uses, and forms that change them. No value is ever in an answer.

mod act;
mod import;
mod key;

use std::sync::Arc;

use anyhow::Result;
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    routing::{get, post},
};
use blueprint_model::SecretName;
use blueprint_project::{
    settings::VaultSource,
    vault::{EntryState, VaultEntry, VaultPage},
};
use maud::{Markup, html};
use serde::Deserialize;

pub(crate) use self::import::Imports;
use crate::{
    access::Visitor,
    problem::Problem,
    site::Site,
    tokens::Scope,
    ui::{
        parts,
        shell::{self, Fault, Page, Tab, Tone},
    },
};

/// What stands for every value, whatever it is.
const DOTS: &str = "••••••••";

/// Returns the routes of the vault.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/vault", get(page).post(act::set))
        .route("/vault/init", post(act::init))
        .route("/vault/import", get(import::page).post(import::preview))
        .route("/vault/import/{id}", post(import::import))
        .route("/vault/keys/{name}", get(key::page).post(act::replace))
        .route("/vault/keys/{name}/policy", post(act::policy))
        .route("/vault/keys/{name}/rename", post(act::rename))
        .route("/vault/keys/{name}/delete", post(act::delete))
}

/// What the address says about the page.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    /// What was just done.
    done: Option<String>,
    /// To which name.
    name: Option<String>,
    /// A name to begin the form with.
    add: Option<String>,
    /// Whether the value has several lines.
    lines: Option<String>,
}

/// A value that was refused, as the form is shown again: everything but the value.
#[derive(Debug, Default)]
struct Refused {
    problem: Option<Problem>,
    name: String,
    hosts: String,
    is_weak: bool,
}

async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page, Fault> {
    show(&site, &visitor, &asked, &Refused::default()).await
}

async fn show(
    site: &Arc<Site>,
    visitor: &Visitor,
    asked: &Asked,
    refused: &Refused,
) -> Result<Page, Fault> {
    let vault = look(site).await?;
    let may_change = visitor.may(Scope::Secrets);
    let count = vault.entries.iter().filter(|entry| entry.provider.is_some()).count();
    let body = html! {
        div.head {
            div.grow {
                h1 { "Vault" }
                p.soft { "Values are kept encrypted, go where a run sends them, and are shown nowhere." }
            }
            @if may_change && vault.has_file { div.actions {
                a.button.main href="#add" { "+ Add a pair" }
                a.button href="/vault/import" { "Import .env" }
            } }
        }
        (done(asked))
        @for silent in &vault.silent { (shell::notice(Tone::Warn, html! { p { (silent) } })) }
        (missing(&vault, may_change))
        @if !vault.has_file { (no_vault(site, visitor, may_change)) }
        @if !vault.entries.is_empty() {
            section.card aria-label="Secrets" {
                header { h2 { "Secrets" } span.soft { (count) " set" } }
                (table(site, &vault.entries))
            }
        } @else if vault.has_file {
            section.card { (parts::empty("The vault is empty.", Some("blueprint vault set KEY"))) }
        }
        @if may_change && vault.has_file { (add_form(visitor, asked, refused)) }
        @if !may_change {
            p.soft { "To change something, log in with a token that has the scope " code { "secrets" } "." }
        }
    };
    Ok(shell::page(site, visitor, Tab::Vault, "Vault", &body))
}

/// Looks at the vault, which may read files and ask other servers.
async fn look(site: &Arc<Site>) -> Result<VaultPage, Fault> {
    let found = blocking(site, |site| {
        let snapshot = site.catalogue.now();
        let plans = snapshot.entries.values().filter_map(|entry| entry.plan.as_deref());
        Ok(site.vault.page(plans))
    });
    Ok(found.await?)
}

/// Does what may block, beside the threads that answer.
pub(super) async fn blocking<T: Send + 'static>(
    site: &Arc<Site>,
    work: impl FnOnce(&Site) -> Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let site = site.clone();
    match tokio::task::spawn_blocking(move || work(&site)).await {
        Ok(done) => done.map_err(Problem::from),
        Err(err) => Err(anyhow::Error::from(err).into()),
    }
}

/// Says what was just done. Only words of ours and names are shown of what the address says.
fn done(asked: &Asked) -> Markup {
    let name = asked.name.as_deref().and_then(SecretName::parse);
    let name = name.as_ref().map_or("", SecretName::as_str);
    let text = match asked.done.as_deref() {
        Some("stored") => "is stored. The next run uses it.",
        Some("replaced") => "has a new value. The next run uses it.",
        Some("renamed") => "has its new name.",
        Some("deleted") => "is deleted. Now revoke it where it came from.",
        Some("policy") => "may be used as you said.",
        Some("made") => "The vault is made. Add the first pair.",
        Some("imported") => "The pairs are stored. The next run uses them.",
        Some(_) | None => return html! {},
    };
    shell::notice(
        Tone::Good,
        html! { p { @if !name.is_empty() { strong.mono { (name) } " " } (text) } },
    )
}

fn missing(vault: &VaultPage, may_change: bool) -> Markup {
    let missing: Vec<&VaultEntry> =
        vault.entries.iter().filter(|entry| entry.state == EntryState::Missing).collect();
    if missing.is_empty() {
        return html! {};
    }
    shell::notice(
        Tone::Bad,
        html! {
            p { strong { "Runs are refused: blueprints use secrets that are nowhere." } }
            ul { @for entry in missing {
                li {
                    code { (entry.name) } " for " (blueprints_of(entry))
                    @if may_change && vault.has_file {
                        " · " a href={ "/vault?add=" (parts::segment(&entry.name)) "#add" } { "Set it" }
                    }
                }
            } }
        },
    )
}

fn no_vault(site: &Site, visitor: &Visitor, may_change: bool) -> Markup {
    let is_named = site.project.settings.vault.iter().any(|it| matches!(it, VaultSource::File));
    html! {
        section.card aria-label="No vault" {
            @if is_named {
                (parts::empty("This project has no vault yet.", Some("blueprint vault init")))
                @if may_change {
                    div.center {
                        (parts::form(visitor, "/vault/init", html! {
                            button.main { "Make the vault" }
                            p.soft.small {
                                "Its key becomes a file in the configuration folder of who runs this server."
                            }
                        }))
                    }
                }
            } @else {
                (parts::empty("The secrets of this project come from elsewhere, as project.yaml says; \
                    they are changed there.", None))
            }
        }
    }
}

fn table(site: &Site, entries: &[VaultEntry]) -> Markup {
    let now = site.now();
    html! {
        div.scroll { table.vault.stacked {
            thead { tr {
                th { "Name" } th { "Value" } th { "State" } th.num { "Version" } th { "Changed" }
                th { "Last used" } th { "Used by" } th { "Policy" }
            } }
            tbody { @for entry in entries {
                tr {
                    th.name scope="row" {
                        a href={ "/vault/keys/" (parts::segment(&entry.name)) } { (entry.name) } " "
                        (parts::copy("Copy", &format!("@{{vault.{}}}", entry.name)))
                        @if let Some(text) = note_of(site, &entry.name) { div.note.soft { (text) } }
                    }
                    td.fit.soft {
                        @if entry.provider.is_some() { span role="img" aria-label="hidden value" { (DOTS) } } @else { "–" }
                    }
                    td.fit { (state(entry)) }
                    td.num.fit data-label="Version" { @if entry.version > 0 { (entry.version) } @else { "–" } }
                    td.fit data-label="Changed" { @match entry.changed_at { Some(at) => (parts::time(at, now)), None => "–" } }
                    td.fit data-label="Last used" { @match entry.last_used { Some(at) => (parts::time(at, now)), None => span.soft { "never" } } }
                    td data-label="Used by" { (blueprints_of(entry)) }
                    td.small { (policy_line(entry)) }
                }
            } }
        } }
    }
}

/// Returns how a secret stands.
fn state(entry: &VaultEntry) -> Markup {
    let (word, sign, class) = match entry.state {
        EntryState::Missing => ("missing but used", "✕", "s-bad"),
        EntryState::Optional => ("missing, optional", "–", "s-mute"),
        EntryState::Unknown => ("cannot be told", "?", "s-warn"),
        EntryState::Set => ("set", "✓", "s-good"),
        EntryState::Unused => ("unused", "○", "s-mute"),
        EntryState::ReadOnly => ("read-only", "✓", "s-good"),
    };
    html! {
        (parts::State { word, sign, class }.pill())
        @if let (EntryState::ReadOnly, Some(provider)) = (entry.state, entry.provider) {
            " " span.soft.small { "from " (provider) }
        }
    }
}

/// Returns the blueprints that use a secret, each with how many fields do.
fn blueprints_of(entry: &VaultEntry) -> Markup {
    let mut names: Vec<(&str, usize)> = Vec::new();
    for it in &entry.uses {
        match names.iter_mut().find(|(name, _)| *name == it.blueprint) {
            Some((_, count)) => *count += 1,
            None => names.push((&it.blueprint, 1)),
        }
    }
    html! {
        @if names.is_empty() { span.soft { "nothing" } }
        @for (at, (name, count)) in names.iter().enumerate() {
            @if at > 0 { ", " }
            (parts::blueprint_link(name))
            @if *count > 1 { span.soft { " ×" (count) } }
        }
    }
}

fn policy_line(entry: &VaultEntry) -> Markup {
    let policy = &entry.policy;
    html! {
        @if policy.hosts.is_empty() { span.soft { "any host" } } @else {
            @for host in &policy.hosts { div { code { (host.to_string()) } } }
        }
        @if !policy.places.is_empty() { div { "in " (policy.places.len()) " places" } }
        @if !policy.blueprints.is_empty() { div { "for " (policy.blueprints.join(", ")) } }
        @if policy.may_reveal { div { span.tag { "may be revealed" } } }
        @if let Some(at) = policy.expires { div { "until " (at.strftime("%Y-%m-%d").to_string()) } }
    }
}

/// Returns what a blueprint says that a secret is for.
fn note_of(site: &Site, name: &str) -> Option<String> {
    let snapshot = site.catalogue.now();
    let mut notes = snapshot.entries.values().filter_map(|entry| entry.secret_notes.get(name));
    notes.next().cloned()
}

fn add_form(visitor: &Visitor, asked: &Asked, refused: &Refused) -> Markup {
    let name = match asked.add.as_deref().and_then(SecretName::parse) {
        Some(name) if refused.problem.is_none() => name.as_str().to_owned(),
        Some(_) | None => refused.name.clone(),
    };
    html! {
        section.card id="add" aria-labelledby="add-title" {
            header { h2 id="add-title" { "Add a pair" } }
            div.pad {
                @if let Some(problem) = &refused.problem { (refusal(problem)) }
                (parts::form(visitor, "/vault", html! { div.fields.vault-form {
                    div.field {
                        label for="name" { "Name" }
                        input.mono id="name" name="name" type="text" value=(name) required
                            pattern="[A-Za-z][A-Za-z0-9_\\-]*" placeholder="ACME_API_KEY" autocomplete="off"
                            autocapitalize="none" spellcheck="false"
                            autofocus[refused.problem.is_some() || asked.add.is_some()];
                        p.hint { "Letters, digits, _ and -, beginning with a letter." }
                    }
                    (value_field("value", asked.lines.is_some(), "/vault", &name))
                    div.field {
                        label for="hosts" { "Hosts that it may go to" }
                        input.mono id="hosts" name="hosts" type="text" value=(refused.hosts)
                            placeholder="any" autocomplete="off" spellcheck="false";
                        p.hint { "With commas between: api.acme.example, *.acme.example" }
                    }
                    (force_field(refused.is_weak))
                    div.actions { button.main { "Store" } }
                } }))
            }
        }
    }
}

/// Returns the field of a value: never filled, never remembered by the browser.
fn value_field(id: &str, has_lines: bool, page: &str, name: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { "Value" }
            @if has_lines {
                textarea.hidden-text id=(id) name="value" rows="6" required autocomplete="off"
                    autocapitalize="none" spellcheck="false" {}
                p.hint { "Goes to the server once and never comes back." }
            } @else {
                input id=(id) name="value" type="password" required autocomplete="off"
                    autocapitalize="none" spellcheck="false";
                p.hint {
                    "Goes to the server once and never comes back. "
                    a href={ (page) "?lines=1" @if !name.is_empty() { "&add=" (parts::segment(name)) } "#" (id) } {
                        "It has several lines"
                    }
                }
            }
        }
    }
}

/// Returns the choice to store a value that was refused as weak.
fn force_field(is_weak: bool) -> Markup {
    html! {
        @if is_weak { div.field.check {
            input id="force" name="force" type="checkbox" value="yes";
            label for="force" { "Store it all the same" }
            p.hint { "It is too short or plain to be searched for in texts, so it is not caught there." }
        } }
    }
}

/// Says why a form was refused.
fn refusal(problem: &Problem) -> Markup {
    shell::notice(
        Tone::Bad,
        html! {
            p { (problem.detail) @if let Some(code) = problem.code { " (" (code) ")" } }
            @if let Some(hint) = &problem.hint { p.soft { (hint) } }
        },
    )
}

/// Returns a page that says that a form was refused.
fn refused_with(problem: &Problem, page: Page) -> (StatusCode, Page) {
    (problem.status, page)
}
