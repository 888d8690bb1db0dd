//! The start page: what fails, what waits for an answer, what runs, what fires next.

use std::sync::Arc;

use axum::extract::State;
use blueprint_model::journal::{OpenQuestion, Phase, QuestionFilter, RunFilter, RunSummary};
use blueprint_project::{answers, tail};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::{
    access::Visitor,
    catalogue::Snapshot,
    site::Site,
    triggers::list::{self, Listed},
    ui::{
        parts,
        shell::{self, Fault, Page, Tab, Tone},
    },
};

/// How many of each sort are shown.
const SHOWN: usize = 8;
/// How far back failures are of interest.
const FAILURES: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Shows the start page.
pub(super) async fn page(State(site): State<Arc<Site>>, visitor: Visitor) -> Result<Page, Fault> {
    let now = site.now();
    let some = |phases: &[Phase]| RunFilter {
        phases: phases.to_vec(),
        limit: Some(SHOWN),
        ..RunFilter::default()
    };
    let since = now.checked_sub(FAILURES).ok();
    let failed = RunFilter { since, ..some(&[Phase::Failed, Phase::Interrupted]) };
    let failed = site.journal.list(&failed).await?;
    let running = site.journal.list(&some(&[Phase::Running, Phase::Waiting])).await?;
    let last = site.journal.list(&some(&[])).await?;
    let questions = site.journal.questions(&QuestionFilter::default()).await?;
    let questions = shown(&site, questions).await?;
    let triggers = list::triggers(&site).await?;
    let snapshot = site.catalogue.now();
    let body = html! {
        div.head { h1.grow { (site.name()) } }
        (faulty(&snapshot))
        @if last.is_empty() { (first_steps(&snapshot)) }
        @if !questions.is_empty() { (answers(&questions, now)) }
        div.columns {
            (runs("Failing", "/runs?state=failed", &failed, now, "Nothing has failed in the last seven days."))
            (runs("Running", "/runs?state=running", &running, now, "Nothing is at work."))
        }
        (fires_next(&triggers, now))
        (runs("Last runs", "/runs", &last, now, "Nothing has run yet."))
    };
    Ok(shell::page(&site, &visitor, Tab::Start, "Start", &body))
}

/// Returns the oldest questions as they are shown.
async fn shown(site: &Site, questions: Vec<OpenQuestion>) -> Result<Vec<OpenQuestion>, Fault> {
    let mut shown = Vec::new();
    for open in questions.into_iter().take(SHOWN) {
        let handles = tail::handles(&*site.journal, &open.run).await?;
        shown.push(answers::as_shown(open, &handles));
    }
    Ok(shown)
}

fn runs(title: &str, all: &str, runs: &[RunSummary], now: Timestamp, none: &str) -> Markup {
    html! {
        section.card aria-label=(title) {
            header { h2 { (title) } a.small href=(all) { "all" } }
            @if runs.is_empty() {
                (parts::empty(none, None))
            } @else {
                (parts::runs_table(runs, now, true))
            }
        }
    }
}

/// Names the blueprints whose files have errors.
fn faulty(snapshot: &Snapshot) -> Markup {
    let faulty = snapshot.entries.values().filter(|entry| entry.is_stale());
    let names: Vec<&str> = faulty.map(|entry| entry.name.as_str()).collect();
    if names.is_empty() {
        return html! {};
    }
    shell::notice(
        Tone::Bad,
        html! {
            "Blueprints with errors: "
            @for (n, name) in names.iter().enumerate() {
                @if n > 0 { ", " }
                (parts::blueprint_link(name))
            }
        },
    )
}

fn answers(questions: &[OpenQuestion], now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="answers" {
            header { h2 id="answers" { "Waits for an answer" } }
            div.scroll { table {
                thead { tr {
                    th { "What" } th { "Blueprint" } th.wide-only { "Block" } th { "Since" } th.wide-only { "Until" }
                } }
                tbody { @for open in questions {
                    @let block = open.block.to_string();
                    tr {
                        td {
                            a href={ "/runs/" (open.run) "?block=" (parts::segment(&block)) } {
                                @match open.question.kind {
                                    blueprint_model::journal::QuestionKind::Approval => (open.question.name),
                                    blueprint_model::journal::QuestionKind::Event => {
                                        "event " code { (open.question.name) }
                                    }
                                }
                            }
                        }
                        td.fit { (parts::blueprint_link(&open.blueprint)) }
                        td.fit.mono.wide-only { (block) }
                        td.fit { (parts::time(open.since, now)) }
                        td.fit.wide-only {
                            @match open.question.until {
                                Some(until) => (parts::time(until, now)),
                                None => span.soft { "no end" },
                            }
                        }
                    }
                } }
            } }
        }
    }
}

/// Shows which schedules fire next.
fn fires_next(triggers: &[Listed], now: Timestamp) -> Markup {
    let mut next: Vec<(Timestamp, &Listed)> =
        triggers.iter().filter_map(|it| Some((*it.next.first()?, it))).collect();
    next.sort_by_key(|(time, _)| *time);
    html! {
        section.card aria-labelledby="next" {
            header {
                h2 id="next" { "Fires next" }
                a.small href="/triggers" { "all triggers" }
            }
            @if next.is_empty() {
                (parts::empty("No blueprint has a schedule.", None))
            } @else {
                div.scroll { table {
                    thead { tr { th { "When" } th { "Blueprint" } th { "Schedule" } } }
                    tbody { @for (time, trigger) in next.iter().take(SHOWN) { tr {
                        td.fit { (parts::time(*time, now)) }
                        td { (parts::blueprint_link(&trigger.blueprint)) }
                        td.mono { (trigger.schedule.as_deref().unwrap_or("")) }
                    } } }
                } }
            }
        }
    }
}

/// Says what to do first.
fn first_steps(snapshot: &Snapshot) -> Markup {
    html! {
        section.card aria-label="First steps" {
            @match snapshot.entries.keys().next() {
                None => (parts::empty("This project has no blueprints yet. Make one:", Some("blueprint new hello"))),
                Some(name) => {
                    div.empty {
                        p { "Nothing has run yet. Start " (parts::blueprint_link(name)) " here, or type:" }
                        p { code { "blueprint run " (name) } }
                    }
                }
            }
        }
    }
}
