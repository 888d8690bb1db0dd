//! Why a request got no answer, in words of our own: the client's quote the whole URL.

use std::{
    error::Error,
    io::{self, ErrorKind},
    iter,
};

use rustls::{CertificateError as Fault, Error as TlsError};
use url::Url;

use blueprint_model::units;

use crate::http_request::{
    address::Refused,
    client::{CONNECT_TIMEOUT, UnknownHost},
    target,
};

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Why, for people: names the host and no other part of the URL.
    pub(super) message: String,
    /// Whether another attempt may help.
    pub(super) is_transient: bool,
}

/// Returns the failure that an error of the client means.
pub(super) fn describe(err: &reqwest::Error, url: &Url) -> Failure {
    let host = target::destination(url);
    if let Some(refused) = chain(err).find_map(|cause| cause.downcast_ref::<Refused>()) {
        return Failure { message: refused.to_string(), is_transient: false };
    }
    let why = reason(err);
    let message = if err.is_connect() {
        format!("could not connect to `{host}`: {why}")
    } else if err.is_body() || err.is_decode() {
        format!("the answer of `{host}` broke off: {why}")
    } else {
        format!("no answer from `{host}`: {why}")
    };
    Failure { message, is_transient: true }
}

fn reason(err: &reqwest::Error) -> String {
    for cause in chain(err) {
        if let Some(unknown) = cause.downcast_ref::<UnknownHost>() {
            return unknown.to_string();
        }
        if let Some(err) = cause.downcast_ref::<TlsError>() {
            return tls_reason(err);
        }
        if let Some(reason) = cause.downcast_ref::<hyper::Error>().and_then(http_reason) {
            return reason.into();
        }
        if let Some(reason) =
            cause.downcast_ref::<io::Error>().and_then(|err| io_reason(err.kind()))
        {
            return reason.into();
        }
    }
    if err.is_timeout() {
        return format!("no connection within {}", units::format_duration(CONNECT_TIMEOUT));
    }
    "the connection failed".into()
}

/// Every cause below an error.
fn chain<'e>(err: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    iter::successors(Some(err), |err| below(*err))
}

/// An [`io::Error`] hides the error it wraps from `source`.
fn below<'e>(err: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match err.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => err.source(),
    }
}

fn tls_reason(err: &TlsError) -> String {
    let why = match err {
        TlsError::InvalidCertificate(Fault::UnknownIssuer) => {
            "its certificate comes from an authority that this machine does not trust"
        }
        TlsError::InvalidCertificate(Fault::Expired | Fault::ExpiredContext { .. }) => {
            "its certificate has expired"
        }
        TlsError::InvalidCertificate(
            Fault::NotValidForName | Fault::NotValidForNameContext { .. },
        ) => "its certificate is for another host",
        TlsError::InvalidMessage(_) => "it does not speak TLS; is it `http://`?",
        // The words of the library speak of the handshake and know nothing of the request.
        other => return format!("TLS failed: {other}"),
    };
    format!("TLS failed: {why}")
}

fn http_reason(err: &hyper::Error) -> Option<&'static str> {
    if err.is_parse() {
        return Some("what came is not valid HTTP, or its headers are too large");
    }
    if err.is_incomplete_message() {
        return Some("the connection was closed early");
    }
    None
}

fn io_reason(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::ConnectionRefused => Some("connection refused"),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Some("the connection was reset")
        }
        ErrorKind::TimedOut => Some("the connection timed out"),
        ErrorKind::HostUnreachable => Some("the host cannot be reached"),
        ErrorKind::NetworkUnreachable => Some("the network cannot be reached"),
        ErrorKind::UnexpectedEof => Some("the connection was closed early"),
        _ => None,
    }
}
