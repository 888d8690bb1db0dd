//! `http_request`: sends an HTTP request and reads the answer.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Response;
use serde_json::json;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs,
    block::{Need, Pace, Reach},
    units,
};

use crate::{
    http_request::{
        answer::{Answer, Content},
        client::Clients,
        draft::{Draft, METHODS},
        failure::Failure,
    },
    spec::{error_outcome, field, outcome, outgoing_field},
};

mod address;
mod answer;
mod client;
mod draft;
mod failure;
mod payload;
mod seal;
mod target;

static SPEC: BlockSpec = BlockSpec {
    kind: "http_request",
    summary: "Send an HTTP request and read the answer",
    docs: "Sends one request. A `body` that is text goes as it is; any other value goes as JSON, or \
           as a form if its content type is `application/x-www-form-urlencoded`. Names and values \
           of `query` are encoded; a list gives a name several times; null leaves it out. POST, \
           PUT, PATCH and DELETE carry an `Idempotency-Key` that is the same for every attempt, \
           unless `headers` has one. Secrets may stand in header values, path, query and body, and \
           never in the host name; an answer's redirect is followed only on request, at most 10 \
           times, and takes secrets and body to the same origin only. In the result, header names \
           are in small letters, repeated headers are joined by commas (`set-cookie` is always a \
           list), and the body is a value if the answer is JSON (null if empty), text if it is \
           UTF-8, else `{base64: ...}`. Compressed answers are not asked for and not read.",
    fields: &[
        field("method", FieldKind::Choice(METHODS), Need::Default("\"GET\""), "The method"),
        outgoing_field("url", FieldKind::Text, Need::Required, "The URL, http or https"),
        outgoing_field("query", FieldKind::Texts, Need::Optional, "Parameters to add to the URL"),
        outgoing_field("headers", FieldKind::Texts, Need::Optional, "Headers of the request"),
        outgoing_field("body", FieldKind::Any, Need::Optional, "What to send"),
        field(
            "follow_redirects",
            FieldKind::Boolean,
            Need::Default("false"),
            "Whether to go where the answer points to",
        ),
        field(
            "max_response_bytes",
            FieldKind::Size,
            Need::Default("\"10MiB\""),
            "The largest body to accept",
        ),
    ],
    outcomes: &[
        outcome("success", "The status is 2xx and the body can be read"),
        error_outcome("response_error", "Another status, or a body that cannot be read"),
        error_outcome("connection_error", "No answer, or the request was refused here"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "connection_error",
    pace: Pace::Waiting,
    reach: Reach::Outside,
    result: "`{request: {method, url}, status_code, headers, body}`; without an answer \
             `status_code` and `body` are null",
    example: "type: http_request\nmethod: POST\nurl: https://api.acme.example/v1/orders\nheaders: \
              {Authorization: \"Bearer @{vault.ACME_API_KEY}\"}\nbody: {item: 7, amount: \
              2}\nretry: {attempts: 3}\nnext: {success: read, response_error: report, \
              connection_error: report}\n",
};

const DEFAULT_MAX_BYTES: u64 = 10 << 20;
const MAX_REDIRECTS: usize = 10;

/// The `http_request` block type, with the connections it keeps.
#[derive(Default)]
pub(crate) struct HttpRequest {
    clients: Clients,
}

/// What one request came to.
enum Hop {
    /// The answer to end with.
    Answer(Response, Option<String>),
    /// The request that the answer asks for.
    Next(Draft),
}

#[async_trait]
impl Block for HttpRequest {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let follows = inputs.boolean("follow_redirects")?.unwrap_or(false);
        let asked = inputs.size("max_response_bytes")?.unwrap_or(DEFAULT_MAX_BYTES);
        let max_bytes = asked.min(cx.limits.result_size);
        let mut draft = Draft::read(inputs, cx)?;
        let mut redirects_left = follows.then_some(MAX_REDIRECTS);
        loop {
            let (response, note) = match self.hop(&draft, redirects_left, cx).await? {
                Ok(Hop::Answer(response, note)) => (response, note),
                Ok(Hop::Next(next)) => {
                    draft = next;
                    redirects_left = redirects_left.map(|left| left.saturating_sub(1));
                    continue;
                }
                Err(failure) => return Ok(unanswered(&draft, failure).into()),
            };
            let end = match Answer::read(response, max_bytes).await {
                Ok(answer) => answered(&draft, answer, note, cx),
                Err(err) => unanswered(&draft, failure::describe(&err, &draft.url)),
            };
            return Ok(end.into());
        }
    }
}

impl HttpRequest {
    /// Sends one request. `redirects_left` is `None` where redirects are not followed.
    async fn hop(
        &self,
        draft: &Draft,
        redirects_left: Option<usize>,
        cx: &BlockCx,
    ) -> Result<Result<Hop, Failure>, BlockError> {
        address::check_literal(&draft.url, &cx.limits.network)?;
        let client = self.clients.get(&cx.limits.network)?;
        let request = target::to_mock(seal::seal(draft, cx)?, &cx.limits.network);
        let response = match client.execute(request).await {
            Ok(response) => response,
            Err(err) => return Ok(Err(failure::describe(&err, &draft.url))),
        };
        let status = response.status().as_u16();
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return Ok(Ok(Hop::Answer(response, None)));
        }
        let next = match redirects_left {
            None => Err("redirects are followed only with `follow_redirects: true`".into()),
            Some(0) => Err(format!("more than {MAX_REDIRECTS} redirects")),
            Some(_) => draft.redirected(status, answer::location(&response).as_deref(), cx),
        };
        Ok(Ok(match next {
            Ok(next) => Hop::Next(next),
            Err(note) => Hop::Answer(response, Some(note)),
        }))
    }
}

fn answered(draft: &Draft, answer: Answer, note: Option<String>, cx: &BlockCx) -> End {
    let status = answer.status;
    let (body, fault) = match answer.content {
        Content::Body(bytes) => answer::parse_body(bytes, answer.media_type.as_deref()),
        Content::TooLarge(max) => {
            let max = units::format_size(max);
            (json!(null), Some(format!("its body is larger than `max_response_bytes` ({max})")))
        }
        Content::Encoded => {
            (json!(null), Some("its body is compressed, which was not asked for".into()))
        }
    };
    let is_success = status.is_success() && fault.is_none();
    let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let why = note.or(fault).map(|why| format!(": {why}")).unwrap_or_default();
    let message = format!(
        "{} `{}` answered {}{reason}{why}",
        draft.method,
        target::destination(&draft.url),
        status.as_u16()
    );
    let result = json!({
        "request": draft.view(),
        "status_code": status.as_u16(),
        "headers": answer.headers,
        "body": body,
    });
    End {
        outcome: if is_success { "success" } else { "response_error" }.into(),
        result: Arc::new(result),
        message: (!is_success).then_some(message),
        is_transient: matches!(status.as_u16(), 408 | 425 | 429 | 500..=599),
        retry_after: answer.retry_after.filter(|_| !is_success).map(|after| after.from(cx.now)),
        ..End::default()
    }
}

fn unanswered(draft: &Draft, failure: Failure) -> End {
    let result = json!({
        "request": draft.view(),
        "status_code": null,
        "headers": {},
        "body": null,
    });
    End {
        message: Some(failure.message),
        is_transient: failure.is_transient,
        ..End::new("connection_error", result)
    }
}

#[cfg(test)]
mod tests;
