//! Signatures of webhooks: which headers a call brings, and what they are over.

use axum::http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};

use crate::problem::Problem;

/// How far the time of a call may be from ours.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);

const TIME: &str = "x-blueprint-timestamp";
const SIGNATURE: &str = "x-blueprint-signature";
const GITHUB_SIGNATURE: &str = "x-hub-signature-256";

/// A call as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    /// What was signed.
    pub(super) data: Vec<u8>,
    /// The signature.
    pub(super) tag: Vec<u8>,
    /// By which a delivery is known again.
    pub(super) delivery: String,
}

/// Reads the signature of a call.
///
/// # Errors
///
/// Returns a problem if there is none, or it is not of now.
pub(super) fn read(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Signature, Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(written) = text(SIGNATURE) {
        let time = text(TIME).ok_or_else(|| refused(format!("the header `{TIME}` is missing")))?;
        let tag = tag(written, SIGNATURE)?;
        let at = time.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
        let at = at.ok_or_else(|| refused(format!("`{TIME}` is no number of seconds")))?;
        if now.duration_since(at).abs() > WINDOW {
            return Err(refused("the call is too old, or a clock is wrong"));
        }
        let data = [time.as_bytes(), b".", body].concat();
        let delivery = hex(&tag);
        return Ok(Signature { data, tag, delivery });
    }
    if let Some(written) = text(GITHUB_SIGNATURE) {
        // Over the same key a body of the one form must not be what the other form signs: a call that
        // was seen could be sent again, without the time that it was signed with.
        if begins_with_a_time(body) {
            return Err(refused(format!(
                "a body that begins so is not signed by `{GITHUB_SIGNATURE}`"
            )));
        }
        let tag = tag(written, GITHUB_SIGNATURE)?;
        // The number of a delivery is not signed, so it says nothing.
        return Ok(Signature { data: body.to_vec(), delivery: hex(&tag), tag });
    }
    let problem = refused("the call is not signed");
    Err(problem.help(format!("send `{TIME}` and `{SIGNATURE}: sha256=…`, or `{GITHUB_SIGNATURE}`")))
}

fn begins_with_a_time(body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && body.get(digits) == Some(&b'.')
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

fn tag(written: &str, header: &str) -> Result<Vec<u8>, Problem> {
    let digits = written.trim().strip_prefix("sha256=").unwrap_or_default().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    });
    let tag: Option<Vec<u8>> = bytes.collect();
    let tag = tag.filter(|tag| tag.len() == 32);
    tag.ok_or_else(|| refused(format!("`{header}` is not `sha256=` and 64 hexadecimal digits")))
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T06:00:00Z.
    const NOW: i64 = 1_795_500_000;

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], expected: Result<&str, &str>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .map(|(name, value): (axum::http::HeaderName, _)| (name, value))
            .collect();
        let found = read(&headers, b"{}", Timestamp::from_second(NOW).unwrap());
        let shown = found.map(|signature| {
            let data = String::from_utf8(signature.data).unwrap();
            format!("{data} {} {}", signature.tag.len(), signature.delivery.len())
        });
        let shown = shown.map_err(|problem| problem.detail);
        assert_eq!(shown.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn calls_are_signed_over_time_and_body() {
        let good = format!("sha256={}", "0a".repeat(32));
        let (time, old) = (NOW.to_string(), (NOW - 301).to_string());
        check(&[(SIGNATURE, &good), (TIME, &time)], Ok("1795500000.{} 32 64"));
        check(&[(GITHUB_SIGNATURE, &good)], Ok("{} 32 64"));
        let late = "the call is too old, or a clock is wrong";
        check(&[(SIGNATURE, &good), (TIME, &old)], Err(late));
        check(
            &[(SIGNATURE, &good), (TIME, "soon")],
            Err("`x-blueprint-timestamp` is no number of seconds"),
        );
        check(&[(SIGNATURE, &good)], Err("the header `x-blueprint-timestamp` is missing"));
        let shape = "`x-hub-signature-256` is not `sha256=` and 64 hexadecimal digits";
        check(&[(GITHUB_SIGNATURE, "sha256=0a")], Err(shape));
        check(&[(GITHUB_SIGNATURE, &"0a".repeat(32))], Err(shape));
        check(&[], Err("the call is not signed"));
    }
}
