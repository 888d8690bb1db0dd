//! The document of the API (`OpenAPI` 3.1), made from the code.

use axum::Json;
use utoipa::{
    OpenApi as _,
    openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder},
};

use super::{blueprints, compare, control, dto, events, runs, secrets, tokens, triggers};
use crate::{health, metrics, triggers::webhook};

/// What is below [`super::BASE`].
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(
        show,
        blueprints::list,
        blueprints::one,
        blueprints::source,
        blueprints::graph,
        blueprints::check,
        runs::start,
        runs::list,
        runs::one,
        runs::value,
        events::list,
        control::cancel,
        control::resume,
        control::retry,
        control::approve,
        control::reject,
        control::send,
        compare::diff,
        compare::why,
        triggers::list,
        triggers::fire,
        triggers::event,
    ),
    components(schemas(dto::Problem))
)]
struct Api;

/// All of it.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Blueprint",
        description = "Runs blueprints of a project. Values of secrets never leave it.",
    ),
    paths(
        health::lives,
        health::ready,
        metrics::page::page,
        webhook::only,
        webhook::one,
        secrets::list,
        secrets::import,
        secrets::one,
        secrets::set,
        secrets::delete,
        secrets::rename,
        tokens::list,
        tokens::create,
        tokens::revoke,
    ),
    nest((path = "/api/v1", api = Api)),
    tags(
        (name = "blueprints", description = "What can be run"),
        (name = "runs", description = "What runs, and what came of it"),
        (name = "triggers", description = "What starts runs"),
        (name = "secrets", description = "Names and changes; a value comes in and never goes out"),
        (name = "tokens", description = "Who may ask"),
        (name = "server", description = "The process"),
    )
)]
struct Document;

/// Returns the document.
pub(crate) fn document() -> OpenApi {
    let mut document = Document::openapi();
    for item in document.paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in methods.into_iter().flatten() {
            let any = operation.responses.responses.entry("default".into());
            any.or_insert_with(|| RefOr::T(other()));
        }
    }
    document
}

/// Returns what every route may answer: no token, too often, a store that cannot be read.
fn other() -> Response {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description("Why it was not done")
        .content("application/problem+json", problem)
        .build()
}

/// Returns this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "server",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(crate) async fn show() -> Json<OpenApi> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::{BASE, rows};

    #[test]
    fn every_route_is_in_the_document_and_the_other_way_round() {
        let document = serde_json::to_value(document()).unwrap();
        let mut written = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                written.insert((method.clone(), path.clone()));
            }
        }
        let served = rows()
            .into_iter()
            .map(|row| (row.method.to_owned(), format!("{BASE}{}", row.path.replace("{*", "{"))));
        let outside = ["/healthz", "/readyz", "/metrics"];
        let outside = outside.map(|path| ("get".to_owned(), path.to_owned()));
        let hooks = ["/hooks/{blueprint}", "/hooks/{blueprint}/{id}"];
        let hooks = hooks.map(|path| ("post".to_owned(), path.to_owned()));
        let served: BTreeSet<(String, String)> = served.chain(outside).chain(hooks).collect();
        assert_eq!(written, served);
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = serde_json::to_value(document()).unwrap();
        let methods = document["paths"].as_object().unwrap().values();
        let operations = methods.flat_map(|methods| methods.as_object().unwrap().values());
        let names: Vec<&str> =
            operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }
}
