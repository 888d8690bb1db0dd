//! A block of a run: why it stands where it stands, what it was given, what it left.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use blueprint_engine::why::{Stands, Why};
use blueprint_model::{
    Event, EventKind, Value,
    block::Level,
    event::CancelReason,
    journal::{OpenQuestion, QuestionFilter, QuestionKind},
    value::Shared,
};
use blueprint_project::{
    answers,
    history::{self, End, Entry, Kept},
    tail::{self, Tail},
    text, why,
};
use maud::{Markup, html};

use super::{Selection, fold, follow::Followed, grid, value};
use crate::{
    access::Visitor,
    acts,
    site::Site,
    tokens::Scope,
    ui::{
        blueprint::source,
        form::{self, Faults, Typed},
        parts,
        shell::{self, Fault, Page, Tone},
    },
};

/// The most lines of a log that are shown.
const MAX_LOGS: usize = 200;

/// A block that is looked at.
struct Block<'r> {
    site: &'r Site,
    visitor: &'r Visitor,
    kept: &'r Kept,
    followed: &'r Followed,
    /// Its path in the run.
    path: &'r str,
    /// Its path without items.
    id: String,
    /// Its events.
    events: Vec<Event>,
}

/// Answers with what is known of a block, to be put into the page.
pub(in crate::ui) async fn panel(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Path(run): Path<String>,
    Query(selection): Query<Selection>,
) -> Result<Page, Fault> {
    let (_, followed) = super::open(&site, &blueprint_model::RunId::new(&run)).await?;
    let shown = show(&site, &visitor, &followed, &run, &selection).await?;
    Ok(shell::fragment(shown))
}

/// Answers with the whole result of a block, as it is shown, as a file.
pub(in crate::ui) async fn result(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
    Query(selection): Query<Selection>,
) -> Result<Response, Fault> {
    let kept = Kept::of(acts::history(&site, &run).await?);
    let path = selection.block.unwrap_or_default();
    let events = of_block(&kept, &path);
    let result = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::BlockFinished { result, .. } => Some(result.clone()),
        _ => None,
    });
    let result = result.ok_or_else(|| Fault::not_found("the block has left no result"))?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"result.json\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, format!("{:#}\n", *result)).into_response())
}

/// Shows the selected block; without one, what the run was given and what it gave.
pub(super) async fn show(
    site: &Site,
    visitor: &Visitor,
    followed: &Followed,
    run: &str,
    selection: &Selection,
) -> Result<Markup, Fault> {
    let Some(path) = selection.block.as_deref().filter(|path| !path.is_empty()) else {
        return whole(site, run).await;
    };
    let kept = Kept::of(acts::history(site, run).await?);
    let id = fold::without_items(path);
    let events = of_block(&kept, path);
    let is_body = path.ends_with(']');
    let row = followed.fold.row(&id);
    let is_many = events.is_empty() && row.is_some_and(|row| row.instances > 0) && id == *path;
    if is_body || is_many {
        return Ok(grid::many(&kept, followed, path, selection.from));
    }
    let filter = QuestionFilter { run: Some(kept.history.summary.run.clone()), ..<_>::default() };
    let open = site.journal.questions(&filter).await?;
    let open = open.into_iter().map(|open| answers::as_shown(open, &kept.secrets));
    let open: Vec<OpenQuestion> = open.filter(|open| open.block.to_string() == *path).collect();
    let block = Block { site, visitor, kept: &kept, followed, path, id, events };
    Ok(block.show(&open, selection))
}

fn of_block(kept: &Kept, path: &str) -> Vec<Event> {
    let is_it = |event: &&Event| {
        event.kind.block().is_some_and(|(_, block)| {
            path.strip_prefix(&*block.scope).is_some_and(|id| *id == *block.id)
        })
    };
    kept.events.iter().filter(is_it).cloned().collect()
}

/// Shows what the run was given and what it gave. Of its events, only the first and the last are read.
async fn whole(site: &Site, run: &str) -> Result<Markup, Fault> {
    let run = acts::find(site, run).await?.summary.run;
    let first = match Tail::open(&*site.journal, &run, 0).await? {
        Some((_, mut tail)) => tail.next(&*site.journal, 1).await?.pop(),
        None => None,
    };
    let inputs = match first.map(|event| event.kind) {
        Some(EventKind::RunStarted { inputs, .. }) => inputs,
        _ => Shared::default(),
    };
    let last = tail::last(&*site.journal, &run).await?.and_then(|(_, last)| last);
    let value = match last.map(|event| event.kind) {
        Some(EventKind::RunFinished { value, .. }) => Some(value),
        _ => None,
    };
    Ok(html! {
        header { h2 { "The run" } }
        div.pad.stack {
            p.soft { "Select a block to see why it ran or did not, what it was given and what it left." }
            section { h3 { "Inputs" } (value::tree(&inputs, Some("inputs"))) }
            @if let Some(value) = value {
                section { h3 { "Value" } (value::tree(&value, None)) }
            }
        }
    })
}

