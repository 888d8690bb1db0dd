//! Webhooks: signed calls from outside. The signature is judged in the vault; its key never leaves.

#![expect(unused_qualifications, reason = "what utoipa makes of parameters names them twice")]

use std::sync::Arc;

use axum::{
    Form,
    body::{Body, Bytes},
    extract::{FromRequest as _, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use blueprint_engine::{PlannedKind, PlannedTrigger};
use blueprint_model::{SecretName, Value, value::Map};
use blueprint_project::triggers;
use blueprint_vault::{Refusal, Signed};

use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    signature::{self, Signature},
    wanted,
};
use crate::{
    access::{Scope, Visitor},
    api::{
        dto::{self, Answer},
        runs::begun,
        take::{self, Path, Query},
    },
    problem::Problem,
    runs,
    site::Site,
};

/// How a call is answered.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// How long to wait for the end of the run, as in `30s`; at most a minute.
    #[param(example = "30s", pattern = r"^([0-9]{1,6}(ms|s|m|h|d))+$")]
    wait: Option<String>,
}

/// What a call brings beside its body.
struct Call<'c> {
    site: &'c Arc<Site>,
    visitor: Visitor,
    headers: HeaderMap,
}

/// Takes a call to a blueprint with one webhook.
#[utoipa::path(
    post,
    path = "/hooks/{blueprint}",
    operation_id = "call_only_webhook",
    tag = "triggers",
    params(
        ("blueprint" = String, Path, description = "The blueprint"),
        Asked,
        ("X-Blueprint-Timestamp" = Option<String>, Header, description = "Seconds since 1970"),
        ("X-Blueprint-Signature" = Option<String>, Header,
            description = "`sha256=` and the HMAC-SHA-256 of `TIMESTAMP.BODY`, hexadecimal"),
    ),
    request_body(content = Object, description = "The payload: JSON, or a form"),
    responses(
        (status = 200, description = "The run has succeeded", body = Answer),
        (status = 202, description = "It has not ended", body = Answer),
        (status = 401, description = "The signature does not fit", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "It cannot start", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The signature cannot be judged now", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn only(
    State(site): State<Arc<Site>>,
    Path(blueprint): Path<String>,
    Query(asked): Query<Asked>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    Call { site: &site, visitor, headers }.take(&blueprint, None, &asked, body).await
}

/// Takes a call to one of several webhooks of a blueprint.
#[utoipa::path(
    post,
    path = "/hooks/{blueprint}/{id}",
    operation_id = "call_webhook",
    tag = "triggers",
    params(
        ("blueprint" = String, Path, description = "The blueprint"),
        ("id" = String, Path, description = "The trigger, as in `webhook-1`"),
        Asked,
        ("X-Blueprint-Timestamp" = Option<String>, Header, description = "Seconds since 1970"),
        ("X-Blueprint-Signature" = Option<String>, Header,
            description = "`sha256=` and the HMAC-SHA-256 of `TIMESTAMP.BODY`, hexadecimal"),
    ),
    request_body(content = Object, description = "The payload: JSON, or a form"),
    responses(
        (status = 200, description = "The run has succeeded", body = Answer),
        (status = 202, description = "It has not ended", body = Answer),
        (status = 401, description = "The signature does not fit", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "It cannot start", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The signature cannot be judged now", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Path((blueprint, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    Call { site: &site, visitor, headers }.take(&blueprint, Some(&id), &asked, body).await
}

impl Call<'_> {
    async fn take(
        self,
        blueprint: &str,
        id: Option<&str>,
        asked: &Asked,
        body: Bytes,
    ) -> Result<Response, Problem> {
        let wait = take::wait(asked.wait.as_deref())?;
        let snapshot = self.site.catalogue.now();
        let plan = snapshot.entries.get(blueprint).and_then(|entry| entry.plan.as_ref());
        let all = plan.into_iter().flat_map(|plan| &plan.triggers);
        let hooks: Vec<(&PlannedTrigger, Option<&SecretName>)> = all
            .filter(|trigger| id.is_none_or(|id| id == trigger.id))
            .filter_map(|trigger| match &trigger.kind {
                PlannedKind::Webhook { signing_key } => Some((trigger, signing_key.as_ref())),
                PlannedKind::Api | PlannedKind::Cron { .. } | PlannedKind::Event { .. } => None,
            })
            .collect();
        // Who is not known learns no more than that.
        let [(trigger, key)] = hooks.as_slice() else {
            let problem = Problem::not_found("there is no such webhook");
            return Err(match hooks.len() {
                0 => problem,
                _ => problem.help(format!("say which: /hooks/{blueprint}/ID")),
            });
        };
        let delivery = match key {
            Some(key) => Some(self.judge(blueprint, key, &body).await?),
            None if self.visitor.may(Scope::Run) => None,
            None => {
                let detail = "this webhook has no key, so it needs a token";
                return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
            }
        };
        let payload = payload(&self.headers, body).await?;
        let firing = triggers::firing(trigger, payload, Value::Null);
        let mut firing = firing.map_err(anyhow::Error::from)?;
        firing.origin.key =
            delivery.map(|delivery| format!("webhook/{blueprint}/{}/{delivery}", trigger.id));
        let started = runs::start(self.site, wanted(blueprint, firing)).await?;
        begun(self.site, &started, wait).await
    }

    /// Judges the signature; returns by what the delivery is known.
    async fn judge(
        &self,
        blueprint: &str,
        key: &SecretName,
        body: &Bytes,
    ) -> Result<String, Problem> {
        let Signature { data, tag, delivery } =
            signature::read(&self.headers, body, self.site.now())?;
        let (rebuilder, key) = (self.site.rebuilder.clone(), key.clone());
        let name = blueprint.to_owned();
        // The vault and its audit are files.
        let judged = tokio::task::spawn_blocking(move || {
            let signed = Signed { key: &key, blueprint: &name, data: &data, signature: &tag };
            rebuilder.verify(&signed)
        });
        match judged.await {
            Ok(Ok(())) => Ok(delivery),
            Ok(Err(Refusal::Wrong)) => {
                Err(Problem::new(StatusCode::UNAUTHORIZED, "the signature does not fit"))
            }
            Ok(Err(refusal)) => {
                // What is wrong with the vault is for who runs the server.
                tracing::error!("webhook of {blueprint}: {refusal}");
                Err(unavailable())
            }
            Err(_) => Err(unavailable()),
        }
    }
}

fn unavailable() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the signature cannot be judged now")
}

/// Reads what a call brings: JSON, or the fields of a form.
async fn payload(headers: &HeaderMap, body: Bytes) -> Result<Value, Problem> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, detail);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body));
        let request = request.map_err(|_| bad("the form cannot be read"))?;
        let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
        let Form(pairs) = form.map_err(|_| bad("the form cannot be read"))?;
        return Ok(fields(pairs));
    }
    // What is wrong in it is not told: it may hold anything.
    serde_json::from_slice(&body).map_err(|_| bad("the body is no JSON and no form"))
}

/// Returns the fields of a form as an object; what comes several times is a list.
fn fields(pairs: Vec<(String, String)>) -> Value {
    let mut fields = Map::new();
    for (name, value) in pairs {
        let value = Value::from(value);
        match fields.get_mut(&name) {
            None => {
                fields.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_come_again_are_lists() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs = vec![pair("a", "1"), pair("b", "x"), pair("a", "2"), pair("a", "3")];
        assert_eq!(fields(pairs), json!({"a": ["1", "2", "3"], "b": "x"}));
    }
}
