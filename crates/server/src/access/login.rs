//! The page where a browser shows a token, and gets a cookie for it.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    extract::{Form, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::html;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Visitor, buckets, buckets::Rate, guard, sessions::LASTS};
use crate::{
    site::Site,
    ui::shell::{self, Fault, Tone, notice},
};

/// Returns the routes for logging in and out.
pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new().route("/login", get(page).post(login)).route("/logout", post(logout))
}

/// Returns the address of the page for somebody who wants to go to `next`.
pub(super) fn address(next: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    let next = next.bytes().map(|byte| match plain(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    format!("/login?next={}", next.collect::<String>())
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Shown {
    token: String,
    #[serde(default)]
    next: String,
}

async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    if !site.access.is_required() || visitor.logged_in().is_some() {
        return Redirect::to(inside(&asked.next)).into_response();
    }
    form(&site, &visitor, &asked.next, None)
}

async fn login(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    address: Option<Extension<SocketAddr>>,
    headers: HeaderMap,
    Form(shown): Form<Shown>,
) -> Response {
    let access = &site.access;
    let who = address.map(|Extension(address)| buckets::name_of(address.ip())).unwrap_or_default();
    if let Err(seconds) = access.buckets.take(Rate::Login, &who, Instant::now()) {
        return Fault(guard::too_often(seconds)).into_response();
    }
    let token = match access.token(shown.token.trim(), &*site.journal).await {
        Ok(Some(token)) => token,
        Ok(None) => {
            return form(&site, &visitor, &shown.next, Some("That is no token of this server."));
        }
        Err(err) => return Fault::from(err).into_response(),
    };
    if let Err(err) = access.note_use(&token, &*site.journal, site.now()).await {
        return Fault::from(err).into_response();
    }
    if let Some(old) = access.session_cookie(&headers) {
        access.sessions.close(old);
    }
    let id = access.sessions.open(&token.id, site.now());
    let seconds = LASTS.as_secs();
    go(inside(&shown.next), &cookie(&site, &headers, &format!("{id}; Max-Age={seconds}")))
}

async fn logout(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if let Some(id) = site.access.session_cookie(&headers) {
        site.access.sessions.close(id);
    }
    go("/login", &cookie(&site, &headers, "; Max-Age=0"))
}

fn go(to: &str, cookie: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    let cookie = HeaderValue::from_str(cookie).expect("ids are of letters and digits");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// Returns a cookie with this value; over https it is never sent without.
fn cookie(site: &Site, headers: &HeaderMap, value: &str) -> String {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let is_https = text("x-forwarded-proto").eq_ignore_ascii_case("https")
        || text("origin").starts_with("https://");
    let origin = text("origin").trim_start_matches("https://");
    let is_proxy = [text("host"), origin].iter().any(|host| site.access.hosts.is_further(host));
    let secure = if is_https && is_proxy { "; Secure" } else { "" };
    let name = site.access.cookie_name();
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// Returns where to go on, if it is on this server.
fn inside(next: &str) -> &str {
    let is_inside = next.starts_with('/') && !next.starts_with("//") && !next.starts_with("/\\");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_inside && is_plain { next } else { "/" }
}

fn form(site: &Site, visitor: &Visitor, next: &str, fault: Option<&str>) -> Response {
    let body = html! {
        div.head { h1 { "Log in" } }
        @if let Some(fault) = fault { (notice(Tone::Bad, html! { p { (fault) } })) }
        section.card {
            div.pad {
                form.fields method="post" action="/login" {
                    input type="hidden" name="_csrf" value=(visitor.csrf());
                    input type="hidden" name="next" value=(inside(next));
                    div.field {
                        label for="token" { "Token" }
                        input id="token" name="token" type="password" required autofocus
                            autocomplete="current-password" spellcheck="false";
                        p.hint {
                            "Whoever runs this server makes one: "
                            code { "blueprint token create NAME" }
                        }
                    }
                    div.actions { button.main type="submit" { "Log in" } }
                }
            }
        }
    };
    let page = shell::alone(site, "Log in", &body);
    let status = if fault.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_server() {
        assert_eq!(inside("/runs?state=failed"), "/runs?state=failed");
        for next in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb: c"]
        {
            assert_eq!(inside(next), "/", "{next}");
        }
        assert_eq!(address("/runs?a=b&c=d"), "/login?next=/runs%3Fa%3Db%26c%3Dd");
    }
}