impl Block<'_> {
    fn show(&self, open: &[OpenQuestion], selection: &Selection) -> Markup {
        let entry = history::entries(&self.events).pop();
        let depth = self.site.project.limits().depth;
        let why = why::ask(self.kept, &self.site.registry, depth, self.path);
        html! {
            header {
                h2.mono { (self.path) }
                @if let Some(row) = self.followed.fold.row(&self.id) { span.tag { (row.kind) } }
                a.small href="?" title="Show the whole run" { "close" }
            }
            div.pad.stack {
                @for question in open { (self.question(question)) }
                @match &why {
                    Ok(why) => (self.why(why)),
                    Err(err) => p { (err) },
                }
                (grid::of(self.kept, self.followed, self.path, selection.from))
                @if let Some(entry) = &entry {
                    (self.error(entry))
                    (self.attempts(entry))
                    (self.result(entry))
                }
                (self.logs())
                (self.secrets())
                (self.template())
                (self.acts())
            }
        }
    }

    fn why(&self, told: &Why) -> Markup {
        let phase = self.kept.history.summary.phase;
        let verdict = why::verdict(&told.stands, phase);
        html! {
            section.why {
                p { b { (parts::prose(&format!("It {verdict}."))) } }
                ul { @for line in why::sentences(told, phase) { li { (parts::prose(&line)) } } }
                @if !told.edges.is_empty() {
                    p.small { "After: "
                        @for (n, edge) in told.edges.iter().enumerate() {
                            @if n > 0 { ", " }
                            a href=(href(&edge.from)) data-block=(edge.from) { (edge.from) }
                        }
                    }
                }
                @if let Some(inside) = &told.inside {
                    p.small { "Inside: " a href=(href(inside)) data-block=(inside) { (inside) } }
                }
                @if let Stands::Calling { .. } = told.stands {
                    p.small { "Its blocks are in the list, below " code { (self.path) "/" } "." }
                }
            }
        }
    }

    fn error(&self, entry: &Entry) -> Markup {
        let Some(End::With { outcome, message: Some(message), .. }) = &entry.end else {
            return html! {};
        };
        let lines = self.followed.shape.places.get(&self.id);
        let is_handled = self.followed.shape.is_handled(&self.id, outcome);
        let tone = if is_handled { Tone::Warn } else { Tone::Bad };
        shell::notice(
            tone,
            html! {
                p { b { (outcome) } ": " (message) }
                p.small {
                    @if is_handled { "An edge handles this outcome. " } @else { "No edge handles this outcome. " }
                    @if let (Some(source), Some(lines)) = (&self.followed.shape.source, lines) {
                        "Written in " code { (source.file) ":" (lines.start()) }
                    }
                }
            },
        )
    }

    fn attempts(&self, entry: &Entry) -> Markup {
        if entry.failed.is_empty() {
            return html! {};
        }
        html! {
            section {
                h3 { "Attempts" }
                table.tight {
                    tbody {
                        @for failed in &entry.failed {
                            tr {
                                td.fit.num { (failed.attempt) }
                                td.fit { span.state.s-bad { "✕ " (failed.outcome) } }
                                td { (failed.message) }
                            }
                        }
                        tr {
                            td.fit.num { (entry.attempt) }
                            td.fit { @match &entry.end {
                                Some(End::With { outcome, .. }) => (outcome),
                                Some(End::Skipped(_)) => "skipped",
                                Some(End::Cancelled(reason)) => (cancelled(*reason)),
                                None => "at work",
                            } }
                            td {}
                        }
                    }
                }
            }
        }
    }

    fn result(&self, entry: &Entry) -> Markup {
        let Some(End::With { outcome, result, duration_us, .. }) = &entry.end else {
            return html! {};
        };
        let reference = (!self.path.contains(['[', '/'])).then(|| format!("results.{}", self.path));
        let file = format!(
            "/runs/{}/result?block={}",
            self.kept.history.summary.run,
            parts::segment(self.path)
        );
        html! {
            section {
                div.actions {
                    h3.grow { "Result" }
                    span.tag { (outcome) }
                    span.soft.small { (parts::duration(*duration_us)) }
                    a.small href=(file) { "download" }
                }
                @if matches!(**result, Value::Object(_) | Value::Array(_)) {
                    input.js-only type="search" placeholder="Find in the result" aria-label="Find in the result"
                    data-find=".tree li";
                }
                (value::tree(result, reference.as_deref()))
            }
        }
    }

    fn logs(&self) -> Markup {
        let logs = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Log { level, text, .. } => Some((event.time, *level, text)),
            _ => None,
        });
        let logs: Vec<_> = logs.collect();
        if logs.is_empty() {
            return html! {};
        }
        let hidden = logs.len().saturating_sub(MAX_LOGS);
        html! {
            section {
                h3 { "Log" }
                @if hidden > 0 { p.soft.small { "The last " (MAX_LOGS) " of " (logs.len()) " lines" } }
                ul.log {
                    @for (time, level, text) in &logs[hidden..] {
                        @let class = match level {
                            Level::Info => "",
                            Level::Warning => "s-warn",
                            Level::Error => "s-bad",
                        };
                        li class=(class) {
                            time.soft datetime=(time) { (time.strftime("%H:%M:%S%.3f")) } " "
                            @if *level != Level::Info { b { (level.as_str()) } " " }
                            (text)
                        }
                    }
                }
            }
        }
    }

    fn secrets(&self) -> Markup {
        let used = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::SecretUsed { key, version, action, destination, .. } => {
                Some((key, version, action, destination))
            }
            _ => None,
        });
        let mut used: Vec<_> = used.collect();
        used.dedup();
        html! {
            @if !used.is_empty() {
                section {
                    h3 { "Secrets used" }
                    ul { @for (key, version, action, destination) in used {
                        li { code { (key) } " " span.soft { "version " (version) ", " (action) ", " (destination) } }
                    } }
                }
            }
        }
    }

    /// Shows what the block was written to get: templates, not values, as the run keeps none.
    fn template(&self) -> Markup {
        let shape = &self.followed.shape;
        let (Some(source), Some(lines)) = (&shape.source, shape.places.get(&self.id)) else {
            return html! {};
        };
        html! {
            section {
                h3 { "As written" span.soft { " " (source.file) ":" (lines.start()) } }
                (source::excerpt(source, lines))
            }
        }
    }

    fn acts(&self) -> Markup {
        let summary = &self.kept.history.summary;
        let is_top = !self.path.contains(['.', '[', '/']);
        if !is_top || !summary.phase.is_ended() || !self.visitor.may(Scope::Run) {
            return html! {};
        }
        let body = html! {
            input type="hidden" name="from" value=(self.path);
            button type="submit" title="A new run: what came before this block answers as it did" {
                "Run from this block"
            }
        };
        html! {
            div.actions { (parts::form(self.visitor, &format!("/runs/{}/retry", summary.run), body)) }
        }
    }

    fn question(&self, open: &OpenQuestion) -> Markup {
        let run = &self.kept.history.summary.run;
        match open.question.kind {
            QuestionKind::Approval if self.visitor.may(Scope::Run) => {
                question_form(self.visitor, open, None, &Faults::new())
            }
            QuestionKind::Approval => shell::notice(Tone::Note, html! { (open.question.name) }),
            QuestionKind::Event => {
                let command =
                    format!("blueprint send {} --run {}", open.question.name, run.short());
                shell::notice(
                    Tone::Note,
                    html! {
                        "Waits for the event " b { (open.question.name) }
                        @if !open.question.details.is_null() {
                            " with " code { (open.question.details) }
                        }
                        ". " span.js-only { (parts::copy("Copy command", &command)) }
                    },
                )
            }
        }
    }
}

