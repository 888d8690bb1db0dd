//! In what a run differs from another run of the same blueprint.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use blueprint_model::{
    Value,
    journal::{RunFilter, RunSummary},
};
use blueprint_project::{
    compare::{self, Difference, Times},
    history::Kept,
    text,
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    access::Visitor,
    acts,
    site::Site,
    ui::{
        parts,
        shell::{self, Fault, Page, Tab, Tone},
    },
};

/// How many other runs can be chosen.
const CHOICES: usize = 20;
/// The most differences that are shown.
const SHOWN: usize = 200;
/// The most characters of a value that are shown.
const MAX_VALUE: usize = 300;

/// With which run.
#[derive(Deserialize)]
pub(in crate::ui) struct Asked {
    with: Option<String>,
}

/// Shows the differences; without another run in the address, to the one before.
pub(in crate::ui) async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Path(run): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Page, Fault> {
    let one = Kept::of(acts::history(&site, &run).await?);
    let summary = &one.history.summary;
    let filter = RunFilter {
        blueprint: Some(summary.blueprint.clone()),
        limit: Some(CHOICES),
        ..RunFilter::default()
    };
    let mut others = site.journal.list(&filter).await?;
    others.retain(|other| other.run != summary.run);
    let before = others.iter().find(|other| other.started < summary.started).or(others.first());
    let before = before.map(|other| other.run.as_str().to_owned());
    let with = asked.with.filter(|with| !with.is_empty()).or(before);
    let other = match &with {
        None => None,
        Some(with) => Some(Kept::of(acts::history(&site, with).await?)),
    };
    let body = html! {
        div.head { div.grow {
            p.crumbs { a href={ "/runs/" (summary.run) } { "Run " (summary.run.short()) } }
            h1 { "Compare runs of " (summary.blueprint) }
        } }
        @match &other {
            None => (parts::empty("There is no other run of this blueprint.", None)),
            Some(other) => {
                (choice(&others, &other.history.summary, site.now()))
                (table(&one, other))
            }
        }
    };
    Ok(shell::page(&site, &visitor, Tab::Runs, "Compare runs", &body))
}

fn choice(others: &[RunSummary], chosen: &RunSummary, now: jiff::Timestamp) -> Markup {
    html! {
        form.filters method="get" {
            div.field {
                label for="with" { "With run" }
                select id="with" name="with" {
                    @for other in others {
                        option value=(other.run) selected[other.run == chosen.run] {
                            (other.run.short()) ", " (parts::phase(other.phase).word) ", "
                            (text::relative(other.started, now))
                        }
                    }
                }
            }
            button type="submit" { "Compare" }
        }
    }
}

fn table(one: &Kept, other: &Kept) -> Markup {
    let differences = compare::differences(one, other, Times::Left);
    html! {
        @if !compare::has_same_text(one, other) {
            (shell::notice(Tone::Warn, html! { "The blueprint has changed between these runs." }))
        }
        section.card aria-label="Differences" {
            @if differences.is_empty() {
                (parts::empty("They do not differ: same inputs, same ends, same results.", None))
            } @else {
                div.scroll { table {
                    thead { tr {
                        th { "What" } th { "Where" }
                        th { (one.history.summary.run.short()) }
                        th { (other.history.summary.run.short()) }
                    } }
                    tbody { @for difference in differences.iter().take(SHOWN) { (row(difference)) } }
                } }
            }
            @if differences.len() > SHOWN {
                p.empty { (parts::grouped(differences.len() - SHOWN)) " more" }
            }
        }
    }
}

fn row(difference: &Difference) -> Markup {
    let short = |value: &Value| match value {
        Value::String(value) => text::fit(value, MAX_VALUE),
        value => text::fit(&value.to_string(), MAX_VALUE),
    };
    html! {
        tr {
            td.mono { (difference.what) }
            td.soft { (difference.aspect) " " span.mono { (difference.path) } }
            td.mono { (short(&difference.one)) }
            td.mono { (short(&difference.other)) }
        }
    }
}
