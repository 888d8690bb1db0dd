//! The list of blueprints: what each is about, whether it is in order, how it did last.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use blueprint_model::{
    Severity,
    journal::{RunFilter, RunSummary},
};
use maud::{Markup, html};

use crate::{
    access::Visitor,
    catalogue::Entry,
    site::Site,
    ui::{
        parts,
        shell::{self, Fault, Page, Tab},
    },
};

/// How many runs are looked through for the last of each blueprint.
const LOOK_BACK: usize = 500;

/// Shows the list.
pub(super) async fn page(State(site): State<Arc<Site>>, visitor: Visitor) -> Result<Page, Fault> {
    let snapshot = site.catalogue.now();
    let filter = RunFilter { limit: Some(LOOK_BACK), ..RunFilter::default() };
    let mut last: BTreeMap<String, RunSummary> = BTreeMap::new();
    for run in site.journal.list(&filter).await? {
        last.entry(run.blueprint.clone()).or_insert(run);
    }
    let now = site.now();
    let body = html! {
        div.head { h1.grow { "Blueprints" } }
        section.card aria-label="Blueprints" {
            @if snapshot.entries.is_empty() {
                (parts::empty("This project has no blueprints yet.", Some("blueprint new hello")))
            } @else {
                div.scroll { table {
                    thead { tr {
                        th { "Name" } th { "Checked" } th.num.wide-only { "Blocks" } th { "Last run" }
                        th.wide-only { "File" }
                    } }
                    tbody {
                        @for entry in snapshot.entries.values() {
                            (row(entry, last.get(&entry.name), now))
                        }
                    }
                } }
            }
        }
    };
    Ok(shell::page(&site, &visitor, Tab::Blueprints, "Blueprints", &body))
}

fn row(entry: &Entry, last: Option<&RunSummary>, now: jiff::Timestamp) -> Markup {
    let blocks = entry.plan.as_ref().map(|plan| plan.blocks().len());
    html! {
        tr {
            td { a href={ "/blueprints/" (parts::segment(&entry.name)) } { b { (entry.name) } } }
            td { (checked(entry)) }
            td.num.wide-only { @if let Some(blocks) = blocks { (blocks) } }
            td {
                @match last {
                    Some(run) => {
                        a.plain-link href={ "/runs/" (run.run) } { (parts::phase(run.phase).text()) }
                        " " span.soft.nowrap { (parts::time(run.started, now)) }
                    }
                    None => span.soft { "never" },
                }
            }
            td.wide-only.mono.soft { (entry.source.file) }
        }
    }
}

/// Says what checking found.
pub(super) fn checked(entry: &Entry) -> Markup {
    let count = |severity: Severity| {
        entry.diagnostics.iter().filter(|found| found.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let words = |n: usize, noun: &str| blueprint_project::text::count(n, noun);
    html! {
        @if errors > 0 {
            span.state.s-bad { span.sign aria-hidden="true" { "✕" } (words(errors, "error")) }
            @if entry.plan.is_some() { span.soft.small { " an earlier version is in force" } }
        } @else if warnings > 0 {
            span.state.s-warn { span.sign aria-hidden="true" { "!" } (words(warnings, "warning")) }
        } @else {
            span.state.s-good { span.sign aria-hidden="true" { "✓" } "in order" }
        }
    }
}
