//! What each route needs, in one list.

use axum::http::Method;

use crate::tokens::Scope;

/// What somebody must be or have for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// Nothing here: the route checks a signature, and is sent to by others. Whoever has none may
    /// only do what [`crate::access::Visitor::may`] says.
    Signature,
    /// A scope.
    Scope(Scope),
    /// A scope, and not too often.
    Seldom(Scope),
}

/// Whether a request looks at something or does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Look,
    Act,
    Either,
}

/// Method, route and need. The first line that fits holds; `/x/*` is `/x` and all below it. A route
/// that is in no line needs `Admin`.
const RULES: &[(Does, &str, Needs)] = &[
    (Does::Look, "/assets/*", Needs::Nothing),
    (Does::Look, "/healthz", Needs::Nothing),
    (Does::Look, "/readyz", Needs::Nothing),
    (Does::Look, "/metrics", Needs::Scope(Scope::Read)),
    (Does::Either, "/login", Needs::Nothing),
    (Does::Act, "/logout", Needs::Nothing),
    (Does::Act, "/hooks/*", Needs::Signature),
    // The API.
    (Does::Either, "/api/v1/tokens/*", Needs::Scope(Scope::Admin)),
    (Does::Look, "/api/v1/*", Needs::Scope(Scope::Read)),
    (Does::Act, "/api/v1/secrets/*", Needs::Seldom(Scope::Secrets)),
    (Does::Act, "/api/v1/blueprints/*", Needs::Scope(Scope::Run)),
    (Does::Act, "/api/v1/runs/*", Needs::Scope(Scope::Run)),
    (Does::Act, "/api/v1/triggers/*", Needs::Scope(Scope::Run)),
    (Does::Act, "/api/v1/events/*", Needs::Scope(Scope::Run)),
    // Pages.
    (Does::Either, "/tokens/*", Needs::Scope(Scope::Admin)),
    (Does::Look, "/*", Needs::Scope(Scope::Read)),
    (Does::Act, "/vault/*", Needs::Seldom(Scope::Secrets)),
    (Does::Act, "/blueprints/*", Needs::Scope(Scope::Run)),
    (Does::Act, "/runs/*", Needs::Scope(Scope::Run)),
    (Does::Act, "/triggers/*", Needs::Scope(Scope::Run)),
];

/// Returns what a route needs.
pub(super) fn of(method: &Method, route: &str) -> Needs {
    let does = if method.is_safe() { Does::Look } else { Does::Act };
    let fits = |pattern: &str| match pattern.strip_suffix("/*") {
        Some(above) => {
            route.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        None => route == pattern,
    };
    let found = RULES
        .iter()
        .find(|(when, pattern, _)| (*when == does || *when == Does::Either) && fits(pattern));
    found.map_or(Needs::Scope(Scope::Admin), |(_, _, needs)| *needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &Method, route: &str, needs: Needs) {
        assert_eq!(of(method, route), needs, "{method} {route}");
    }

    #[test]
    fn every_route_has_a_need() {
        let scope = Needs::Scope;
        check(&Method::GET, "/", scope(Scope::Read));
        check(&Method::GET, "/healthz", Needs::Nothing);
        check(&Method::POST, "/healthz", scope(Scope::Admin));
        check(&Method::GET, "/assets/style.css", Needs::Nothing);
        check(&Method::GET, "/assetsx", scope(Scope::Read));
        check(&Method::POST, "/hooks/{blueprint}", Needs::Signature);
        check(&Method::GET, "/api/v1/secrets", scope(Scope::Read));
        check(&Method::PUT, "/api/v1/secrets/{name}", Needs::Seldom(Scope::Secrets));
        check(&Method::GET, "/api/v1/tokens", scope(Scope::Admin));
        check(&Method::POST, "/api/v1/blueprints/{name}/runs", scope(Scope::Run));
        check(&Method::POST, "/vault", Needs::Seldom(Scope::Secrets));
        check(&Method::DELETE, "/something/new", scope(Scope::Admin));
    }
}