/// Shows a question to a person, with its form, and both answers.
pub(super) fn question_form(
    visitor: &Visitor,
    open: &OpenQuestion,
    typed: Option<&Typed>,
    faults: &Faults,
) -> Markup {
    let fields = form::of_question(&open.question.details);
    let body = html! {
        input type="hidden" name="block" value=(open.block);
        p.ask { (open.question.name) }
        @if let Some(until) = open.question.until { p.soft.small { "Until " (text::moment(until)) } }
        @for fault in faults.get("").into_iter().flatten() { p.wrong role="alert" { "✕ " (fault) } }
        (form::fields(&fields, typed, faults))
        div.field {
            label for="note" { "Note" }
            input type="text" id="note" name="note" autocomplete="off";
        }
        div.actions {
            button.main type="submit" name="verdict" value="approved" { "Approve" }
            button.danger type="submit" name="verdict" value="rejected" { "Reject" }
        }
    };
    html! {
        form.fields.question method="post" action={ "/runs/" (open.run) "/answer" } {
            (parts::csrf(visitor)) (body)
        }
    }
}

/// Returns the address of a block in the view that is open.
pub(super) fn href(block: &str) -> String {
    format!("?block={}", parts::segment(block))
}

fn cancelled(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Returned => "cancelled: another block returned",
        CancelReason::Failed => "cancelled: another block failed",
        CancelReason::Requested => "cancelled",
        CancelReason::Deadline => "cancelled: the run's deadline passed",
        CancelReason::Timeout => "cancelled: its time was up",
    }
}
