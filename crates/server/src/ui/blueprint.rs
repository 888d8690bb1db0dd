//! A blueprint: its graph and its text, a form that starts it, and its last runs.

pub(super) mod source;

use std::sync::Arc;

use axum::{
    extract::{Form, Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use blueprint_engine::{Origin, Plan};
use blueprint_model::{
    Diagnostic, Value,
    diagnostic::did_you_mean,
    journal::{RunFilter, RunSummary},
};
use blueprint_project::{
    drawing::{Drawing, Mark, Node},
    text,
};
use maud::{Markup, html};

use crate::{
    access::Visitor,
    catalogue::{Entry, Snapshot},
    runs::{self, Wanted},
    site::Site,
    tokens::Scope,
    ui::{
        blueprints,
        form::{self, Faults, Typed},
        graph, parts,
        shell::{self, Fault, Page, Tab, Tone},
    },
};

/// How many of its runs are shown.
const LAST: usize = 8;
/// The name of the field for what a trigger would bring, where a blueprint names no inputs.
const PAYLOAD: &str = "_payload";

/// Pairs of an address or a form.
type Pairs = Vec<(String, String)>;

/// What was typed, and what is wrong with it.
#[derive(Default)]
struct Attempt {
    typed: Option<Typed>,
    payload: String,
    faults: Faults,
}

/// Shows a blueprint. The address may name a block to point out, and inputs: `?in.city=Oslo`.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Result<Page, Fault> {
    let typed = form::typed(&pairs);
    let attempt = Attempt { typed: (!typed.is_empty()).then_some(typed), ..Attempt::default() };
    show(&site, &visitor, &name, &pairs, attempt).await
}

/// Starts a run with what was typed; what is wrong with it is shown beside the fields.
pub(super) async fn start(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Fault> {
    let snapshot = site.catalogue.now();
    let plan = runs::plan_of(&snapshot, &name)?;
    let fields = form::of_schema(&plan.inputs);
    let typed = form::typed(&pairs);
    let (inputs, mut faults) = form::read(&fields, &typed);
    let payload = value_of(&pairs, PAYLOAD).unwrap_or_default().to_owned();
    let inputs = match (fields.is_empty(), payload.trim()) {
        (true, "") | (false, _) => inputs,
        (true, text) => serde_json::from_str(text).unwrap_or_else(|err| {
            faults.entry(PAYLOAD.into()).or_default().push(format!("must be JSON: {err}"));
            Value::Null
        }),
    };
    if faults.is_empty()
        && let Err(misfits) = plan.inputs_from(&inputs)
    {
        faults = form::sort(&fields, misfits);
    }
    if !faults.is_empty() {
        let attempt = Attempt { typed: Some(typed), payload, faults };
        let page = show(&site, &visitor, &name, &pairs, attempt).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let origin = Origin { trigger: "ui".into(), ..Origin::default() };
    let payload = inputs.clone();
    let wanted = Wanted { blueprint: name, inputs, payload, origin, timeout: None };
    let started = runs::start(&site, wanted).await?;
    Ok(Redirect::to(&format!("/runs/{}", started.run)).into_response())
}

async fn show(
    site: &Site,
    visitor: &Visitor,
    name: &str,
    pairs: &Pairs,
    attempt: Attempt,
) -> Result<Page, Fault> {
    let snapshot = site.catalogue.now();
    let entry = entry(&snapshot, name)?;
    let filter =
        RunFilter { blueprint: Some(name.into()), limit: Some(LAST), ..RunFilter::default() };
    let last = site.journal.list(&filter).await?;
    let body = html! {
        div.head {
            div.grow {
                p.crumbs { a href="/blueprints" { "Blueprints" } }
                h1 { (entry.name) }
                ul.facts {
                    li { (blueprints::checked(entry)) }
                    li.mono { (entry.source.file) }
                    @if let Some(plan) = &entry.plan {
                        li { (text::count(plan.blocks().len(), "block")) }
                    }
                }
            }
            div.actions {
                (parts::copy("Copy command", &format!("blueprint run {}", entry.name)))
                @if entry.plan.is_some() && visitor.may(Scope::Run) {
                    a.button.main href="#run" { "Run…" }
                }
            }
        }
        (stale(entry))
        (picture(entry, value_of(pairs, "block"), value_of(pairs, "line")))
        div.columns {
            @if let Some(plan) = &entry.plan {
                @if visitor.may(Scope::Run) { (starter(plan, visitor, &attempt)) }
            }
            (last_runs(&last, site.now(), &entry.name))
        }
    };
    Ok(shell::page(site, visitor, Tab::Blueprints, &entry.name, &body))
}

fn entry<'s>(snapshot: &'s Snapshot, name: &str) -> Result<&'s Entry, Fault> {
    snapshot.entries.get(name).ok_or_else(|| {
        let near = did_you_mean(name, snapshot.entries.keys().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!(": did you mean `{near}`?"));
        Fault::not_found(format!("there is no blueprint `{name}`{near}"))
    })
}

fn value_of<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Says that the file is not what is in force.
fn stale(entry: &Entry) -> Markup {
    if !entry.is_stale() {
        return html! {};
    }
    let errors = entry.diagnostics.iter().filter(|found| found.is_error());
    let first = errors.clone().next().map(|found| entry.source.position(found.span.start).0);
    shell::notice(
        Tone::Bad,
        html! {
            p {
                b {
                    @match entry.plan {
                        Some(_) => "The file has errors. The last version without any is in force.",
                        None => "The file has errors, so it cannot run.",
                    }
                }
                " It was found in: " code { "blueprint check" }
                @if let Some(line) = first { " – " a href={ "#L" (line) } { "to the first" } }
            }
            ul { @for found in errors.take(5) {
                @let line = entry.source.position(found.span.start).0;
                li { a href={ "#L" (line) } { "line " (line) } ": " (found.message) }
            } }
        },
    )
}

/// Shows graph and text beside each other.
fn picture(entry: &Entry, block: Option<&str>, line: Option<&str>) -> Markup {
    let current = entry.plan.as_ref().filter(|_| !entry.is_stale());
    let places = current.map(|plan| source::places(&entry.source, &plan.outline()));
    let places = places.unwrap_or_default();
    let asked = line.and_then(|line| line.parse::<usize>().ok());
    let block = block.or_else(|| source::block_at(&places, asked?));
    let chosen = block.and_then(|block| places.get(block).cloned());
    let chosen = chosen.or_else(|| asked.map(|line| line..=line));
    let worst = |id: &str| {
        let own = entry.diagnostics.iter().filter(|found| {
            let line = entry.source.position(found.span.start).0;
            source::block_at(&places, line) == Some(id)
        });
        own.max_by_key(|found| found.severity)
    };
    let mark = |node: &Node| {
        let found = worst(&node.id);
        let class = match found.map(Diagnostic::is_error) {
            None => "",
            Some(true) => "s-bad",
            Some(false) => "s-warn",
        };
        let selected = if block == Some(node.id.as_str()) { " selected" } else { "" };
        Mark {
            href: format!("?block={}", parts::segment(&node.id)),
            class: format!("{class}{selected}"),
            sign: found.map_or(String::new(), |_| "!".into()),
            words: found.map_or(String::new(), |found| found.message.clone()),
            ..Mark::default()
        }
    };
    html! {
        div.split {
            @if let Some(plan) = &entry.plan {
                section.card aria-labelledby="graph" {
                    header {
                        h2 id="graph" { "Graph" }
                        @if entry.is_stale() { span.tag { "of the version in force" } }
                    }
                    (graph::graph(&Drawing::of(&entry.name, plan.outline()), &mark))
                }
            }
            section.card aria-labelledby="text" {
                header {
                    h2 id="text" { "Text" }
                    @if let Some(block) = block { span.tag { (block) } a.small href="?" { "clear" } }
                }
                (source::show(&entry.source, &entry.diagnostics, chosen.as_ref()))
            }
        }
    }
}

fn starter(plan: &Plan, visitor: &Visitor, attempt: &Attempt) -> Markup {
    let fields = form::of_schema(&plan.inputs);
    let other = attempt.faults.get("").map_or(&[][..], Vec::as_slice);
    let wrong = attempt.faults.get(PAYLOAD).map_or(&[][..], Vec::as_slice);
    html! {
        section.card id="run" aria-labelledby="run-title" {
            header { h2 id="run-title" { "Run it" } }
            div.pad { form.fields method="post" action={ "/blueprints/" (parts::segment(&plan.name)) } {
                (parts::csrf(visitor))
                @for fault in other { (shell::notice(Tone::Bad, html! { (fault) })) }
                @if !attempt.faults.is_empty() {
                    p.wrong role="alert" { "Not started: some inputs do not fit." }
                }
                @if fields.is_empty() {
                    p.soft { "It names no inputs." }
                    details open[!attempt.payload.is_empty()] {
                        summary { "Payload, as a trigger would bring it" }
                        div.field {
                            label.sr for=(PAYLOAD) { "Payload" }
                            textarea id=(PAYLOAD) name=(PAYLOAD) placeholder="{}" { (attempt.payload) }
                            @for fault in wrong { p.wrong { "✕ " (fault) } }
                        }
                    }
                }
                (form::fields(&fields, attempt.typed.as_ref(), &attempt.faults))
                div.actions { button.main type="submit" { "Start run" } }
            } }
        }
    }
}

fn last_runs(runs: &[RunSummary], now: jiff::Timestamp, name: &str) -> Markup {
    html! {
        section.card aria-labelledby="last" {
            header {
                h2 id="last" { "Last runs" }
                a href={ "/runs?blueprint=" (parts::segment(name)) } { "all" }
            }
            @if runs.is_empty() {
                (parts::empty("It has not run yet.", Some(&format!("blueprint run {name}"))))
            } @else {
                (parts::runs_table(runs, now, false))
            }
        }
    }
}
