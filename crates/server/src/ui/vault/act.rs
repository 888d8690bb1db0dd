//! What the forms of the vault do. A value goes from the body into the vault and nowhere else.

use std::sync::Arc;

use axum::{
    extract::{Form, Path, State, rejection::FormRejection},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use blueprint_model::{Secret, SecretName, code, egress::HostPattern};
use blueprint_project::{
    secrets,
    vault::{Change, PolicyChange, parse_host, parse_name},
};
use blueprint_vault::WeakValues;
use serde::{Deserialize, Deserializer};

use super::{Asked, Refused, blocking, key, refused_with, show};
use crate::{access::Visitor, problem::Problem, site::Site, ui::shell::Fault};

/// A value for a name. It can neither be printed nor compared.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    name: String,
    #[serde(deserialize_with = "secret")]
    value: Secret,
    #[serde(default)]
    hosts: String,
    #[serde(default)]
    force: Option<String>,
}

/// A new policy.
#[derive(Debug, Deserialize)]
pub(super) struct Allowed {
    #[serde(default)]
    hosts: String,
    #[serde(default)]
    reveal: Option<String>,
    #[serde(default)]
    expires: String,
}

/// A name that was typed.
#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    name: String,
}

/// Takes a value out of a form. Browsers end the lines of a form in their own way.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    let text = String::deserialize(from)?;
    if !text.contains('\r') {
        return Ok(Secret::new(text));
    }
    let unixy = text.replace("\r\n", "\n");
    drop(Secret::new(text));
    Ok(Secret::new(unixy))
}

/// Stores the pair of the form.
pub(super) async fn set(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    given: Result<Form<Given>, FormRejection>,
) -> Result<Response, Fault> {
    let given = form(given)?;
    let (name, hosts, is_forced) =
        (given.name.trim().to_owned(), given.hosts.clone(), given.force.is_some());
    match keep(&site, name.clone(), given, Replaces::Nothing).await {
        Ok(_) => Ok(go("stored", &name)),
        Err(problem) => {
            let is_weak = is_forced || problem.code == Some(code::WEAK_SECRET);
            let refused = Refused { problem: Some(problem.clone()), name, hosts, is_weak };
            let page = show(&site, &visitor, &Asked::default(), &refused).await?;
            Ok(refused_with(&problem, page).into_response())
        }
    }
}

/// Replaces the value of a name, or sets it where it is missing.
pub(super) async fn replace(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    visitor: Visitor,
    given: Result<Form<Given>, FormRejection>,
) -> Result<Response, Fault> {
    let given = form(given)?;
    match keep(&site, name.clone(), given, Replaces::Anything).await {
        Ok(1) => Ok(go("stored", &name)),
        Ok(_) => Ok(go("replaced", &name)),
        Err(problem) => again(&site, &visitor, &name, key::Part::Value, problem).await,
    }
}

/// Whether a value may take the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaces {
    Nothing,
    Anything,
}

async fn keep(
    site: &Arc<Site>,
    name: String,
    given: Given,
    replaces: Replaces,
) -> Result<u64, Problem> {
    let weak = if given.force.is_some() { WeakValues::Accept } else { WeakValues::Refuse };
    let value = given.value;
    let kept = blocking(site, move |site| {
        let name = parse_name(&name)?;
        if replaces == Replaces::Nothing && site.vault.has(&name)? {
            return Ok(None);
        }
        let hosts = words(&given.hosts).map(parse_host).collect::<Result<Vec<_>, _>>()?;
        let hosts: Option<Vec<HostPattern>> = (!hosts.is_empty()).then_some(hosts);
        site.vault.set(Change { name, value, hosts, weak }).map(Some)
    });
    kept.await?.ok_or_else(|| {
        let problem = Problem::new(StatusCode::CONFLICT, "the vault has a secret of this name");
        problem.help("open it to replace its value, or take another name")
    })
}

/// Changes what may be done with a secret.
pub(super) async fn policy(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    visitor: Visitor,
    Form(allowed): Form<Allowed>,
) -> Result<Response, Fault> {
    let expires = match allowed.expires.trim() {
        "" => "never",
        text => text,
    };
    let change = PolicyChange {
        hosts: Some(words(&allowed.hosts).map(str::to_owned).collect()),
        may_reveal: Some(allowed.reveal.is_some()),
        expires: Some(expires.to_owned()),
        ..PolicyChange::default()
    };
    let key = name.clone();
    let changed = blocking(&site, move |site| {
        let name = parse_name(&key)?;
        let policy = change.of(site.vault.policy(&name)?, secrets::now())?;
        site.vault.set_policy(&name, &policy)
    });
    match changed.await {
        Ok(()) => Ok(go("policy", &name)),
        Err(problem) => again(&site, &visitor, &name, key::Part::Policy, problem).await,
    }
}

/// Gives a secret another name.
pub(super) async fn rename(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Fault> {
    let (old, new) = (name.clone(), typed.name.trim().to_owned());
    let to = new.clone();
    let renamed =
        blocking(&site, move |site| site.vault.rename(&parse_name(&old)?, parse_name(&to)?));
    match renamed.await {
        Ok(()) => Ok(go("renamed", &new)),
        Err(problem) => again(&site, &visitor, &name, key::Part::Name, problem).await,
    }
}

/// Deletes a secret whose name was typed.
pub(super) async fn delete(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Fault> {
    if typed.name.trim() != name {
        let detail = "that is not its name; nothing was deleted";
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        return again(&site, &visitor, &name, key::Part::Delete, problem).await;
    }
    let key = name.clone();
    match blocking(&site, move |site| site.vault.delete(&parse_name(&key)?)).await {
        Ok(()) => Ok(go("deleted", &name)),
        Err(problem) => again(&site, &visitor, &name, key::Part::Delete, problem).await,
    }
}

/// Makes the vault.
pub(super) async fn init(State(site): State<Arc<Site>>) -> Result<Response, Fault> {
    blocking(&site, |site| site.vault.init()).await?;
    Ok(go("made", ""))
}

/// Shows the page of a secret again, with why a form of it was refused.
async fn again(
    site: &Arc<Site>,
    visitor: &Visitor,
    name: &str,
    part: key::Part,
    problem: Problem,
) -> Result<Response, Fault> {
    let page = key::show(site, visitor, name, &Asked::default(), Some((part, &problem))).await?;
    Ok(refused_with(&problem, page).into_response())
}

/// Returns what a form holds. What is wrong with it is not told in the words of the reader: they
/// could hold a part of it.
fn form<T>(form: Result<Form<T>, FormRejection>) -> Result<T, Fault> {
    match form {
        Ok(Form(given)) => Ok(given),
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the form is not whole").into()),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n', '\r', '\t']).filter(|word| !word.is_empty())
}

pub(super) fn go(done: &str, name: &str) -> Response {
    let name = SecretName::parse(name);
    let name = name.map_or(String::new(), |name| format!("&name={name}"));
    Redirect::to(&format!("/vault?done={done}{name}")).into_response()
}
