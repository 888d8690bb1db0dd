//! The page about the HTTP API, made from the document that programs get too.

mod document;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use axum::{
    extract::State,
    http::{HeaderMap, header},
};
use maud::{Markup, html};

use self::document::{Body, Field, Route, Sort};
use crate::{
    access::Visitor,
    api,
    site::Site,
    ui::{
        parts,
        shell::{self, Page, Tab},
    },
};

/// Where the document is.
const DOCUMENT: &str = "/api/v1/openapi.json";

static SORTS: LazyLock<Vec<Sort>> = LazyLock::new(|| document::read(&api::document()));

/// How examples ask.
struct Asking<'a> {
    /// Scheme, host and port.
    base: String,
    /// Whether a token is needed.
    has_token: bool,
    /// Values of paths.
    known: BTreeMap<&'a str, &'a str>,
}

/// Shows the page.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Page {
    let sorts = &*SORTS;
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let proto = headers.get("x-forwarded-proto").and_then(|it| it.to_str().ok());
    let scheme = if proto == Some("https") { "https" } else { "http" };
    let snapshot = site.catalogue.now();
    let blueprint = snapshot.entries.keys().next().map(String::as_str).unwrap_or("NAME");
    let asking = Asking {
        base: format!("{scheme}://{host}"),
        has_token: visitor.logged_in().is_some(),
        known: BTreeMap::from([("name", blueprint), ("blueprint", blueprint)]),
    };
    let body = html! {
        div.head { div.grow {
            h1 { "API" }
            p.soft {
                "Everything that these pages do. Bodies are JSON; what cannot be done is answered as "
                code { "application/problem+json" } ". The same as a document for programs: "
                a href=(DOCUMENT) { "OpenAPI" } "."
            }
        } }
        (access(&asking))
        div.api {
            nav.card.api-contents aria-label="Routes" {
                @for sort in sorts {
                    p { a href={ "#" (anchor(&sort.name)) } { (sort.name) } " "
                        span.soft { (sort.routes.len()) } }
                }
            }
            div.api-sorts { @for sort in sorts { (section(sort, &asking)) } }
        }
    };
    shell::page(&site, &visitor, Tab::Api, "API", &body)
}

fn access(asking: &Asking<'_>) -> Markup {
    html! {
        @if asking.has_token {
            p { "Each request carries a token: " code { "Authorization: Bearer $BLUEPRINT_TOKEN" }
                ". Somebody with the scope " code { "admin" } " makes one: "
                code { "blueprint token create NAME" } "." }
        } @else {
            p { "On this machine no token is needed. With one, "
                code { "Authorization: Bearer $BLUEPRINT_TOKEN" } " says who asks." }
        }
    }
}

fn section(sort: &Sort, asking: &Asking<'_>) -> Markup {
    let anchor = anchor(&sort.name);
    html! {
        section.card id=(anchor) aria-labelledby={ (anchor) "-title" } {
            header { h2 id={ (anchor) "-title" } { (sort.name) }
                @if !sort.text.is_empty() { span.soft { (sort.text) } } }
            @for route in &sort.routes { (entry(route, asking)) }
        }
    }
}

fn entry(route: &Route, asking: &Asking<'_>) -> Markup {
    let curl = curl(route, asking);
    html! {
        details.route id=(anchor(&format!("{} {}", route.method, route.path))) {
            summary {
                span class={ "method method-" (route.method.to_lowercase()) } { (route.method) }
                code.route-path { (route.path) }
                span.route-summary { (parts::prose(&route.summary)) }
            }
            div.pad {
                @for text in route.text.split("\n\n").filter(|text| !text.is_empty()) { p { (parts::prose(text)) } }
                div.curl { pre.code tabindex="0" aria-label="Command" { (curl) } (parts::copy("Copy", &curl)) }
                @if !route.parameters.is_empty() {
                    h3 { "Parameters" } (table(&route.parameters))
                }
                @if let Some(body) = &route.body { (body_of(body)) }
                h3 { "Answers" }
                @for (status, words, fields) in &route.answers {
                    @if fields.is_empty() {
                        p.answer { code class={ "status status-" (&status[..1]) } { (status) } " " (words) }
                    } @else {
                        details.answer {
                            summary { code class={ "status status-" (&status[..1]) } { (status) } " " (words) }
                            (table(fields))
                        }
                    }
                }
            }
        }
    }
}

fn body_of(body: &Body) -> Markup {
    html! {
        h3 { "Body" span.soft { " " (body.kind) } }
        @if body.fields.is_empty() {
            p.soft { "An object." }
        } @else { (table(&body.fields)) }
    }
}

fn table(fields: &[Field]) -> Markup {
    html! {
        div.scroll { table.fields-table {
            thead { tr { th { "Name" } th { "Value" } th { "What" } } }
            tbody { @for field in fields {
                tr {
                    td.fit { code { (field.name) }
                        @if !field.place.is_empty() { " " span.soft { (field.place) } } }
                    td { (field.kind) @if field.is_required { " " span.tag { "required" } } }
                    td { (parts::prose(&field.text)) }
                }
            } }
        } }
    }
}

/// Returns a command that does what a route does. A token is named, never written.
fn curl(route: &Route, asking: &Asking<'_>) -> String {
    let path = document::example_path(&route.path, &asking.known);
    let method = match route.method.as_str() {
        "GET" => String::new(),
        method => format!(" -X {method}"),
    };
    let token = match asking.has_token {
        true => " \\\n  -H \"Authorization: Bearer $BLUEPRINT_TOKEN\"",
        false => "",
    };
    let body = route.body.as_ref().map_or(String::new(), |body| {
        let example = body.example.to_string().replace('\'', "'\\''");
        format!(" \\\n  -H 'Content-Type: {}' \\\n  -d '{example}'", body.kind)
    });
    format!("curl{method} {}{path}{token}{body}", asking.base)
}

fn anchor(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.chars().map(plain).collect();
    let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-")
}
