//! What starts runs beside a person: each trigger with its next times and its last run.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use blueprint_model::{RunId, Value, value::Map};
use maud::{Markup, html};

use crate::{
    access::Visitor,
    runs,
    site::Site,
    tokens::Scope,
    triggers::{
        self,
        list::{self, Listed},
    },
    ui::{
        parts,
        shell::{self, Fault, Page, Tab},
    },
};

/// Returns the routes of triggers.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new().route("/triggers", get(page)).route("/triggers/{blueprint}/{id}/fire", post(fire))
}

async fn page(State(site): State<Arc<Site>>, visitor: Visitor) -> Result<Page, Fault> {
    let all = list::triggers(&site).await?;
    let (timed, called): (Vec<&Listed>, Vec<&Listed>) =
        all.iter().partition(|trigger| trigger.schedule.is_some());
    let body = html! {
        div.head { div.grow {
            h1 { "Triggers" }
            p.soft { "What starts runs by itself: schedules, signed calls, events. They stand in the blueprints." }
        } }
        @if all.is_empty() {
            section.card {
                (parts::empty("No blueprint has a trigger. In a blueprint, one looks like this:", None))
                div.pad { pre.code { "triggers:\n  - {type: cron, schedule: \"0 6 * * *\", timezone: Europe/Paris}" } }
            }
        }
        @if !timed.is_empty() { (table(&site, &visitor, "Schedules", &timed)) }
        @if !called.is_empty() { (table(&site, &visitor, "Calls and events", &called)) }
    };
    Ok(shell::page(&site, &visitor, Tab::Triggers, "Triggers", &body))
}

fn table(site: &Site, visitor: &Visitor, title: &str, triggers: &[&Listed]) -> Markup {
    let is_timed = triggers.iter().any(|trigger| trigger.schedule.is_some());
    html! {
        section.card aria-label=(title) {
            header { h2 { (title) } span.soft { (triggers.len()) } }
            div.scroll { table {
                thead { tr {
                    th { "Blueprint" } th { "Trigger" } th { "When" }
                    @if is_timed { th { "Next" } }
                    th { "Last run" } th {}
                } }
                tbody { @for trigger in triggers { (row(site, visitor, trigger, is_timed)) } }
            } }
        }
    }
}

fn row(site: &Site, visitor: &Visitor, trigger: &Listed, is_timed: bool) -> Markup {
    let fire = format!(
        "/triggers/{}/{}/fire",
        parts::segment(&trigger.blueprint),
        parts::segment(&trigger.id)
    );
    html! {
        tr {
            th scope="row" { (parts::blueprint_link(&trigger.blueprint)) }
            td.fit {
                a.mono href={ "/blueprints/" (parts::segment(&trigger.blueprint)) "#L" (trigger.line) } { (trigger.id) }
                @if let Some(start) = &trigger.start { div.soft.small { "from block " code { (start) } } }
            }
            td { (when(trigger)) }
            @if is_timed { td { (next(site, trigger)) } }
            td.fit { (last(site, trigger)) }
            td.fit { @if visitor.may(Scope::Run) {
                (parts::form(visitor, &fire, html! {
                    button.small aria-label={ "Fire " (trigger.blueprint) " " (trigger.id) " now" } { "Fire now" }
                }))
            } }
        }
    }
}

fn when(trigger: &Listed) -> Markup {
    html! {
        @if let Some(schedule) = &trigger.schedule {
            code { (schedule) } " " span.soft { (trigger.timezone.as_deref().unwrap_or("UTC")) }
            div.soft.small {
                "missed: " (word(trigger.missed)) " · while one runs: " (word(trigger.overlap))
            }
        } @else if let Some(event) = &trigger.event {
            "event " code { (event) }
            @if let Some(component) = &trigger.component { " of " code { (component) } }
        } @else {
            (trigger.kind)
        }
        @if let Some(path) = &trigger.path { div.small { code { "POST " (path) } } }
        @if let Some(key) = &trigger.signing_key {
            div.small { "signed with " a.mono href={ "/vault/keys/" (parts::segment(key)) } { (key) } }
        }
    }
}

fn word(word: Option<&'static str>) -> String {
    word.unwrap_or("skip").replace('_', " ")
}

fn next(site: &Site, trigger: &Listed) -> Markup {
    let now = site.now();
    html! {
        @match trigger.next.split_first() {
            None => span.soft { "never" },
            Some((first, rest)) => {
                (parts::time(*first, now))
                @if !rest.is_empty() {
                    details.next {
                        summary { "then" }
                        ol { @for time in &trigger.next {
                            li { time datetime=(time) { (blueprint_project::text::moment(*time)) } }
                        } }
                    }
                }
            }
        }
    }
}

fn last(site: &Site, trigger: &Listed) -> Markup {
    let now = site.now();
    html! {
        @if let Some(last) = &trigger.last_run {
            (parts::run_link(&RunId::new(&last.run))) " " (last.phase) " "
            span.soft { (parts::time(last.started, now)) }
        } @else { span.soft { "none yet" } }
        @if let Some(problem) = &trigger.last_problem { div.s-bad.small { (problem) } }
    }
}

/// Fires a trigger now, and shows its run.
async fn fire(
    State(site): State<Arc<Site>>,
    Path((blueprint, id)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let payload = Value::Object(Map::new());
    let wanted = triggers::fired(&site, (&blueprint, &id), payload, None)?;
    let started = runs::start(&site, wanted).await?;
    Ok(Redirect::to(&format!("/runs/{}", started.run)).into_response())
}
