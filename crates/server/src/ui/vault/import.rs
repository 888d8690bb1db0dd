//! Many pairs at once, from the text of a `.env` file: names are looked at first, then stored.
//!
//! The text comes once. Between the look and the yes it waits here, in memory, for a short time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Form, Path, State, rejection::FormRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use blueprint_model::{Secret, code};
use blueprint_project::vault::{Existing, Pair, PairState};
use blueprint_vault::WeakValues;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::time::Instant;

use super::{act, blocking, refusal, refused_with};
use crate::{
    access::Visitor,
    problem::Problem,
    site::Site,
    tokens,
    ui::{
        parts,
        shell::{self, Fault, Page, Tab},
    },
};

/// How long a text waits for a yes.
const WAITS: Duration = Duration::from_secs(300);
/// How many texts wait at most; the oldest goes first.
const MAX_WAITING: usize = 16;

/// Texts that were looked at and are not stored yet.
#[derive(Default)]
pub(crate) struct Imports(Mutex<BTreeMap<String, Waiting>>);

struct Waiting {
    text: Arc<Secret>,
    /// Who brought it: nobody else can store it.
    csrf: String,
    until: Instant,
}

impl Imports {
    /// Keeps a text, and returns the name by which it can be had.
    fn keep(&self, text: Arc<Secret>, visitor: &Visitor, now: Instant) -> String {
        let id: String = tokens::random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut waiting = self.lock();
        waiting.retain(|_, it| it.until > now);
        if waiting.len() >= MAX_WAITING {
            let oldest = waiting.iter().min_by_key(|(_, it)| it.until).map(|(id, _)| id.clone());
            oldest.and_then(|id| waiting.remove(&id));
        }
        let csrf = visitor.csrf().to_owned();
        waiting.insert(id.clone(), Waiting { text, csrf, until: now + WAITS });
        id
    }

    /// Takes a text out, for who brought it.
    fn take(&self, id: &str, visitor: &Visitor, now: Instant) -> Option<Arc<Secret>> {
        let mut waiting = self.lock();
        let found = waiting.get(id)?;
        if found.csrf != visitor.csrf() {
            return None;
        }
        waiting.remove(id).filter(|it| it.until > now).map(|it| it.text)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text of a file.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(rename = "value", deserialize_with = "act::secret")]
    text: Secret,
}

/// What shall become of the pairs.
#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    existing: String,
    #[serde(default)]
    force: Option<String>,
}

/// Shows the form.
pub(super) async fn page(State(site): State<Arc<Site>>, visitor: Visitor) -> Page {
    form(&site, &visitor, None)
}

fn form(site: &Site, visitor: &Visitor, problem: Option<&Problem>) -> Page {
    let body = html! {
        (head())
        section.card { div.pad {
            @if let Some(problem) = problem { (refusal(problem)) }
            (parts::form(visitor, "/vault/import", html! { div.fields {
                div.field.js-only {
                    label for="file" { "File" }
                    input id="file" type="file" data-into="text";
                    p.hint { "Its text goes into the field below; nothing is sent yet." }
                }
                div.field {
                    label for="text" { "Text of the file" }
                    textarea.hidden-text id="text" name="value" rows="10" required autocomplete="off"
                        autocapitalize="none" spellcheck="false" placeholder="ACME_API_KEY=value" {}
                    p.hint { "KEY=value, one a line. Next you see the names, and choose." }
                }
                div.actions { button.main { "Look at the names" } a.button href="/vault" { "Cancel" } }
            } }))
        } }
    };
    shell::page(site, visitor, Tab::Vault, "Import", &body)
}

/// Shows the names in a text. Its values stay here.
pub(super) async fn preview(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    given: Result<Form<Given>, FormRejection>,
) -> Response {
    let found = match given {
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the form is not whole")),
        Ok(Form(Given { text })) => {
            let text = Arc::new(text);
            let looked_at = text.clone();
            let pairs = blocking(&site, move |site| site.vault.import_preview(&looked_at)).await;
            pairs.map(|pairs| (pairs, text))
        }
    };
    match found {
        Err(problem) => {
            refused_with(&problem, form(&site, &visitor, Some(&problem))).into_response()
        }
        Ok((pairs, text)) => {
            let id = site.imports.keep(text, &visitor, Instant::now());
            names(&site, &visitor, &id, &pairs).into_response()
        }
    }
}

fn names(site: &Site, visitor: &Visitor, id: &str, pairs: &[Pair]) -> Page {
    let has_known = pairs.iter().any(|pair| pair.state == PairState::There);
    let has_weak = pairs.iter().any(|pair| pair.weak.is_some());
    let body = html! {
        (head())
        section.card {
            header { h2 { "Names in the file" } span.soft { (pairs.len()) } }
            div.scroll { table {
                thead { tr { th { "Name" } th { "Value" } th { "In the vault" } th {} } }
                tbody { @for pair in pairs { tr {
                    td.mono.fit { (pair.name) }
                    td.fit.soft { (super::DOTS) }
                    td.fit { @match pair.state { PairState::New => "new", PairState::There => "there already" } }
                    td { @if let Some(why) = pair.weak { span.s-warn { "weak: " (why) } } }
                } } }
            } }
            div.pad { (parts::form(visitor, &format!("/vault/import/{id}"), html! { div.fields {
                @if has_known { fieldset.field {
                    legend.label { "Those that are there already" }
                    label.choice { input type="radio" name="existing" value="keep" checked; " stay as they are" }
                    label.choice { input type="radio" name="existing" value="replace"; " get the value of the file" }
                } } @else { input type="hidden" name="existing" value="keep"; }
                (super::force_field(has_weak))
                div.actions { button.main { "Store" } a.button href="/vault" { "Cancel" } }
                p.hint.soft { "Waits for five minutes, then the text is forgotten." }
            } })) }
        }
    };
    shell::page(site, visitor, Tab::Vault, "Import", &body)
}

/// Stores a text that was looked at.
pub(super) async fn import(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visitor: Visitor,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Fault> {
    let Some(text) = site.imports.take(&id, &visitor, Instant::now()) else {
        let problem = Problem::new(StatusCode::GONE, "the text was forgotten; give it again");
        return Ok(refused_with(&problem, form(&site, &visitor, Some(&problem))).into_response());
    };
    let existing = match chosen.existing.as_str() {
        "replace" => Existing::Replace,
        _ => Existing::Keep,
    };
    let weak = if chosen.force.is_some() { WeakValues::Accept } else { WeakValues::Refuse };
    let given = text.clone();
    match blocking(&site, move |site| site.vault.import(&given, existing, weak)).await {
        Ok(_) => Ok(act::go("imported", "")),
        Err(problem) if problem.code == Some(code::WEAK_SECRET) => {
            // The choice is offered again, and the text waits again.
            let looked_at = text.clone();
            let pairs = blocking(&site, move |site| site.vault.import_preview(&looked_at)).await?;
            let id = site.imports.keep(text, &visitor, Instant::now());
            Ok(refused_with(&problem, names(&site, &visitor, &id, &pairs)).into_response())
        }
        Err(problem) => {
            Ok(refused_with(&problem, form(&site, &visitor, Some(&problem))).into_response())
        }
    }
}

fn head() -> Markup {
    html! {
        div.head { div.grow {
            p.crumbs { a href="/vault" { "Vault" } " /" }
            h1 { "Import a .env file" }
        } }
    }
}
