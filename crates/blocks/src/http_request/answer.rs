//! Reads an answer, within its bound, into values.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    Response, StatusCode,
    header::{
        CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
        SET_COOKIE,
    },
};
use serde_json::json;

use blueprint_model::{Value, value::Map};

use crate::http_request::payload::is_json;

/// An answer as it came, its body not yet understood.
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// The headers: an object of texts, names in small letters.
    pub(super) headers: Value,
    /// The content type.
    pub(super) media_type: Option<String>,
    /// When the other side asks to be tried again.
    pub(super) retry_after: Option<RetryAfter>,
    /// The body.
    pub(super) content: Content,
}

/// The body of an answer.
pub(super) enum Content {
    /// All of it.
    Body(Vec<u8>),
    /// It has more bytes than this.
    TooLarge(u64),
    /// It is compressed.
    Encoded,
}

/// A wish about when to try again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RetryAfter {
    /// After this long.
    Delay(Duration),
    /// Not before this time.
    Time(Timestamp),
}

impl RetryAfter {
    /// Returns how long that is from this time on.
    pub(super) fn from(self, now: Timestamp) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            Self::Time(time) => time.duration_since(now).try_into().unwrap_or_default(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.parse::<u32>() {
            Ok(seconds) => Some(Self::Delay(Duration::from_secs(seconds.into()))),
            Err(_) => {
                let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
                Some(Self::Time(time))
            }
        }
    }
}

impl Answer {
    /// Reads an answer, and of its body at most `max_bytes`.
    pub(super) async fn read(response: Response, max_bytes: u64) -> Result<Self, reqwest::Error> {
        let headers = response.headers();
        let text = |name: HeaderName| headers.get(name).map(header_text);
        Ok(Self {
            status: response.status(),
            headers: headers_value(headers),
            media_type: text(CONTENT_TYPE),
            retry_after: text(RETRY_AFTER).as_deref().and_then(RetryAfter::parse),
            content: read_content(response, max_bytes).await?,
        })
    }
}

/// Returns where a redirect points to.
pub(super) fn location(response: &Response) -> Option<String> {
    response.headers().get(LOCATION).map(header_text)
}

/// Returns the value of a body, and what is wrong with it.
pub(super) fn parse_body(bytes: Vec<u8>, media_type: Option<&str>) -> (Value, Option<String>) {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(err) => return (json!({"base64": STANDARD.encode(err.as_bytes())}), None),
    };
    if !media_type.is_some_and(is_json) {
        return (Value::from(text), None);
    }
    if text.trim().is_empty() {
        return (Value::Null, None);
    }
    match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(value) => (value, None),
        // The parser's messages name kind and place and never quote the text.
        Err(err) => (Value::from(text), Some(format!("its body is not JSON: {err}"))),
    }
}

async fn read_content(mut response: Response, max_bytes: u64) -> Result<Content, reqwest::Error> {
    let is_identity = |value: &HeaderValue| value.is_empty() || value == "identity";
    if !response.headers().get_all(CONTENT_ENCODING).iter().all(is_identity) {
        return Ok(Content::Encoded);
    }
    if response.content_length().is_some_and(|len| len > max_bytes) {
        return Ok(Content::TooLarge(max_bytes));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if u64::try_from(body.len()).is_ok_and(|len| len > max_bytes) {
            return Ok(Content::TooLarge(max_bytes));
        }
    }
    Ok(Content::Body(body))
}

fn headers_value(headers: &HeaderMap) -> Value {
    let mut map = Map::new();
    for name in headers.keys() {
        let texts: Vec<String> = headers.get_all(name).iter().map(header_text).collect();
        // Cookies are the one header that commas cannot join.
        let value = if name == SET_COOKIE { json!(texts) } else { json!(texts.join(", ")) };
        map.insert(name.as_str().into(), value);
    }
    Value::Object(map)
}

/// A header's text: UTF-8 where it is, other bytes as the characters of their numbers (ISO 8859-1).
/// Part by part, so that a secret beside a stray byte is still read as it was written.
fn header_text(value: &HeaderValue) -> String {
    let mut text = String::new();
    for part in value.as_bytes().utf8_chunks() {
        text.push_str(part.valid());
        text.extend(part.invalid().iter().map(|byte| char::from(*byte)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_body(bytes: &[u8], media_type: &str, expected: (Value, Option<&str>)) {
        let (value, fault) = parse_body(bytes.to_vec(), Some(media_type));
        let (expected_value, expected_fault) = expected;
        assert_eq!((value, fault.as_deref()), (expected_value, expected_fault));
    }

    #[test]
    fn bodies_become_values_by_their_type() {
        check_body(b"{\"a\": 1}", "application/json; charset=utf-8", (json!({"a": 1}), None));
        check_body(b"[1]", "application/problem+json", (json!([1]), None));
        check_body(b"\xef\xbb\xbf1", "application/json", (json!(1), None));
        check_body(b" \r\n", "application/json", (json!(null), None));
        check_body(b"{\"a\": 1}", "text/plain", (json!("{\"a\": 1}"), None));
        check_body(b"", "text/plain", (json!(""), None));
        check_body(b"\xff\x00", "image/png", (json!({"base64": "/wA="}), None));
        check_body(b"\"\xff\"", "application/json", (json!({"base64": "Iv8i"}), None));
        let fault = "its body is not JSON: expected value at line 1 column 1";
        check_body(b"<html>", "application/json", (json!("<html>"), Some(fault)));
    }

    #[test]
    fn deep_json_is_a_fault_and_no_overflow() {
        let (_, fault) = parse_body(vec![b'['; 1 << 20], Some("application/json"));
        let expected = "its body is not JSON: recursion limit exceeded at line 1 column 128";
        assert_eq!(fault.as_deref(), Some(expected));
    }

    #[track_caller]
    fn check_retry(text: &str, expected: Option<u64>) {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let after = RetryAfter::parse(text).map(|after| after.from(now));
        assert_eq!(after, expected.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn retry_after_is_a_delay_or_a_date() {
        check_retry("120", Some(120));
        check_retry(" 0 ", Some(0));
        check_retry("Tue, 24 Nov 2026 12:01:30 GMT", Some(90));
        check_retry("Tue, 24 Nov 2026 11:00:00 GMT", Some(0));
        check_retry("-1", None);
        check_retry("soon", None);
        check_retry("99999999999999", None);
    }

    #[test]
    fn repeated_headers_are_joined_but_cookies() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("Vary", "a"), ("vary", "b"), ("set-cookie", "x=1"), ("content-type", "text/plain")]
        {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("x-raw", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        assert_eq!(
            headers_value(&headers),
            json!({"vary": "a, b", "set-cookie": ["x=1"], "content-type": "text/plain",
                   "x-raw": "café"})
        );
    }
}
