//! What all pages share: the head, the tabs, the place for their content, and pages about problems.

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use blueprint_model::JournalError;
use blueprint_project::store;
use maud::{DOCTYPE, Markup, html};

use crate::{access::Visitor, problem::Problem, site::Site, ui::assets};

/// How long browsers keep a page: not at all, as it shows what is now.
const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// The parts of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    /// What fails, runs, waits.
    Start,
    /// The blueprints.
    Blueprints,
    /// The runs.
    Runs,
    /// The secrets.
    Vault,
    /// What starts runs.
    Triggers,
    /// The HTTP API.
    Api,
    /// How the server is.
    Diagnostics,
}

impl Tab {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Start, "/", "Start"),
        (Self::Blueprints, "/blueprints", "Blueprints"),
        (Self::Runs, "/runs", "Runs"),
        (Self::Vault, "/vault", "Vault"),
        (Self::Triggers, "/triggers", "Triggers"),
        (Self::Api, "/api", "API"),
        (Self::Diagnostics, "/diagnostics", "Diagnostics"),
    ];
}

/// A page, as handlers return it.
pub(crate) type Page = ([(header::HeaderName, &'static str); 1], Html<String>);

/// Returns a page with its tab open. `body` is what stands in `main`, from the heading on.
pub(crate) fn page(site: &Site, visitor: &Visitor, tab: Tab, title: &str, body: &Markup) -> Page {
    let person = visitor.logged_in().map(|name| sign_out(name, visitor.csrf()));
    (NO_STORE, Html(document(&site.name(), Some(tab), title, person.as_ref(), body).into_string()))
}

/// Returns a page for somebody who may not see the others: no tabs.
pub(crate) fn alone(site: &Site, title: &str, body: &Markup) -> Page {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&site.name(), title))
            body {
                header.top { span.brand { (sign()) span { (site.name()) } } }
                main id="main" tabindex="-1" { (body) }
            }
        }
    };
    (NO_STORE, Html(page.into_string()))
}

/// Returns a part of a page, for what is swapped in.
pub(crate) fn fragment(body: Markup) -> Page {
    (NO_STORE, Html(body.into_string()))
}

fn head(site: &str, title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · " (site) }
            link rel="icon" type="image/svg+xml" href=(assets::ICON.href);
            link rel="stylesheet" href=(assets::STYLE.href);
            script src=(assets::THEME.href) {}
            script src=(assets::APP.href) type="module" {}
        }
    }
}

/// Returns who has logged in, and the button that ends that.
fn sign_out(name: &str, csrf: &str) -> Markup {
    html! {
        form method="post" action="/logout" {
            input type="hidden" name="_csrf" value=(csrf);
            button.plain type="submit" title={ "Logged in as " (name) } { "Log out" }
        }
    }
}

fn document(
    site: &str,
    tab: Option<Tab>,
    title: &str,
    person: Option<&Markup>,
    body: &Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(site, title))
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href="/" { (sign()) span { (site) } }
                    nav.tabs aria-label="Main" {
                        @for (at, href, label) in Tab::ALL {
                            a href=(href) aria-current=[(tab == Some(at)).then_some("page")] {
                                (label)
                            }
                        }
                    }
                    button.plain.js-only id="theme" type="button"
                        aria-label="Change between light and dark" title="Light or dark" {
                        (half_moon())
                    }
                    @if let Some(person) = person { (person) }
                }
                main id="main" tabindex="-1" { (body) }
                div.sr id="live" role="status" aria-live="polite" {}
            }
        }
    }
}

fn sign() -> Markup {
    html! {
        svg width="20" height="20" viewBox="0 0 20 20" fill="none" stroke="currentColor"
            stroke-width="1.5" stroke-linejoin="round" aria-hidden="true" {
            rect x="1" y="1" width="18" height="18" rx="4" {}
            path d="M5.5 6h4v3h-4zM10.5 11h4v3h-4zM7.5 9v3.5h3" {}
        }
    }
}

fn half_moon() -> Markup {
    html! {
        svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" {
            circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.5" {}
            path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor" {}
        }
    }
}

/// A problem as a page; handlers of pages return it as their error.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Problem);

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<anyhow::Error> for Fault {
    fn from(err: anyhow::Error) -> Self {
        Self(err.into())
    }
}

impl From<JournalError> for Fault {
    fn from(err: JournalError) -> Self {
        Self(store::failure(err).into())
    }
}

impl Fault {
    /// Returns the fault of a thing that is not there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self(Problem::not_found(detail))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let title = match problem.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "Not allowed",
            _ => "This did not work",
        };
        let body = html! {
            h1 { (title) }
            (notice(Tone::Bad, html! {
                p { (problem.detail) @if let Some(code) = problem.code { " (" (code) ")" } }
                @if !problem.faults.is_empty() {
                    ul { @for fault in &problem.faults { li { (fault) } } }
                }
                @if let Some(hint) = &problem.hint { p.soft { (hint) } }
            }))
            p { a href="/" { "To the start page" } }
        };
        let html = document("Blueprint", None, title, None, &body).into_string();
        let mut response = (problem.status, NO_STORE, Html(html)).into_response();
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// How something is meant: gives its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It may go wrong.
    Warn,
    /// It is worth knowing.
    Note,
}

/// Returns a notice: a box with something to know now.
#[expect(clippy::needless_pass_by_value, reason = "as `html!` gives it")]
pub(crate) fn notice(tone: Tone, body: Markup) -> Markup {
    let (class, role) = match tone {
        Tone::Good => ("n-good", "status"),
        Tone::Bad => ("n-bad", "alert"),
        Tone::Warn => ("n-warn", "note"),
        Tone::Note => ("n-note", "note"),
    };
    html! { div.notice.(class) role=(role) { div { (body) } } }
}
