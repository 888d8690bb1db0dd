//! The items of a loop: a page of a grid, and what happened in one item or in all.

use std::collections::BTreeMap;

use blueprint_model::{Event, EventKind};
use blueprint_project::{
    history::{self, End, Kept},
    text,
};
use maud::{Markup, html};

use super::{fold, follow::Followed, panel, rows};
use crate::ui::parts::{self, State};

/// How many items a page of the grid has.
const PAGE: usize = 200;

/// Where an item is, by the worst of its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Good,
    Cancelled,
    Handled,
    Running,
    Bad,
}

impl Item {
    fn state(self) -> State {
        match self {
            Self::Good => parts::SUCCEEDED,
            Self::Cancelled => parts::CANCELLED,
            Self::Handled => rows::HANDLED,
            Self::Running => parts::RUNNING,
            Self::Bad => parts::FAILED,
        }
    }
}

/// Shows the items of a block's loop, if it has any.
pub(super) fn of(kept: &Kept, followed: &Followed, path: &str, from: usize) -> Markup {
    let items = items(kept, followed, path);
    if items.is_empty() {
        return html! {};
    }
    let count = |wanted: Item| items.iter().filter(|(_, item)| *item == wanted).count();
    let (bad, running) = (count(Item::Bad), count(Item::Running));
    let first_bad = items.iter().position(|(_, item)| *item == Item::Bad);
    let last = (from + PAGE).min(items.len());
    let page = items.get(from..last).unwrap_or_default();
    let at = |from: usize| format!("{}&from={from}", panel::href(path));
    html! {
        section {
            h3 { "Items" span.soft {
                " " (parts::grouped(items.len()))
                @if running > 0 { ", " (parts::grouped(running)) " running" }
                @if bad > 0 { ", " (parts::grouped(bad)) " failed" }
            } }
            @if let Some(first) = first_bad {
                p.small { a href=(at(first / PAGE * PAGE)) data-block=(path) data-from=(first / PAGE * PAGE) {
                    "to the first that failed"
                } }
            }
            div.items {
                @for (item, state) in page {
                    @let scope = format!("{path}[{item}]");
                    @let shown = state.state();
                    a class=(shown.class) href=(panel::href(&scope)) data-block=(scope)
                        title={ (item) ": " (shown.word) } aria-label={ (item) ", " (shown.word) } {
                        (shown.sign) " " (text::fit(item, 12))
                    }
                }
            }
            @if items.len() > PAGE {
                div.actions.small {
                    @if from > 0 {
                        a href=(at(from.saturating_sub(PAGE))) data-block=(path)
                            data-from=(from.saturating_sub(PAGE)) { "← before" }
                    }
                    span.soft { (from + 1) "–" (last) " of " (parts::grouped(items.len())) }
                    @if last < items.len() {
                        a href=(at(last)) data-block=(path) data-from=(last) { "after →" }
                    }
                }
            }
        }
    }
}

/// Returns the items of a block's loop, in the order in which they began.
fn items(kept: &Kept, followed: &Followed, path: &str) -> Vec<(String, Item)> {
    let prefix = format!("{path}[");
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut items: Vec<(String, Vec<(String, Item)>)> = Vec::new();
    for event in &kept.events {
        let Some((_, block)) = event.kind.block() else { continue };
        let Some(key) = block.scope.strip_prefix(prefix.as_str()) else { continue };
        // Blocks in loops and blueprints within the item are told apart by what follows.
        let Some(end) = key.find("].") else { continue };
        let place = *places.entry(key[..end].to_owned()).or_insert_with(|| {
            items.push((key[..end].to_owned(), Vec::new()));
            items.len() - 1
        });
        let Some(item) = state_of(event, followed) else { continue };
        let blocks = &mut items[place].1;
        let name = format!("{}{}", &key[end..], block.id);
        match blocks.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = item,
            None => blocks.push((name, item)),
        }
    }
    let worst = |blocks: Vec<(String, Item)>| blocks.into_iter().map(|(_, item)| item).max();
    items.into_iter().map(|(key, blocks)| (key, worst(blocks).unwrap_or(Item::Good))).collect()
}

