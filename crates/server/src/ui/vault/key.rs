//! One secret: what uses it, what may be done with it, and forms to change it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use blueprint_model::{SecretName, code};
use blueprint_project::vault::{EntryState, VaultEntry, policy_rows, sentence};
use maud::{Markup, html};

use super::{Asked, DOTS, done, force_field, look, note_of, refusal, state, value_field};
use crate::{
    access::Visitor,
    problem::Problem,
    site::Site,
    tokens::Scope,
    ui::{
        parts,
        shell::{self, Fault, Page, Tab},
    },
};

/// The forms of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Replaces the value.
    Value,
    /// Changes the policy.
    Policy,
    /// Renames.
    Name,
    /// Deletes.
    Delete,
}

/// What was refused, of which form.
pub(super) type Wrong<'p> = Option<(Part, &'p Problem)>;

/// Shows the page of a secret.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page, Fault> {
    show(&site, &visitor, &name, &asked, None).await
}

pub(super) async fn show(
    site: &Arc<Site>,
    visitor: &Visitor,
    name: &str,
    asked: &Asked,
    wrong: Wrong<'_>,
) -> Result<Page, Fault> {
    let vault = look(site).await?;
    let entry = vault.entries.iter().find(|entry| entry.name == name);
    // Only what can be a name is repeated.
    let entry = entry.ok_or_else(|| match SecretName::parse(name) {
        Some(name) => {
            Fault::not_found(format!("there is no secret `{name}`, and nothing uses one"))
        }
        None => Fault::not_found("there is no such secret"),
    })?;
    let is_ours = matches!(entry.state, EntryState::Set | EntryState::Unused);
    let is_missing = matches!(entry.state, EntryState::Missing | EntryState::Optional);
    let may_change = visitor.may(Scope::Secrets) && vault.has_file;
    let body = html! {
        div.head { div.grow {
            p.crumbs { a href="/vault" { "Vault" } " /" }
            h1.mono { (entry.name) }
        } (state(entry)) }
        (done(asked))
        @if let Some(text) = note_of(site, &entry.name) { p { (text) } }
        (facts(site, entry))
        (uses(entry))
        @if may_change && (is_ours || is_missing) { div.halves {
            (value_form(visitor, entry, asked, wrong))
            @if is_ours {
                (policy_form(visitor, entry, wrong))
                (rename_form(visitor, entry, wrong))
                (delete_form(visitor, entry, wrong))
            }
        } }
        @if entry.state == EntryState::ReadOnly {
            p.soft { "It comes from the source " code { (entry.provider.unwrap_or_default()) }
                ", and is changed there." }
        }
    };
    Ok(shell::page(site, visitor, Tab::Vault, &entry.name, &body))
}

fn facts(site: &Site, entry: &VaultEntry) -> Markup {
    let now = site.now();
    let reference = format!("@{{vault.{}}}", entry.name);
    html! {
        section.card aria-label="Facts" { div.pad { dl.pairs {
            dt { "Reference" } dd { code { (reference) } " " (parts::copy("Copy", &reference)) }
            @if entry.provider.is_some() {
                dt { "Value" } dd { span role="img" aria-label="hidden value" { (DOTS) } }
            }
            @if entry.version > 0 { dt { "Version" } dd { (entry.version) } }
            @if let Some(at) = entry.changed_at { dt { "Changed" } dd { (parts::time(at, now)) } }
            dt { "Last used" }
            dd { @match entry.last_used { Some(at) => (parts::time(at, now)), None => "never" } }
            @if entry.provider.is_some() {
                @for (word, value) in policy_rows(&entry.policy) { dt { (label(word)) } dd { (plainly(word, &value)) } }
            }
        } } }
    }
}

fn label(word: &str) -> &str {
    match word {
        "hosts" => "May go to",
        "places" => "May stand in",
        "blueprints" => "May be used by",
        "reveal" => "Scripts may see it",
        "expires" => "Is used until",
        other => other,
    }
}

fn plainly<'v>(word: &str, value: &'v str) -> &'v str {
    match (word, value) {
        ("reveal", "deny") => "never",
        ("reveal", "allow") => "where their block asks for it",
        (_, value) => value,
    }
}

fn uses(entry: &VaultEntry) -> Markup {
    html! {
        section.card aria-labelledby="uses" {
            header { h2 id="uses" { "Used by" } span.soft { (entry.uses.len()) " block fields" } }
            @if entry.uses.is_empty() {
                (parts::empty("No blueprint of this project uses it.", None))
            } @else {
                div.scroll { table.stacked {
                    thead { tr { th { "Blueprint" } th { "Line" } th { "Field, and where it goes" } } }
                    tbody { @for it in &entry.uses { tr {
                        td.fit { (parts::blueprint_link(&it.blueprint)) }
                        td.fit data-label="Line" { a href={ "/blueprints/" (parts::segment(&it.blueprint)) "?block="
                            (parts::segment(&it.planned.block)) "#L" (it.line) } { (it.line) } }
                        td { (sentence(&it.planned)) @if it.planned.is_optional { " " span.tag { "optional" } } }
                    } } }
                } }
            }
        }
    }
}

