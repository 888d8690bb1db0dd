//! What a person does with a run: cancel, resume, retry, answer. Each leads back to a page.

use std::sync::Arc;

use axum::{
    extract::{Form, Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use blueprint_model::{RunId, Value, journal::OpenQuestion};
use blueprint_project::{
    answers::{self, Decision, Verdict},
    tail,
};
use maud::html;

use super::panel;
use crate::{
    access::Visitor,
    acts,
    site::Site,
    ui::{
        form::{self, Faults},
        shell::{self, Fault, Tab},
    },
};

/// Pairs of a form.
type Pairs = Vec<(String, String)>;

/// Asks a run to stop.
pub(in crate::ui) async fn cancel(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
) -> Result<Redirect, Fault> {
    Ok(to(&acts::cancel(&site, &run).await?))
}

/// Goes on with a run that nobody works on.
pub(in crate::ui) async fn resume(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
) -> Result<Redirect, Fault> {
    Ok(to(&acts::resume(&site, &run).await?))
}

/// Starts a run with the inputs of this one; with `from`, at that block.
pub(in crate::ui) async fn retry(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Result<Redirect, Fault> {
    let from = value_of(&pairs, "from");
    Ok(to(&acts::again(&site, &run, from, "ui").await?.run))
}

/// Answers a question; what does not fit its form is shown beside the fields.
pub(in crate::ui) async fn answer(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Path(run): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Fault> {
    let run = acts::find(&site, &run).await?.summary.run;
    let block = value_of(&pairs, "block");
    let open = answers::question(&*site.journal, &run, block).await.map_err(acts::not_awaited)?;
    let verdict = match value_of(&pairs, "verdict") {
        Some("approved") => Verdict::Approved,
        Some("rejected") => Verdict::Rejected,
        Some(_) | None => return Err(Fault::not_found("the form says neither yes nor no")),
    };
    let form = match verdict {
        Verdict::Rejected => Ok(Value::Null),
        Verdict::Approved => read(&open, &pairs),
    };
    let form = match form {
        Ok(form) => form,
        Err(faults) => return again(&site, &visitor, open, &pairs, &faults).await,
    };
    let by = visitor.logged_in().map(str::to_owned);
    let note = value_of(&pairs, "note").map(str::to_owned);
    let decision = Decision { verdict, by, note, form };
    answers::decide(&*site.journal, &open, decision).await?;
    Ok(to(&run).into_response())
}

/// Returns what was typed into the form of a question, or what is wrong with it.
fn read(open: &OpenQuestion, pairs: &Pairs) -> Result<Value, Faults> {
    let fields = form::of_question(&open.question.details);
    let (typed, faults) = form::read(&fields, &form::typed(pairs));
    if !faults.is_empty() {
        return Err(faults);
    }
    answers::form(open, typed).map_err(|err| {
        let said = err.to_string().split("; ").map(str::to_owned).collect();
        form::sort(&fields, said)
    })
}

async fn again(
    site: &Site,
    visitor: &Visitor,
    open: OpenQuestion,
    pairs: &Pairs,
    faults: &Faults,
) -> Result<Response, Fault> {
    let handles = tail::handles(&*site.journal, &open.run).await?;
    let open = answers::as_shown(open, &handles);
    let typed = form::typed(pairs);
    let body = html! {
        div.head { div.grow {
            p.crumbs { a href={ "/runs/" (open.run) } { "Run " (open.run.short()) } }
            h1 { "Your answer" }
        } }
        section.card { div.pad { (panel::question_form(visitor, &open, Some(&typed), faults)) } }
    };
    let page = shell::page(site, visitor, Tab::Runs, "Your answer", &body);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

fn value_of<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    let found = pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    found.filter(|value| !value.is_empty())
}

fn to(run: &RunId) -> Redirect {
    Redirect::to(&format!("/runs/{run}"))
}
