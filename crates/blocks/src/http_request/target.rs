//! Where a request goes: the URL, with handles in its path and query only.

use url::{Position, Url};

use blueprint_model::{BlockError, Secrets, egress::Destination, limits::Network};
use reqwest::{
    Request,
    header::{HOST, HeaderValue},
};

/// Reads a URL. Messages quote no part of it.
pub(super) fn parse(text: &str, secrets: &Secrets) -> Result<Url, BlockError> {
    match Url::parse(text) {
        Ok(url) => check(url, secrets),
        Err(_) if secrets.holds_token(text) => Err(secret_in_host()),
        Err(url::ParseError::RelativeUrlWithoutBase) => Err(unknown_scheme()),
        Err(err) => Err(BlockError::permanent(format!("`url` is not a URL: {err}"))),
    }
}

/// Returns the URL if a request may go there, without its fragment, which is never sent.
pub(super) fn check(mut url: Url, secrets: &Secrets) -> Result<Url, BlockError> {
    // The scheme is part of the look: a secret before `:` would be the scheme.
    if secrets.holds_token(&url[..Position::BeforePath]) {
        return Err(secret_in_host());
    }
    if url.scheme() != "http" && url.scheme() != "https" {
        return Err(unknown_scheme());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BlockError::permanent(
            "`url` holds a user name or password; send an `Authorization` header instead",
        ));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Returns where a checked URL leads.
pub(super) fn destination(url: &Url) -> Destination {
    Destination {
        scheme: url.scheme().into(),
        host: url.host_str().unwrap_or_default().into(),
        port: url.port_or_known_default().unwrap_or_default(),
    }
}

/// Leads a request to the server on this machine that stands in for its host, if there is one. What
/// the request holds was judged for the host that the author named.
pub(super) fn to_mock(mut request: Request, network: &Network) -> Request {
    let host = request.url().host_str().unwrap_or_default();
    let found = network
        .mocks
        .iter()
        .find(|(name, address)| name.eq_ignore_ascii_case(host) && address.ip().is_loopback());
    let Some((_, address)) = found else { return request };
    let mut url = request.url().clone();
    let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
    let is_moved = url.set_scheme("http").is_ok()
        && url.set_ip_host(address.ip()).is_ok()
        && url.set_port(Some(address.port())).is_ok();
    if let (true, Ok(host)) = (is_moved, host) {
        *request.url_mut() = url;
        request.headers_mut().insert(HOST, host);
    }
    request
}

/// Adds names and values to a URL's query.
pub(super) fn add_query(url: &mut Url, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    let added = encode_pairs(pairs);
    let query = match url.query().filter(|query| !query.is_empty()) {
        Some(query) => format!("{query}&{added}"),
        None => added,
    };
    url.set_query(Some(&query));
}

/// Returns names and values as a query or form. Handles pass unchanged.
pub(super) fn encode_pairs(pairs: &[(String, String)]) -> String {
    let encoded = pairs.iter().map(|(name, value)| {
        let (name, value) = (percent_encode(name), percent_encode(value));
        format!("{name}={value}")
    });
    encoded.collect::<Vec<String>>().join("&")
}

/// Returns a text with everything but letters, digits and `-._~` percent-encoded.
pub(super) fn percent_encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    encoded
}

fn secret_in_host() -> BlockError {
    BlockError::permanent(
        "a secret cannot be part of a host name; write scheme and host in the blueprint, and use \
         the secret in path, query or headers",
    )
}

fn unknown_scheme() -> BlockError {
    BlockError::permanent("`url` must begin with `https://` or `http://`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::secrets;

    #[track_caller]
    fn check_parse(text: &str, expected: Result<&str, &str>) {
        let parsed = parse(text, &secrets(&[("KEY", "value")]));
        let shown = parsed.as_ref().map(Url::as_str).map_err(|err| err.message.as_str());
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn only_web_urls_are_accepted() {
        check_parse(" https://A.example/x?y#z ", Ok("https://a.example/x?y"));
        check_parse("http://1.2.3.4:80", Ok("http://1.2.3.4/"));
        let message = "`url` must begin with `https://` or `http://`";
        for text in ["", "a.example/x", "/x", "file:///etc/passwd", "localhost:80/x", "ftp://a/"] {
            check_parse(text, Err(message));
        }
        check_parse("https://", Err("`url` is not a URL: empty host"));
        check_parse("https://a b/", Err("`url` is not a URL: invalid international domain name"));
        for text in ["https://me@a.example", "https://me:pw@a.example", "https://:pw@a.example"] {
            let message = "`url` holds a user name or password; send an `Authorization` header \
                           instead";
            check_parse(text, Err(message));
        }
    }

    #[test]
    fn no_secret_stands_before_the_path() {
        let secrets = secrets(&[("KEY", "value")]);
        let key = secrets.handle(0);
        for text in [
            format!("https://{key}.evil.example/"),
            format!("https://{}.evil.example/", key.to_uppercase()),
            format!("https://{}.evil.example/", &key[..20]),
            format!("https://{key}@a.example/"),
            format!("https://me:{key}@a.example/"),
            format!("https://a.example:{key}/"),
            format!("{key}://a.example/"),
            format!("{key}/hook"),
            key.clone(),
        ] {
            let err = parse(&text, &secrets).unwrap_err();
            assert!(err.message.starts_with("a secret cannot be part of a host name"), "{text}");
        }
        assert!(parse(&format!("https://a.example/{key}?k={key}"), &secrets).is_ok());
    }

    #[test]
    fn queries_are_encoded_and_added() {
        let mut url = Url::parse("https://a.example/?x=1").unwrap();
        let pairs = [("q".into(), "a b&c=d+é/~".into()), ("ä".into(), String::new())];
        add_query(&mut url, &pairs);
        assert_eq!(url.query(), Some("x=1&q=a%20b%26c%3Dd%2B%C3%A9%2F~&%C3%A4="));
        add_query(&mut url, &[]);
        let mut bare = Url::parse("https://a.example/x?").unwrap();
        add_query(&mut bare, &[("k".into(), "v".into())]);
        assert_eq!(bare.as_str(), "https://a.example/x?k=v");
    }
}