fn value_form(visitor: &Visitor, entry: &VaultEntry, asked: &Asked, wrong: Wrong<'_>) -> Markup {
    let address = address(entry, "");
    let problem = problem_of(wrong, Part::Value);
    let is_weak = problem.is_some_and(|problem| problem.code == Some(code::WEAK_SECRET));
    let is_there = entry.provider.is_some();
    html! {
        section.card aria-labelledby="value-title" {
            header { h2 id="value-title" { @if is_there { "Replace the value" } @else { "Set the value" } } }
            div.pad {
                @if let Some(problem) = problem { (refusal(problem)) }
                (parts::form(visitor, &address, html! { div.fields {
                    (value_field("value", asked.lines.is_some(), &address, ""))
                    (force_field(is_weak))
                    div.actions { button.main { @if is_there { "Replace" } @else { "Store" } } }
                } }))
            }
        }
    }
}

fn policy_form(visitor: &Visitor, entry: &VaultEntry, wrong: Wrong<'_>) -> Markup {
    let policy = &entry.policy;
    let hosts: Vec<String> = policy.hosts.iter().map(ToString::to_string).collect();
    let expires = policy.expires.map_or_else(String::new, |at| format!("{at:.0}"));
    html! {
        section.card aria-labelledby="policy-title" {
            header { h2 id="policy-title" { "What may be done with it" } }
            div.pad {
                @if let Some(problem) = problem_of(wrong, Part::Policy) { (refusal(problem)) }
                (parts::form(visitor, &address(entry, "/policy"), html! { div.fields {
                    div.field {
                        label for="hosts" { "Hosts that it may go to" }
                        input.mono id="hosts" name="hosts" type="text" value=(hosts.join(", "))
                            placeholder="any" autocomplete="off" spellcheck="false";
                        p.hint { "With commas between. A blueprint can narrow this, never widen it." }
                    }
                    div.field {
                        label for="expires" { "Is used until" }
                        input id="expires" name="expires" type="text" value=(expires)
                            placeholder="never" autocomplete="off";
                        p.hint { "A date, a time, or a span from now: 2027-01-31, 90d" }
                    }
                    div.field.check {
                        input id="reveal" name="reveal" type="checkbox" value="yes" checked[policy.may_reveal];
                        label for="reveal" { "Scripts may see the value" }
                        p.hint { "Where their block asks for it with " code { "reveal" } "." }
                    }
                    div.actions { button { "Save" } }
                } }))
            }
        }
    }
}

fn rename_form(visitor: &Visitor, entry: &VaultEntry, wrong: Wrong<'_>) -> Markup {
    html! {
        section.card aria-labelledby="rename-title" {
            header { h2 id="rename-title" { "Rename" } }
            div.pad {
                @if let Some(problem) = problem_of(wrong, Part::Name) { (refusal(problem)) }
                @if !entry.uses.is_empty() {
                    p { "Blueprints name it as " code { (entry.name) } ", and their runs are refused until \
                        they say the new name." }
                }
                (parts::form(visitor, &address(entry, "/rename"), html! { div.fields {
                    div.field {
                        label for="new-name" { "New name" }
                        input.mono id="new-name" name="name" type="text" required autocomplete="off"
                            autocapitalize="none" spellcheck="false" pattern="[A-Za-z][A-Za-z0-9_\\-]*";
                    }
                    div.actions { button { "Rename" } }
                } }))
            }
        }
    }
}

fn delete_form(visitor: &Visitor, entry: &VaultEntry, wrong: Wrong<'_>) -> Markup {
    let needed: Vec<_> = entry.uses.iter().filter(|it| !it.planned.is_optional).collect();
    html! {
        section.card.danger-zone aria-labelledby="delete-title" {
            header { h2 id="delete-title" { "Delete" } }
            div.pad {
                @if let Some(problem) = problem_of(wrong, Part::Delete) { (refusal(problem)) }
                @if needed.is_empty() {
                    p { "No run needs it." }
                } @else {
                    p { strong { "These break:" } }
                    ul.breaks { @for it in &needed {
                        li { (it.blueprint) ": " code { (it.planned.block) "." (it.planned.field) } }
                    } }
                }
                (parts::form(visitor, &address(entry, "/delete"), html! { div.fields {
                    div.field {
                        label for="typed-name" { "Type the name to delete it for good" }
                        input.mono id="typed-name" name="name" type="text" required autocomplete="off"
                            autocapitalize="none" spellcheck="false";
                    }
                    div.actions { button.danger { "Delete" } }
                } }))
            }
        }
    }
}

fn problem_of<'p>(wrong: Wrong<'p>, part: Part) -> Option<&'p Problem> {
    wrong.and_then(|(at, problem)| (at == part).then_some(problem))
}

fn address(entry: &VaultEntry, below: &str) -> String {
    format!("/vault/keys/{}{below}", parts::segment(&entry.name))
}
