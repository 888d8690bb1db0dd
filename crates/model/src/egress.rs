//! The one way out for secrets: the only function that turns a handle into its value.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use crate::{
    block::BlockError,
    id::SecretName,
    secret::{Policy, Secrets},
    value::{self, Value},
};

/// Where something leaves the process for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// `http`, `https`, or another protocol's name.
    pub scheme: String,
    /// The host, as in the URL really used.
    pub host: String,
    /// The port really used.
    pub port: u16,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = default_port(&self.scheme) == Some(self.port);
        let prefix = if self.scheme == "https" { "" } else { "://" };
        let scheme = if self.scheme == "https" { "" } else { self.scheme.as_str() };
        write!(f, "{scheme}{prefix}{}", self.host)?;
        if usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// A place in what leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The value of a header; its name in small letters. `*` as a policy means any header.
    Header(String),
    /// The query of a URL.
    Query,
    /// The path of a URL.
    Path,
    /// The body.
    Body,
    /// A password or key of a protocol.
    Password,
    /// The standard input of a program.
    Stdin,
    /// A variable in the environment of a program.
    Variable(String),
}

impl Place {
    /// Reads a place as a policy spells it: `header:Authorization`, `header`, `query`, `body` …
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':').unwrap_or((text, "*"));
        match kind {
            "header" => Some(Self::Header(name.to_ascii_lowercase())),
            "variable" => Some(Self::Variable(name.into())),
            "query" => Some(Self::Query),
            "path" => Some(Self::Path),
            "body" => Some(Self::Body),
            "password" => Some(Self::Password),
            "stdin" => Some(Self::Stdin),
            _ => None,
        }
    }

    fn allows(&self, place: &Self) -> bool {
        match (self, place) {
            (Self::Header(allowed), Self::Header(name)) => allowed == "*" || allowed == name,
            (Self::Variable(allowed), Self::Variable(name)) => allowed == "*" || allowed == name,
            _ => self == place,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Variable(name) => write!(f, "variable:{name}"),
            Self::Query => f.write_str("query"),
            Self::Path => f.write_str("path"),
            Self::Body => f.write_str("body"),
            Self::Password => f.write_str("password"),
            Self::Stdin => f.write_str("stdin"),
        }
    }
}

/// A host that a key may go to: `api.acme.example`, `*.acme.example`, `api.acme.example:8443`,
/// `http://127.0.0.1:8080`. Without `http://` it means https; without a port the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    scheme: String,
    host: String,
    port: u16,
}

impl HostPattern {
    /// Reads a pattern; `None` where it names no host, or has a path, a user or a stray `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let usual_port = default_port(scheme)?;
        let (host, port) = split_port(rest)?;
        let name = host.strip_prefix("*.").unwrap_or(host);
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if name.is_empty() || !name.chars().all(is_host) {
            return None;
        }
        Some(Self {
            scheme: scheme.into(),
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(usual_port),
        })
    }

    /// Returns whether a destination is meant. `*.acme.example` means names below it, not itself.
    pub fn allows(&self, to: &Destination) -> bool {
        let host = to.host.to_ascii_lowercase();
        let is_host = match self.host.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => host == self.host,
        };
        is_host && self.scheme == to.scheme && self.port == to.port
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = (self.scheme.clone(), self.host.clone(), self.port);
        Destination { scheme, host, port }.fmt(f)
    }
}

/// What a blueprint says about a key: where it may go, and that it may be used at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SecretGrant {
    /// The blueprint's own list of hosts; empty adds no limit.
    pub hosts: Vec<HostPattern>,
}

/// What was done with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The key.
    pub key: SecretName,
    /// Its version.
    pub version: u64,
    /// `swap` at egress, `reveal` to a script.
    pub action: &'static str,
    /// Where it went: host and place.
    pub destination: String,
}

/// The way out of one block: the run's secrets, and what this block may do with them.
#[derive(Clone)]
pub struct Egress {
    secrets: Secrets,
    permit: Arc<Permit>,
}

/// What one block may do with secrets.
#[derive(Debug, Default)]
pub struct Permit {
    /// The blueprint.
    pub blueprint: String,
    /// Keys that the block names, with what the blueprint grants.
    pub keys: Vec<(SecretName, SecretGrant)>,
    /// Keys whose value its script may see.
    pub reveal: Vec<SecretName>,
}

impl Egress {
    /// Returns the way out of a block.
    pub fn new(secrets: Secrets, permit: Arc<Permit>) -> Self {
        Self { secrets, permit }
    }

    /// Returns the run's secrets: handles and views, no values.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Returns the handle of a key that the block may use, or `None` where the vault has none.
    pub fn handle(&self, name: &str) -> Option<String> {
        let is_named = self.permit.keys.iter().any(|(key, _)| key.as_str() == name);
        let entry = self.secrets.position(name).filter(|_| is_named)?;
        Some(self.secrets.handle(entry))
    }

    /// Returns whether the block may name a key, so that a missing one can be told from a refused one.
    pub fn may_name(&self, name: &str) -> bool {
        self.permit.keys.iter().any(|(key, _)| key.as_str() == name)
    }

    /// Returns the value of a key for a script, where block and vault permit it.
    pub fn reveal(&self, name: &str) -> Option<&str> {
        let is_named = self.permit.reveal.iter().any(|key| key.as_str() == name);
        let entry = &self.secrets.entries()[self.secrets.position(name).filter(|_| is_named)?];
        (entry.policy.may_reveal && !entry.is_weak).then(|| entry.value.expose())
    }