fn state_of(event: &Event, followed: &Followed) -> Option<Item> {
    match &event.kind {
        EventKind::BlockStarted { .. }
        | EventKind::AttemptFailed { .. }
        | EventKind::BlockWaiting { .. } => Some(Item::Running),
        EventKind::BlockFinished { block, outcome, message, is_return, .. } => {
            let id = format!("{}{}", fold::without_items(&block.scope), block.id);
            Some(match message {
                None => Item::Good,
                Some(_) if *is_return || followed.shape.is_handled(&id, outcome) => Item::Handled,
                Some(_) => Item::Bad,
            })
        }
        EventKind::BlockSkipped { .. } => Some(Item::Good),
        EventKind::BlockCancelled { .. } => Some(Item::Cancelled),
        EventKind::RunStarted { .. }
        | EventKind::AnswerReceived { .. }
        | EventKind::StateChanged { .. }
        | EventKind::SecretUsed { .. }
        | EventKind::SecretDerived { .. }
        | EventKind::Log { .. }
        | EventKind::RunResumed { .. }
        | EventKind::CancelRequested { .. }
        | EventKind::RunFinished { .. } => None,
    }
}

/// Shows the blocks of one item, or one block in all items.
pub(super) fn many(kept: &Kept, followed: &Followed, path: &str, from: usize) -> Markup {
    let is_item = path.ends_with(']');
    let prefix = format!("{path}.");
    let belongs = |event: &&Event| {
        event.kind.block().is_some_and(|(_, block)| match is_item {
            true => *block.scope == *prefix,
            false => {
                path.ends_with(&*block.id)
                    && format!("{}{}", fold::without_items(&block.scope), block.id) == path
            }
        })
    };
    let events: Vec<Event> = kept.events.iter().filter(belongs).cloned().collect();
    let entries = history::entries(&events);
    let last = (from + PAGE).min(entries.len());
    let tally = followed.fold.row(path).map(rows::tally).filter(|_| !is_item);
    let owner = if is_item { path.rsplit_once('[') } else { path.rsplit_once('.') };
    html! {
        header { h2.mono { (path) } a.small href="?" title="Show the whole run" { "close" } }
        div.pad.stack {
            @if let Some((owner, _)) = owner {
                p.small { "Inside: " a href=(panel::href(owner)) data-block=(owner) { (owner) } }
            }
            @if let Some(tally) = tally { p { b { "It runs once per item: " (tally) "." } } }
            div.scroll { table.tight {
                thead { tr { th { "State" } th { "Block" } th { "Outcome" } th.num { "Took" } } }
                tbody { @for entry in entries.get(from..last).unwrap_or_default() {
                    @let (state, outcome, took) = stand(entry);
                    tr {
                        td.fit { (state.text()) }
                        td { a.mono href=(panel::href(&entry.path)) data-block=(entry.path) { (entry.path) } }
                        td.fit.mono { (outcome) }
                        td.fit.num { @if let Some(took) = took { (parts::duration(took)) } }
                    }
                } }
            } }
            @if entries.is_empty() { p.soft { "Nothing of it has begun." } }
            @if last < entries.len() {
                p.small { a href={ (panel::href(path)) "&from=" (last) } data-block=(path) data-from=(last) {
                    "more: " (parts::grouped(entries.len() - last))
                } }
            }
        }
    }
}

fn stand(entry: &history::Entry) -> (State, String, Option<u64>) {
    match &entry.end {
        Some(End::With { outcome, message, duration_us, .. }) => {
            let state = if message.is_some() { parts::FAILED } else { parts::SUCCEEDED };
            (state, outcome.clone(), Some(*duration_us))
        }
        Some(End::Skipped(_)) => (rows::SKIPPED, String::new(), None),
        Some(End::Cancelled(_)) => (parts::CANCELLED, String::new(), None),
        None => (parts::RUNNING, String::new(), None),
    }
}
