//! Blueprints: which there are, their texts, pictures and faults.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use blueprint_project::drawing::{self, Drawing};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    dto::{self, Blueprint, Blueprints, Check, Fault},
    take::{Path, Query},
};
use crate::{problem::Problem, runs, site::Site};

/// Lists the blueprints of the project.
#[utoipa::path(
    get,
    path = "/blueprints",
    operation_id = "list_blueprints",
    tag = "blueprints",
    responses((status = 200, description = "By name", body = Blueprints)),
)]
pub(crate) async fn list(State(site): State<Arc<Site>>) -> Json<Blueprints> {
    let snapshot = site.catalogue.now();
    Json(Blueprints { blueprints: snapshot.entries.values().map(Blueprint::of).collect() })
}

/// Returns a blueprint.
#[utoipa::path(
    get,
    path = "/blueprints/{name}",
    operation_id = "get_blueprint",
    tag = "blueprints",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "It", body = Blueprint),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
) -> Result<Json<Blueprint>, Problem> {
    let snapshot = site.catalogue.now();
    Ok(Json(Blueprint::of(snapshot.get(&name)?)))
}

/// Returns the text of a blueprint's file as it is now.
#[utoipa::path(
    get,
    path = "/blueprints/{name}/source",
    operation_id = "get_source",
    tag = "blueprints",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "YAML", body = String, content_type = "text/plain"),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn source(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let snapshot = site.catalogue.now();
    let text = snapshot.get(&name)?.source.text.to_string();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// In which way a graph is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Data.
    #[default]
    Json,
    /// A picture.
    Svg,
    /// Text that many sites draw.
    Mermaid,
    /// Text for Graphviz.
    Dot,
}

/// How a graph is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drawn {
    /// How it is written.
    #[param(inline)]
    #[serde(default)]
    format: Format,
}

/// Returns the graph of a blueprint that is in force.
#[utoipa::path(
    get,
    path = "/blueprints/{name}/graph",
    operation_id = "get_graph",
    tag = "blueprints",
    params(("name" = String, Path, description = "Its name"), Drawn),
    responses(
        (status = 200, description = "As asked for", content(
            (Object = "application/json"),
            (String = "image/svg+xml"),
            (String = "text/plain"),
        )),
        (status = "4XX", description = "There is none, or nothing of it is in force",
            body = dto::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn graph(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    Query(drawn): Query<Drawn>,
) -> Result<Response, Problem> {
    let plan = runs::plan_of(&site.catalogue.now(), &name)?;
    let (format, kind) = match drawn.format {
        Format::Json => (drawing::Format::Json, "application/json"),
        Format::Svg => (drawing::Format::Svg, "image/svg+xml"),
        Format::Mermaid => (drawing::Format::Mermaid, "text/plain; charset=utf-8"),
        Format::Dot => (drawing::Format::Dot, "text/plain; charset=utf-8"),
    };
    let picture = drawing::render(&Drawing::of(&plan.name, plan.outline()), format);
    Ok(([(header::CONTENT_TYPE, kind)], picture).into_response())
}

/// Returns what is wrong with a blueprint's file as it is now.
#[utoipa::path(
    get,
    path = "/blueprints/{name}/check",
    operation_id = "check_blueprint",
    tag = "blueprints",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "What was found", body = Check),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn check(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
) -> Result<Json<Check>, Problem> {
    let snapshot = site.catalogue.now();
    let entry = snapshot.get(&name)?;
    let found = entry.diagnostics.iter().map(|fault| Fault::of(fault, &entry.source));
    Ok(Json(Check { state: dto::State::of(entry), diagnostics: found.collect() }))
}