    /// Turns the handles in `text` into values for this destination and place, if every key in it
    /// may go there, and says which keys went.
    ///
    /// `encode` is applied to each value alone: percent-encoding in a URL, for example.
    pub fn send(
        &self,
        text: &str,
        to: &Destination,
        place: &Place,
        encode: &dyn Fn(&str) -> String,
    ) -> Result<(Zeroizing<String>, Vec<SecretUse>), BlockError> {
        let mut uses = Vec::new();
        for position in self.secrets.keys_in(text) {
            uses.push(self.judge(position, to, place)?);
        }
        let swapped = self
            .secrets
            .swap(text, encode)
            .map_err(|err| BlockError::permanent(err.to_string()))?;
        Ok((swapped, uses))
    }

    /// Turns the handles in every text of a value into values; see [`Egress::send`].
    pub fn send_value(
        &self,
        value: &Value,
        to: &Destination,
        place: &Place,
    ) -> Result<(Value, Vec<SecretUse>), BlockError> {
        let mut sent = value.clone();
        let mut uses = Vec::new();
        let mut refused = None;
        value::map_text(&mut sent, &mut |text| {
            if refused.is_some() || !self.secrets.holds_token(text) {
                return None;
            }
            match self.send(text, to, place, &str::to_owned) {
                Ok((swapped, used)) => {
                    uses.extend(used);
                    Some((*swapped).clone())
                }
                Err(err) => {
                    refused = Some(err);
                    None
                }
            }
        });
        match refused {
            Some(err) => Err(err),
            None => Ok((sent, uses)),
        }
    }

    fn judge(
        &self,
        position: usize,
        to: &Destination,
        place: &Place,
    ) -> Result<SecretUse, BlockError> {
        let entry = &self.secrets.entries()[position];
        let refuse = |why: String| {
            BlockError::permanent(format!("secret `{}` may not leave here: {why}", entry.name))
        };
        let grant = self.permit.keys.iter().find(|(key, _)| *key == entry.name);
        let own_hosts = grant.map_or(&[][..], |(_, grant)| &grant.hosts);
        let Policy { hosts, places, blueprints, .. } = &entry.policy;
        for (owner, hosts) in [("the blueprint", own_hosts), ("the vault", hosts.as_slice())] {
            if !hosts.is_empty() && !hosts.iter().any(|host| host.allows(to)) {
                return Err(refuse(format!("`{to}` is not among the hosts that {owner} allows")));
            }
        }
        if own_hosts.is_empty() && hosts.is_empty() && !is_safe_without_list(to) {
            return Err(refuse(format!("`{to}` is not https; name it in `hosts` to allow it")));
        }
        if !places.is_empty() && !places.iter().any(|allowed| allowed.allows(place)) {
            return Err(refuse(format!("the vault does not allow it in `{place}`")));
        }
        if !blueprints.is_empty() && !blueprints.contains(&self.permit.blueprint) {
            return Err(refuse(format!(
                "the vault does not allow it in blueprint `{}`",
                self.permit.blueprint
            )));
        }
        Ok(SecretUse {
            key: entry.name.clone(),
            version: entry.version,
            action: "swap",
            destination: format!("{to} {place}"),
        })
    }
}

/// Without any list of hosts, a key goes over https, or to the machine itself.
fn is_safe_without_list(to: &Destination) -> bool {
    let host = to.host.trim_matches(['[', ']']);
    let is_loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    to.scheme != "http" || is_loopback
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        "postgres" => Some(5432),
        "smtp" => Some(587),
        _ => None,
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            Some((host, Some(port.parse().ok()?)))
        }
        Some(_) | None => Some((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str) -> Destination {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, port) = split_port(rest).unwrap();
        let port = port.or_else(|| default_port(scheme)).unwrap();
        Destination { scheme: scheme.into(), host: host.into(), port }
    }

    #[track_caller]
    fn check(pattern: &str, url: &str, expected: bool) {
        let pattern = HostPattern::parse(pattern).expect("a pattern");
        assert_eq!(pattern.allows(&to(url)), expected, "{pattern} {url}");
    }

    #[test]
    fn a_pattern_means_one_origin() {
        check("api.acme.example", "https://api.acme.example", true);
        check("API.acme.example", "https://api.ACME.example", true);
        check("api.acme.example", "http://api.acme.example", false);
        check("api.acme.example", "https://api.acme.example:8443", false);
        check("api.acme.example:8443", "https://api.acme.example:8443", true);
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080", true);
        check("http://127.0.0.1:8080", "https://127.0.0.1:8080", false);
        check("*.acme.example", "https://a.b.acme.example", true);
        check("*.acme.example", "https://acme.example", false);
        check("*.acme.example", "https://evilacme.example", false);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "*", "*.", "a/b", "user@host", "ftp://x", "a:b", "a b"] {
            assert!(HostPattern::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn places_are_named_by_policy() {
        assert_eq!(
            Place::parse("header:Authorization"),
            Some(Place::Header("authorization".into()))
        );
        let any = Place::parse("header").unwrap();
        assert!(any.allows(&Place::Header("x-key".into())));
        assert!(!any.allows(&Place::Body));
    }
}
