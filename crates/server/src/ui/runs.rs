//! The list of runs: filters and the page are in the address.

use std::sync::Arc;

use axum::extract::{Query, State};
use blueprint_model::{
    RunId,
    journal::{Phase, RunFilter, RunSummary},
    units,
};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    access::Visitor,
    problem::Problem,
    site::Site,
    ui::{
        parts,
        shell::{self, Fault, Page, Tab},
    },
};

/// How many runs a page has.
const PAGE: usize = 50;
/// Since when, as the address says it.
const SINCE: [(&str, &str); 5] = [
    ("", "any time"),
    ("1h", "the last hour"),
    ("24h", "the last day"),
    ("7d", "the last week"),
    ("30d", "the last month"),
];

/// Which runs are shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    blueprint: String,
    #[serde(default)]
    trigger: String,
    /// How long ago at most, as in `7d`.
    #[serde(default)]
    since: String,
    /// The last run of the page before.
    #[serde(default)]
    before: String,
}

impl Asked {
    fn filter(&self, now: Timestamp) -> Result<RunFilter, Problem> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let wrong = |what: String| Problem::new(axum::http::StatusCode::BAD_REQUEST, what);
        let phases = match self.state.as_str() {
            "" => Vec::new(),
            name => {
                let phase = Phase::ALL.into_iter().find(|phase| phase.as_str() == name);
                vec![phase.ok_or_else(|| wrong(format!("`{name}` is no state of a run")))?]
            }
        };
        let since = match self.since.as_str() {
            "" => None,
            text => {
                let ago = units::parse_duration(text);
                let ago = ago.and_then(|ago| SignedDuration::try_from(ago).ok());
                let since = ago.and_then(|ago| now.checked_sub(ago).ok());
                Some(since.ok_or_else(|| wrong(format!("`{text}` is no duration")))?)
            }
        };
        Ok(RunFilter {
            phases,
            since,
            blueprint: some(&self.blueprint),
            trigger: some(&self.trigger),
            before: some(&self.before).map(|run| RunId::new(&run)),
            // One more tells whether there is another page.
            limit: Some(PAGE + 1),
            ..RunFilter::default()
        })
    }

    fn is_narrow(&self) -> bool {
        [&self.state, &self.blueprint, &self.trigger, &self.since].iter().any(|it| !it.is_empty())
    }

    /// Returns the address of the page that begins after a run.
    fn href(&self, before: &str) -> String {
        let pairs = [
            ("state", self.state.as_str()),
            ("blueprint", &self.blueprint),
            ("trigger", &self.trigger),
            ("since", &self.since),
            ("before", before),
        ];
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> =
            pairs.map(|(name, value)| format!("{name}={}", parts::segment(value))).collect();
        format!("/runs?{}", pairs.join("&"))
    }
}

/// Shows the list.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page, Fault> {
    let now = site.now();
    let mut runs = site.journal.list(&asked.filter(now)?).await?;
    let has_more = runs.len() > PAGE;
    runs.truncate(PAGE);
    let snapshot = site.catalogue.now();
    let names: Vec<&str> = snapshot.entries.keys().map(String::as_str).collect();
    let body = html! {
        div.head { h1.grow { "Runs" } }
        (filters(&asked, &names))
        section.card aria-label="Runs" {
            (table(&runs, &asked, now))
        }
        nav.actions aria-label="Pages" {
            @if !asked.before.is_empty() { a.button href=(asked.href("")) { "Newest" } }
            @if let Some(last) = runs.last().filter(|_| has_more) {
                a.button href=(asked.href(last.run.as_str())) { "Older" }
            }
        }
    };
    Ok(shell::page(&site, &visitor, Tab::Runs, "Runs", &body))
}

fn table(runs: &[RunSummary], asked: &Asked, now: Timestamp) -> Markup {
    match (runs.is_empty(), asked.is_narrow() || !asked.before.is_empty()) {
        (false, _) => parts::runs_table(runs, now, true),
        (true, true) => html! {
            (parts::empty("No run fits these filters.", None))
            p.empty { a href="/runs" { "Show all runs" } }
        },
        (true, false) => parts::empty("Nothing has run yet.", Some("blueprint run NAME")),
    }
}

fn filters(asked: &Asked, names: &[&str]) -> Markup {
    let select = |name: &str, label: &str, chosen: &str, options: &[(&str, &str)]| {
        html! {
            div.field {
                label for=(name) { (label) }
                select id=(name) name=(name) {
                    @for (value, word) in options {
                        option value=(value) selected[*value == chosen] { (word) }
                    }
                }
            }
        }
    };
    let mut states = vec![("", "all")];
    states.extend(Phase::ALL.iter().map(|phase| (phase.as_str(), phase.as_str())));
    let mut blueprints = vec![("", "all")];
    blueprints.extend(names.iter().map(|name| (*name, *name)));
    if !asked.blueprint.is_empty() && !names.contains(&asked.blueprint.as_str()) {
        blueprints.push((&asked.blueprint, &asked.blueprint));
    }
    let mut triggers: Vec<(&str, &str)> = vec![("", "all")];
    triggers.extend(["cli", "ui", "api", "cron", "webhook", "event"].map(|name| (name, name)));
    html! {
        form.filters method="get" action="/runs" {
            (select("state", "State", &asked.state, &states))
            (select("blueprint", "Blueprint", &asked.blueprint, &blueprints))
            (select("trigger", "Trigger", &asked.trigger, &triggers))
            (select("since", "Started in", &asked.since, &SINCE))
            button type="submit" { "Show" }
            @if asked.is_narrow() { a.button href="/runs" { "Clear" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(state: &str, since: &str) -> Asked {
        Asked { state: state.into(), since: since.into(), ..Asked::default() }
    }

    #[test]
    fn an_address_names_which_runs_are_shown() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let filter = asked("failed", "1h").filter(now).unwrap();
        assert_eq!(filter.phases, [Phase::Failed]);
        assert_eq!(filter.since, Some(Timestamp::from_second(996_400).unwrap()));
        assert!(asked("lost", "").filter(now).is_err() && asked("", "soon").filter(now).is_err());
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        assert_eq!(asked("failed", "7d").href("abc"), "/runs?state=failed&since=7d&before=abc");
    }
}
