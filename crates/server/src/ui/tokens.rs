//! Access tokens, for who may make and revoke them. A new one is shown once.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    extract::{Form, Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{Markup, html};

use crate::{
    access::Visitor,
    problem::Problem,
    site::Site,
    tokens::{self, Scope, Token, TokenError},
    ui::{
        parts,
        shell::{self, Fault, Page, Tab, Tone},
    },
};

/// Returns the routes of tokens.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/tokens", get(page).post(create))
        .route("/tokens/{id}/revoke", post(revoke))
}

/// What stands above the list.
enum Said {
    Nothing,
    /// A new token: its name and its text.
    New(String, String),
    Refused(Problem),
}

async fn page(State(site): State<Arc<Site>>, visitor: Visitor) -> Result<Page, Fault> {
    show(&site, &visitor, &Said::Nothing).await
}

async fn show(site: &Site, visitor: &Visitor, said: &Said) -> Result<Page, Fault> {
    let tokens = tokens::list(&*site.journal).await?;
    let body = html! {
        div.head { div.grow {
            h1 { "Tokens" }
            p.soft { "Who has one may do what its scopes say, here and over the API." }
        } }
        @match said {
            Said::Nothing => {}
            Said::New(name, secret) => (new_token(name, secret)),
            Said::Refused(problem) => (shell::notice(Tone::Bad, html! { p { (problem.detail) } })),
        }
        section.card aria-label="Tokens" {
            @if tokens.is_empty() {
                (parts::empty(
                    "There is no token. As soon as there is one, this server asks everybody for it.",
                    Some("blueprint token create NAME --scope admin"),
                ))
            } @else { (table(site, visitor, &tokens)) }
        }
        (form(visitor, tokens.is_empty()))
    };
    Ok(shell::page(site, visitor, Tab::Diagnostics, "Tokens", &body))
}

fn new_token(name: &str, secret: &str) -> Markup {
    shell::notice(
        Tone::Good,
        html! {
            p { strong { (name) } " is made. This is its text; it cannot be shown again:" }
            p { code.token { (secret) } " " (parts::copy("Copy", secret)) }
        },
    )
}

fn table(site: &Site, visitor: &Visitor, tokens: &[Token]) -> Markup {
    let now = site.now();
    html! {
        div.scroll { table {
            thead { tr { th { "Name" } th { "Id" } th { "Scopes" } th { "Made" } th { "Last used" } th {} } }
            tbody { @for token in tokens { tr {
                th scope="row" { (token.name) }
                td.fit.mono { (token.id) }
                td { @for scope in &token.scopes { span.tag { (scope) } " " } }
                td.fit { (parts::time(token.created, now)) }
                td.fit { @match token.last_used { Some(at) => (parts::time(at, now)), None => span.soft { "never" } } }
                td.fit { (parts::form(visitor, &format!("/tokens/{}/revoke", parts::segment(&token.id)), html! {
                    button.danger.small aria-label={ "Revoke " (token.name) } { "Revoke" }
                })) }
            } } }
        } }
    }
}

fn form(visitor: &Visitor, is_first: bool) -> Markup {
    html! {
        section.card aria-labelledby="create-title" {
            header { h2 id="create-title" { "Make a token" } }
            div.pad { (parts::form(visitor, "/tokens", html! { div.fields.narrow {
                div.field {
                    label for="token-name" { "Name" }
                    input id="token-name" name="name" type="text" required maxlength=(tokens::MAX_NAME)
                        autocomplete="off" placeholder="ci";
                }
                fieldset.field {
                    legend.label { "What it allows" }
                    @for scope in Scope::ALL {
                        label.choice {
                            input type="checkbox" name="scope" value=(scope)
                                checked[is_first && scope == Scope::Admin];
                            span { strong { (scope) } " " span.soft { (allows(scope)) } }
                        }
                    }
                }
                div.actions { button.main { "Make" } }
            } })) }
        }
    }
}

fn allows(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "look at blueprints, runs and names of secrets",
        Scope::Run => "start, cancel and answer runs",
        Scope::Secrets => "set, rename and delete secrets",
        Scope::Admin => "all of it, and tokens",
    }
}

/// Makes a token. A box may be ticked several times, so that the form is a list.
async fn create(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    let (name, scopes) = read(pairs);
    match tokens::create(&*site.journal, name.trim(), scopes, site.now()).await {
        Ok((token, secret)) => {
            site.access.changed();
            let page = show(&site, &visitor, &Said::New(token.name, secret)).await?;
            Ok(page.into_response())
        }
        Err(TokenError::Store(err)) => Err(err.into()),
        Err(err) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let said = Said::Refused(Problem::new(status, err.to_string()));
            Ok((status, show(&site, &visitor, &said).await?).into_response())
        }
    }
}

async fn revoke(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Result<Response, Fault> {
    match tokens::revoke(&*site.journal, &id).await? {
        Some(_) => {
            site.access.changed();
            Ok(Redirect::to("/tokens").into_response())
        }
        None => Err(Fault::not_found("there is no such token")),
    }
}

fn read(pairs: Vec<(String, String)>) -> (String, BTreeSet<Scope>) {
    let (mut name, mut scopes) = (String::new(), BTreeSet::new());
    for (key, value) in pairs {
        match key.as_str() {
            "name" => name = value,
            "scope" => scopes.extend(Scope::parse(&value)),
            _ => {}
        }
    }
    (name, scopes)
}
