//! Tokens: who has one, a new one, one less.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use blueprint_project::store;
use serde::{Deserialize, Serialize};

use super::take::{Body, Path};
use crate::{
    problem::Problem,
    site::Site,
    tokens::{self, Scope, Token, TokenError},
};

/// A token, without its text.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Token)]
pub(super) struct Shown {
    /// By which it is known.
    id: String,
    /// What it is called.
    name: String,
    /// What its bearer may do.
    scopes: Vec<&'static str>,
    /// When it was made.
    created: String,
    /// When it was last used, to some minutes.
    last_used: Option<String>,
    /// The text, in the answer to whoever made it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Shown {
    fn of(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            created: format!("{:.0}", token.created),
            last_used: token.last_used.map(|at| format!("{at:.0}")),
            token: None,
        }
    }
}

/// The tokens of a project.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Tokens {
    /// By name.
    tokens: Vec<Shown>,
}

/// What a new token shall be.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// What it is called.
    name: String,
    /// What its bearer may do: `read`, `run`, `secrets`, `admin`.
    scopes: Vec<String>,
}

/// Lists the tokens.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    operation_id = "list_tokens",
    tag = "tokens",
    responses((status = 200, description = "The tokens, without their texts", body = Tokens))
)]
pub(super) async fn list(State(site): State<Arc<Site>>) -> Result<Json<Tokens>, Problem> {
    let tokens = tokens::list(&*site.journal).await.map_err(store::failure)?;
    Ok(Json(Tokens { tokens: tokens.iter().map(Shown::of).collect() }))
}

/// Makes a token; the answer is the only place where its text is shown.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    operation_id = "create_token",
    tag = "tokens",
    request_body = Wanted,
    responses(
        (status = 201, description = "The token, with its text in `token`", body = Shown),
        (status = 409, description = "A token has this name"),
        (status = 422, description = "The name or the scopes will not do"),
    )
)]
pub(super) async fn create(
    State(site): State<Arc<Site>>,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Problem> {
    let wrong = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let scopes: Option<BTreeSet<Scope>> =
        wanted.scopes.iter().map(|scope| Scope::parse(scope)).collect();
    let scopes =
        scopes.ok_or_else(|| wrong("the scopes are read, run, secrets and admin".into()))?;
    let made = tokens::create(&*site.journal, &wanted.name, scopes, site.now()).await;
    let (token, text) = made.map_err(|err| match err {
        TokenError::Store(err) => store::failure(err).into(),
        TokenError::Taken(_) => Problem::new(StatusCode::CONFLICT, err.to_string()),
        TokenError::Name | TokenError::NoScope | TokenError::Full => wrong(err.to_string()),
    })?;
    site.access.changed();
    let shown = Shown { token: Some(text), ..Shown::of(&token) };
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// Revokes a token, named by its id or its name.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{token}",
    operation_id = "revoke_token",
    tag = "tokens",
    params(("token" = String, Path, description = "Its id or its name")),
    responses(
        (status = 200, description = "The token that is revoked", body = Shown),
        (status = 404, description = "There is no such token"),
    )
)]
pub(super) async fn revoke(
    State(site): State<Arc<Site>>,
    Path(typed): Path<String>,
) -> Result<Json<Shown>, Problem> {
    let revoked = tokens::revoke(&*site.journal, &typed).await.map_err(store::failure)?;
    let token = revoked.ok_or_else(|| Problem::not_found("there is no such token"))?;
    site.access.changed();
    Ok(Json(Shown::of(&token)))
}
