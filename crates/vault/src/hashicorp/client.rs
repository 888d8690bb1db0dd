//! Requests to such a server: bounded in time and size, to one origin, past no proxy.

use std::{fmt::Write as _, io, sync::Arc, time::Duration};

use blueprint_model::{ProviderError, Secret, Value};
use ureq::{
    Agent, Body, Error, RequestBuilder,
    http::Response,
    tls::{RootCerts, TlsConfig, TlsProvider},
};
use zeroize::Zeroizing;

/// How long a request may take, from its name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer.
const MAX_ANSWER: u64 = 1 << 20;

/// Sends requests to one server.
pub(super) struct Client {
    agent: Agent,
    address: String,
    namespace: Option<String>,
    is_safe: bool,
}

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Null where it holds no JSON.
    pub(super) body: Value,
}

impl Client {
    pub(super) fn new(address: &str, namespace: Option<&str>) -> Self {
        let address = address.trim_end_matches('/');
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            // A redirect would take the token to who knows whom.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("blueprint/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            address: address.into(),
            namespace: namespace.map(str::to_owned),
            is_safe: is_safe(address),
        }
    }

    pub(super) fn get(&self, path: &str, token: Option<&Secret>) -> Result<Answer, ProviderError> {
        let request = self.agent.get(format!("{}/v1/{path}", self.address));
        self.judge()?;
        self.read(self.dressed(request, token).call())
    }

    pub(super) fn post(
        &self,
        path: &str,
        body: &Value,
        token: Option<&Secret>,
    ) -> Result<Answer, ProviderError> {
        let request = self.agent.post(format!("{}/v1/{path}", self.address));
        let request = request.header("content-type", "application/json");
        let body = Zeroizing::new(body.to_string());
        self.judge()?;
        self.read(self.dressed(request, token).send(body.as_bytes()))
    }

    pub(super) fn unexpected(&self, status: u16) -> ProviderError {
        let why = match status {
            300..=399 => "is a standby that sends us elsewhere; give the address of the active one",
            429 => "is a standby, or has too much to do",
            472 | 473 => "is a standby",
            501 => "was never initialised",
            503 => "is sealed or under maintenance",
            _ => "gave an answer that was not expected",
        };
        let message = format!("`{}` {why} (status {status})", self.address);
        ProviderError::Unavailable { message, source: None }
    }

    fn judge(&self) -> Result<(), ProviderError> {
        if self.is_safe {
            return Ok(());
        }
        let message = format!("`{}` is not https: the token would go there in clear", self.address);
        Err(ProviderError::Unavailable { message, source: None })
    }

    fn dressed<B>(&self, request: RequestBuilder<B>, token: Option<&Secret>) -> RequestBuilder<B> {
        let mut request = request.header("x-vault-request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        match token {
            Some(token) => request.header("x-vault-token", token.expose()),
            None => request,
        }
    }

    fn read(&self, response: Result<Response<Body>, Error>) -> Result<Answer, ProviderError> {
        let mut response = response.map_err(|err| self.unreachable(&err))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let body = Zeroizing::new(body.map_err(|err| self.unreachable(&err))?);
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
    }

    /// Errors of the client are not quoted: some hold what was sent.
    fn unreachable(&self, err: &Error) -> ProviderError {
        let why = match err {
            Error::Timeout(_) => "gave no answer in time",
            Error::HostNotFound => "cannot be found",
            Error::ConnectionFailed => "cannot be connected to",
            Error::BodyExceedsLimit(_) => "gave an answer of more than 1 MiB",
            Error::Tls(_) | Error::Rustls(_) => {
                "cannot be spoken to in TLS: is its certificate good?"
            }
            Error::Io(err) if err.kind() == io::ErrorKind::ConnectionRefused => {
                "refuses connections"
            }
            Error::Io(err) if err.kind() == io::ErrorKind::InvalidData => {
                "cannot be spoken to in TLS: is its certificate good?"
            }
            Error::BadUri(_) | Error::Http(_) => "is no address of a server",
            _ => "broke the connection off",
        };
        let message = format!("`{}` {why}", self.address);
        ProviderError::Unavailable { message, source: None }
    }
}

/// Returns whether a token may go there: by https, or to this machine.
fn is_safe(address: &str) -> bool {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let is_loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let has_user = authority.contains('@');
    !has_user && (scheme == "https" || (scheme == "http" && is_loopback))
}

/// Returns a part of a path, percent-encoded.
pub(super) fn encode(part: &str) -> String {
    part.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a text takes everything");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_by_https_or_to_this_machine() {
        for address in ["https://v.example", "http://127.0.0.1:8200", "http://localhost:8200"] {
            assert!(is_safe(address), "{address}");
        }
        assert!(is_safe("http://[::1]:8200/"));
        for address in ["http://v.example", "v.example", "", "ftp://127.0.0.1", "http://10.0.0.1"] {
            assert!(!is_safe(address), "{address}");
        }
        assert!(!is_safe("http://127.0.0.1:80@evil.example"));
    }

    #[test]
    fn paths_are_encoded() {
        assert_eq!(encode("my app/ä?"), "my%20app%2F%C3%A4%3F");
    }
}
