//! Secrets: their names, what uses them, and changes. A value comes in and never goes out.

mod dto;

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use blueprint_model::{Secret, SecretName};
use blueprint_project::vault::{self, Change, Existing, ProjectVault, VaultPage};
use blueprint_vault::WeakValues;
use serde::Deserialize;

use self::dto::{
    Deleted, Import, Imported, ImportedSecret, NewName, NewValue, OnExisting, Renamed, Secrets,
    Stored, UsedBy,
};
use super::take::{Body, Path};
use crate::{problem::Problem, site::Site};

/// Lists the secrets: names, states and uses, never values.
#[utoipa::path(
    get,
    path = "/api/v1/secrets",
    operation_id = "list_secrets",
    tag = "secrets",
    responses((status = 200, description = "The secrets by name, without values", body = Secrets))
)]
pub(super) async fn list(State(site): State<Arc<Site>>) -> Result<Json<Secrets>, Problem> {
    Ok(Json(Secrets::of(page(&site).await?)))
}

/// Returns what is known of a secret, without its value.
#[utoipa::path(
    get,
    path = "/api/v1/secrets/{name}",
    operation_id = "get_secret",
    tag = "secrets",
    params(("name" = String, Path, description = "The name", pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,127}$")),
    responses(
        (status = 200, description = "The secret, without its value", body = dto::Secret),
        (status = 404, description = "There is no such secret, and nothing uses it"),
    )
)]
pub(super) async fn one(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
) -> Result<Json<dto::Secret>, Problem> {
    let name = vault::parse_name(&name)?;
    let page = page(&site).await?;
    let found = page.entries.iter().find(|entry| entry.name == name.as_str());
    found.map(|entry| Json(dto::Secret::of(entry))).ok_or_else(|| missing(&name))
}

/// Sets a secret; the next run uses the new value.
#[utoipa::path(
    put,
    path = "/api/v1/secrets/{name}",
    operation_id = "set_secret",
    tag = "secrets",
    params(("name" = String, Path, description = "The name", pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,127}$")),
    request_body = NewValue,
    responses(
        (status = 200, description = "Replaced; the answer has the version", body = Stored),
        (status = 201, description = "Stored", body = Stored),
        (status = 422, description = "The name or the value will not do"),
        (status = 503, description = "There is no vault, or it is locked"),
    )
)]
pub(super) async fn set(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let name = vault::parse_name(&name)?;
    let NewValue { value, hosts, force } = read(&body)?;
    let value = Secret::new(value);
    let hosts = hosts.map(|hosts| hosts.iter().map(|host| vault::parse_host(host)).collect());
    let change = Change { name: name.clone(), value, hosts: hosts.transpose()?, weak: weak(force) };
    let version = with_vault(&site, move |vault| Ok(vault.set(change)?)).await?;
    let status = if version == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Stored { name: name.as_str().into(), version })).into_response())
}

/// Gives a secret another name; its value stays.
#[utoipa::path(
    post,
    path = "/api/v1/secrets/{name}/rename",
    operation_id = "rename_secret",
    tag = "secrets",
    params(("name" = String, Path, description = "The name it has",
        pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,127}$")),
    request_body = NewName,
    responses(
        (
            status = 200,
            description = "Renamed; the answer lists what still uses the old name",
            body = Renamed,
        ),
        (status = 404, description = "There is no such secret in the vault file"),
        (status = 409, description = "Another secret has the new name"),
    )
)]
pub(super) async fn rename(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    Body(new): Body<NewName>,
) -> Result<Json<Renamed>, Problem> {
    let (from, to) = (vault::parse_name(&name)?, vault::parse_name(&new.name)?);
    let used_by = uses_of(&site, &from).await?;
    let (old, new) = (from.clone(), to.clone());
    with_vault(&site, move |vault| {
        must_be_there(vault, &old)?;
        if vault.has(&new)? {
            let detail = format!("the vault has a secret `{new}` already");
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        Ok(vault.rename(&old, new)?)
    })
    .await?;
    Ok(Json(Renamed { name: to.as_str().into(), was: from.as_str().into(), used_by }))
}

/// Deletes a secret for good; the answer lists what used it.
#[utoipa::path(
    delete,
    path = "/api/v1/secrets/{name}",
    operation_id = "delete_secret",
    tag = "secrets",
    params(("name" = String, Path, description = "The name", pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,127}$")),
    responses(
        (status = 200, description = "Deleted; the answer lists what used it", body = Deleted),
        (status = 404, description = "There is no such secret in the vault file"),
    )
)]
pub(super) async fn delete(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
) -> Result<Json<Deleted>, Problem> {
    let name = vault::parse_name(&name)?;
    let used_by = uses_of(&site, &name).await?;
    let gone = name.clone();
    with_vault(&site, move |vault| {
        must_be_there(vault, &gone)?;
        Ok(vault.delete(&gone)?)
    })
    .await?;
    Ok(Json(Deleted { name: name.as_str().into(), used_by }))
}

