//! Three views of one run with one selection: graph, timeline, list.

use blueprint_model::journal::RunSummary;
use blueprint_project::text;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Selection,
    fold::{self, Bar, Piece, Row},
    follow::Followed,
    rows,
};
use crate::ui::{graph, parts};

/// How a run is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum View {
    /// As a graph.
    #[default]
    Graph,
    /// As bars over time.
    Timeline,
    /// As a table, which says the same to everybody.
    List,
}

impl View {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Graph, "graph", "Graph"),
        (Self::Timeline, "timeline", "Timeline"),
        (Self::List, "list", "List"),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(view, ..)| *view == self).map_or("graph", |(_, name, _)| name)
    }
}

/// A run and what of it is looked at.
pub(super) struct Looked<'r> {
    /// The run as far as it was read.
    pub(super) followed: &'r Followed,
    /// Where it stands.
    pub(super) summary: &'r RunSummary,
    /// What is selected.
    pub(super) selection: &'r Selection,
}

impl Looked<'_> {
    /// Returns the address of this view with a block selected.
    pub(super) fn href(&self, block: &str) -> String {
        format!("?view={}&block={}", self.selection.view.as_str(), parts::segment(block))
    }

    /// Returns whether a row is that of the selected block.
    fn is_selected(&self, row: &Row) -> bool {
        let block = self.selection.block.as_deref();
        block.is_some_and(|block| fold::without_items(block) == row.id)
    }
}

/// Shows the view that was asked for, with links to the others.
pub(super) fn show(looked: &Looked<'_>) -> Markup {
    let selection = looked.selection;
    let block = selection.block.as_deref().map(parts::segment);
    html! {
        header {
            h2 id="view" { "Blocks" }
            nav.switch aria-label="View" {
                @for (view, name, label) in View::ALL {
                    a href={ "?view=" (name) @if let Some(block) = &block { "&block=" (block) } }
                        data-view=(name)
                        aria-current=[(view == selection.view).then_some("true")] { (label) }
                }
            }
        }
        div id="view-body" data-view=(selection.view.as_str()) {
            @match selection.view {
                View::Graph => (picture(looked)),
                View::Timeline => (timeline(looked)),
                View::List => (list(looked)),
            }
        }
    }
}

fn picture(looked: &Looked<'_>) -> Markup {
    let (fold, phase) = (&looked.followed.fold, looked.summary.phase);
    let drawing = &looked.followed.shape.drawing;
    if drawing.nodes.is_empty() {
        return parts::empty("There is no graph to show; the list has what is known.", None);
    }
    graph::graph(drawing, &|node| match fold.row(&node.id) {
        Some(row) => rows::mark(row, phase, looked.href(&node.id), looked.is_selected(row)),
        None => blueprint_project::drawing::Mark::default(),
    })
}

fn list(looked: &Looked<'_>) -> Markup {
    let (fold, phase) = (&looked.followed.fold, looked.summary.phase);
    let wanted = looked.selection.state.as_deref().filter(|state| !state.is_empty());
    let shown = fold
        .rows
        .iter()
        .filter(|row| wanted.is_none_or(|wanted| rows::state(row, phase).word == wanted));
    html! {
        form.filters.pad data-filter {
            input type="hidden" name="view" value="list";
            div.field {
                label for="find-block" { "Find" }
                input type="search" id="find-block" placeholder="part of a name" data-find="#blocks tr";
            }
            div.field {
                label for="state" { "State" }
                select id="state" name="state" {
                    option value="" { "all" }
                    @for word in ["running", "waiting", "retrying", "failed", "error handled", "succeeded", "skipped", "cancelled", "pending", "not reached"] {
                        option value=(word) selected[wanted == Some(word)] { (word) }
                    }
                }
            }
            button.small type="submit" { "Show" }
        }
        div.scroll { table {
            thead { tr {
                th { "State" } th { "Block" } th.wide-only { "Type" } th { "Outcome" }
                th.num { "Attempt" } th.num { "Took" }
            } }
            tbody id="blocks" {
                @for row in shown { (line(looked, row)) }
            }
        } }
    }
}

fn line(looked: &Looked<'_>, row: &Row) -> Markup {
    let state = rows::state(row, looked.summary.phase);
    let depth = row.id.matches(['.', '/']).count().min(6);
    let tally = rows::tally(row);
    html! {
        tr data-block=(row.id) class={ "row " @if looked.is_selected(row) { "selected" } } {
            td.fit { (state.text()) }
            td class={ "depth-" (depth) } {
                a href=(looked.href(&row.id)) data-block=(row.id) { (row.id) }
                div.soft.small data-part="tally" { (tally) }
            }
            td.fit.soft.wide-only { (row.kind) }
            td.fit.mono data-part="outcome" { (row.outcome.as_deref().unwrap_or("")) }
            td.fit.num data-part="attempt" { @if row.attempt > 1 { (row.attempt) } }
            td.fit.num data-part="meta" { (rows::meta(row)) }
        }
    }
}

/// The width of the timeline, in units of its picture.
const WIDTH: f64 = 1000.0;

fn timeline(looked: &Looked<'_>) -> Markup {
    let fold = &looked.followed.fold;
    let Some(start) = fold.started else {
        return parts::empty("Nothing has happened yet.", None);
    };
    let end = fold.last.unwrap_or(start);
    let whole = text::us_between(start, end).max(1);
    let x = |time: Timestamp| text::us_between(start, time) as f64 / whole as f64 * WIDTH;
    let ran = fold.rows.iter().filter(|row| !row.bars.is_empty());
    html! {
        div.timeline {
            div.ruler aria-hidden="true" {
                @for part in 0..=4_u64 { span { (text::duration(whole * part / 4)) } }
            }
            ol {
                @for row in ran {
                    li data-block=(row.id) class={ "row " @if looked.is_selected(row) { "selected" } } {
                        a href=(looked.href(&row.id)) data-block=(row.id) title=(row.id) { (row.id) }
                        (bars(looked, row, end, &x))
                        span.num.small data-part="meta" { (rows::meta(row)) }
                    }
                }
            }
        }
        p.soft.small.pad {
            "Bars are attempts; gaps are pauses before another one. "
            span.state.s-bad { "▬ failed" } " " span.state.s-wait { "▬ waiting" }
        }
    }
}

fn bars(looked: &Looked<'_>, row: &Row, end: Timestamp, x: &dyn Fn(Timestamp) -> f64) -> Markup {
    let state = rows::state(row, looked.summary.phase);
    let piece = |bar: &Bar| {
        let (from, to) = (x(bar.from), x(bar.to.unwrap_or(end)));
        let class = match bar.what {
            Piece::Failed => "s-bad",
            Piece::Wait => "s-wait",
            Piece::Work => state.class,
        };
        let width = (to - from).max(3.0);
        (from.min(WIDTH - 3.0), width, class)
    };
    html! {
        svg class="bars" viewBox={ "0 0 " (WIDTH) " 12" } preserveAspectRatio="none" role="img"
            aria-label={ (row.id) ", " (state.word) } {
            @for bar in &row.bars {
                @let (from, width, class) = piece(bar);
                rect class=(class) x={ (format!("{from:.1}")) } y="1" width={ (format!("{width:.1}")) }
                    height="10" rx="2" {}
            }
        }
    }
}
