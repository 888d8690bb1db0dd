//! A run: its graph, its timeline and its list, one selection for all, as it happens.

mod act;
mod compare;
mod fold;
mod follow;
mod grid;
mod panel;
mod rows;
mod shape;
mod stream;
mod value;
mod views;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use blueprint_model::{
    RunId,
    event::CancelReason,
    journal::{OpenQuestion, Phase, QuestionFilter, RunSummary},
};
use blueprint_project::{answers, tail};
use maud::{Markup, html};
use serde::Deserialize;

pub(crate) use self::follow::Folds;
pub(super) use self::{
    act::{answer, cancel, resume, retry},
    compare::page as compare,
    panel::{panel, result},
    stream::stream,
};
use self::{
    follow::Followed,
    views::{Looked, View},
};
use crate::{
    access::Visitor,
    site::Site,
    tokens::Scope,
    ui::{
        parts,
        shell::{self, Fault, Page, Tab, Tone},
    },
};

/// What of a run is looked at. All of it is in the address.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Selection {
    /// The block, by its path in the run.
    block: Option<String>,
    /// Graph, timeline or list.
    #[serde(default)]
    view: View,
    /// Only blocks that stand like this, in the list.
    state: Option<String>,
    /// From which item on, in the grid of a loop.
    #[serde(default)]
    from: usize,
}

/// Shows a run.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Path(typed): Path<String>,
    Query(selection): Query<Selection>,
) -> Result<Page, Fault> {
    let run = RunId::new(&typed);
    let (summary, followed) = open(&site, &run).await?;
    let looked = Looked { followed: &followed, summary: &summary, selection: &selection };
    let filter = QuestionFilter { run: Some(run.clone()), ..QuestionFilter::default() };
    let open = site.journal.questions(&filter).await?;
    let open: Vec<OpenQuestion> = match open.is_empty() {
        true => open,
        false => {
            let handles = tail::handles(&*site.journal, &run).await?;
            open.into_iter().map(|open| answers::as_shown(open, &handles)).collect()
        }
    };
    let panel = panel::show(&site, &visitor, &followed, run.as_str(), &selection).await?;
    let body = html! {
        div.run data-run=(run) data-seq=(followed.fold.seq)
            data-ended[summary.phase.is_ended()] data-phase=(summary.phase.as_str()) {
            (head(&site, &visitor, &summary, &followed))
            (ending(&summary, &followed))
            @for question in &open {
                (shell::notice(Tone::Note, html! {
                    "Waits for an answer at "
                    a href=(looked.href(&question.block.to_string())) { (question.block) }
                }))
            }
            div.notice.n-warn id="stream-state" role="status" hidden {}
            div.split.run-split {
                section.card aria-labelledby="view" id="views" { (views::show(&looked)) }
                section.card id="panel" aria-label="Details" { (panel) }
            }
        }
    };
    let title = format!("Run {}", run.short());
    Ok(shell::page(&site, &visitor, Tab::Runs, &title, &body))
}

/// Shows the graph, the timeline or the list alone, to be put in the place of an older one.
pub(super) async fn view(
    State(site): State<Arc<Site>>,
    Path(typed): Path<String>,
    Query(selection): Query<Selection>,
) -> Result<Page, Fault> {
    let (summary, followed) = open(&site, &RunId::new(&typed)).await?;
    let looked = Looked { followed: &followed, summary: &summary, selection: &selection };
    Ok(shell::fragment(views::show(&looked)))
}

async fn open(site: &Site, run: &RunId) -> Result<(RunSummary, Followed), Fault> {
    let none = || Fault::not_found(format!("there is no run `{run}`"));
    let head = site.journal.head(run).await?.ok_or_else(none)?;
    let followed = follow::follow(site, run).await?.ok_or_else(none)?;
    Ok((head.summary, followed))
}

fn head(site: &Site, visitor: &Visitor, summary: &RunSummary, followed: &Followed) -> Markup {
    let now = site.now();
    let (done, all) = followed.fold.progress();
    let run = &summary.run;
    html! {
        div.head {
            div.grow {
                p.crumbs {
                    a href="/runs" { "Runs" } " / "
                    (parts::blueprint_link(&summary.blueprint))
                }
                h1 { "Run " span.mono title=(run) { (run.short()) } }
                ul.facts {
                    li id="run-state" { (parts::phase(summary.phase).pill()) }
                    li { "started " (parts::time(summary.started, now)) " by " b { (summary.trigger) } }
                    li { (parts::took(summary, now)) }
                    li { span id="run-done" { (parts::grouped(usize::try_from(done).unwrap_or(0))) }
                        " of " span id="run-all" { (parts::grouped(usize::try_from(all).unwrap_or(0))) }
                        " blocks over" }
                }
            }
            div.actions {
                @if !summary.phase.is_ended() {
                    button.small.js-only id="pause" type="button" aria-pressed="false" { "Pause view" }
                }
                a.button.small href={ "/runs/" (run) "/compare" } { "Compare" }
                (copies(summary))
                @if visitor.may(Scope::Run) { (acts(visitor, summary)) }
            }
        }
    }
}

/// Buttons that copy what starts such a run elsewhere.
fn copies(summary: &RunSummary) -> Markup {
    let name = &summary.blueprint;
    let command = format!("blueprint run {name}");
    let curl = format!(
        "curl -X POST -H \"Authorization: Bearer $BLUEPRINT_TOKEN\" -H 'Content-Type: application/json' \
         -d '{{}}' \"$BLUEPRINT_URL/api/v1/blueprints/{name}/runs\""
    );
    html! { (parts::copy("Copy command", &command)) (parts::copy("Copy curl", &curl)) }
}

fn acts(visitor: &Visitor, summary: &RunSummary) -> Markup {
    let form = |act: &str, body: Markup| {
        parts::form(visitor, &format!("/runs/{}/{act}", summary.run), body)
    };
    html! {
        @if summary.phase == Phase::Interrupted {
            (form("resume", html! { button.main type="submit" { "Resume" } }))
        }
        @if summary.phase.is_ended() {
            (form("retry", html! {
                button.main type="submit" title="A new run with the same inputs and the blueprint as it is now" {
                    "Retry"
                }
            }))
        } @else {
            (form("cancel", html! { button.danger type="submit" { "Cancel run" } }))
        }
    }
}

/// Says how the run ended, where that is worth more than a word.
fn ending(summary: &RunSummary, followed: &Followed) -> Markup {
    let fold = &followed.fold;
    let error = fold.end.as_ref().and_then(|end| end.error.as_ref());
    html! {
        @if let Some(error) = error {
            (shell::notice(Tone::Bad, html! {
                p {
                    a href={ "?block=" (parts::segment(&error.block)) } { b { (error.block) } }
                    " ended with " b { (error.outcome) } ", which no edge handles: " (error.message)
                }
            }))
        }
        @if let Some(reason) = fold.cancel {
            (shell::notice(Tone::Warn, html! {
                @match reason {
                    CancelReason::Requested => "Somebody asked the run to stop.",
                    CancelReason::Deadline => "The run's time was up.",
                    CancelReason::Returned | CancelReason::Failed | CancelReason::Timeout => {
                        "The run was stopped."
                    }
                }
            }))
        }
        @if summary.phase == Phase::Interrupted {
            (shell::notice(Tone::Warn, html! {
                "The process that worked on this run is gone. It can be resumed: what was in flight starts again."
            }))
        }
        @if followed.shape.plan.is_none() {
            (shell::notice(Tone::Warn, html! {
                "This version of the program finds a fault in the blueprint of this run, so there is no graph."
            }))
        }
    }
}