/// Stores the secrets of a `.env` file, all or none, or shows their names.
#[utoipa::path(
    post,
    path = "/api/v1/secrets",
    operation_id = "import_secrets",
    tag = "secrets",
    request_body = Import,
    responses(
        (
            status = 200,
            description = "The names, and what became or would become of them",
            body = Imported,
        ),
        (status = 422, description = "A value is weak, a name is there, or the text is none"),
    )
)]
pub(super) async fn import(
    State(site): State<Arc<Site>>,
    body: Bytes,
) -> Result<Json<Imported>, Problem> {
    let Import { text, existing, force, preview } = read(&body)?;
    let text = Secret::new(text);
    let existing = match existing {
        OnExisting::Refuse => Existing::Refuse,
        OnExisting::Replace => Existing::Replace,
        OnExisting::Keep => Existing::Keep,
    };
    let secrets = if preview {
        let pairs = with_vault(&site, move |vault| Ok(vault.import_preview(&text)?)).await?;
        pairs.iter().map(ImportedSecret::looked_at).collect()
    } else {
        let done =
            with_vault(&site, move |vault| Ok(vault.import(&text, existing, weak(force))?));
        let stored = |(name, version): (SecretName, u64)| ImportedSecret {
            name: name.as_str().into(),
            version: Some(version),
            is_there: None,
            weak: None,
        };
        done.await?.into_iter().map(stored).collect()
    };
    Ok(Json(Imported { secrets, is_preview: preview }))
}

/// Returns what is shown of the vault.
pub(crate) async fn page(site: &Arc<Site>) -> Result<VaultPage, Problem> {
    let snapshot = site.catalogue.now();
    with_vault(site, move |vault| {
        let plans = snapshot.entries.values().filter_map(|entry| entry.plan.as_deref());
        Ok(vault.page(plans))
    })
    .await
}

/// Does something with the vault, which blocks, on a thread for that.
pub(crate) async fn with_vault<T: Send + 'static>(
    site: &Arc<Site>,
    act: impl FnOnce(&ProjectVault) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let site = site.clone();
    let done = tokio::task::spawn_blocking(move || act(&site.vault)).await;
    done.unwrap_or_else(|err| {
        tracing::error!("the vault: {err}");
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server could not do this"))
    })
}

async fn uses_of(site: &Arc<Site>, name: &SecretName) -> Result<Vec<UsedBy>, Problem> {
    let page = page(site).await?;
    let found = page.entries.iter().find(|entry| entry.name == name.as_str());
    Ok(found.map(|entry| entry.uses.iter().map(UsedBy::of).collect()).unwrap_or_default())
}

fn must_be_there(vault: &ProjectVault, name: &SecretName) -> Result<(), Problem> {
    if vault.has(name)? { Ok(()) } else { Err(missing(name)) }
}

fn missing(name: &SecretName) -> Problem {
    Problem::not_found(format!("the vault has no secret `{name}`"))
}

fn weak(force: bool) -> WeakValues {
    if force { WeakValues::Accept } else { WeakValues::Refuse }
}

/// Reads a body that holds a secret: what is wrong with it is said without repeating any of it.
fn read<T: for<'de> Deserialize<'de>>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|err| {
        let (line, column) = (err.line(), err.column());
        let detail = format!("the body is not what is expected (line {line}, column {column})");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
            .help("{\"value\": \"…\"}, and for more see /api/v1/openapi.json")
    })
}
