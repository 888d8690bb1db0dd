//! Turns a draft into the request that leaves: here, and only here, handles become values.

use reqwest::{
    Request,
    header::{HeaderName, HeaderValue},
};

use blueprint_model::{
    BlockCx, BlockError,
    egress::{Destination, Place},
};

use crate::http_request::{
    draft::Draft,
    payload::Payload,
    target::{self, percent_encode},
};

/// Returns the request to send. Which secrets are in it, the way out itself keeps.
pub(super) fn seal(draft: &Draft, cx: &BlockCx) -> Result<Request, BlockError> {
    let to = target::destination(&draft.url);
    let mut url = draft.url.clone();
    let (path, used) = cx.egress.send(draft.url.path(), &to, &Place::Path, &percent_encode)?;
    if !used.is_empty() {
        url.set_path(&path);
    }
    if let Some(query) = draft.url.query() {
        let (query, used) = cx.egress.send(query, &to, &Place::Query, &percent_encode)?;
        if !used.is_empty() {
            url.set_query(Some(&query));
        }
    }
    let mut request = Request::new(draft.method.clone(), url);
    for (name, value) in &draft.headers {
        let value = header_value(name, value, &to, cx)?;
        request.headers_mut().append(name.clone(), value);
    }
    if let Some(payload) = &draft.payload {
        let body = body(payload, &to, cx)?;
        *request.body_mut() = Some(body.into());
    }
    Ok(request)
}

fn header_value(
    name: &HeaderName,
    value: &str,
    to: &Destination,
    cx: &BlockCx,
) -> Result<HeaderValue, BlockError> {
    let place = Place::Header(name.as_str().into());
    let (sent, uses) = cx.egress.send(value, to, &place, &str::to_owned)?;
    let mut sent = HeaderValue::from_bytes(sent.as_bytes()).map_err(|_| {
        BlockError::permanent(format!(
            "header `{name}` holds a line break or another character that headers cannot carry"
        ))
    })?;
    sent.set_sensitive(!uses.is_empty());
    Ok(sent)
}

fn body(payload: &Payload, to: &Destination, cx: &BlockCx) -> Result<String, BlockError> {
    match payload {
        Payload::Text(text, spelling) => {
            let write = |value: &str| spelling.write(value);
            let (sent, _) = cx.egress.send(text, to, &Place::Body, &write)?;
            Ok((*sent).clone())
        }
        Payload::Json(value) => {
            let (sent, _) = cx.egress.send_value(value, to, &Place::Body)?;
            Ok(sent.to_string())
        }
    }
}
