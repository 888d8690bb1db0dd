//! The one way out for secrets: the only function that turns a handle into its value.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use zeroize::Zeroizing;

pub use crate::audit::SecretUse;
use crate::{
    audit::{Action, Audited},
    block::BlockError,
    id::{BlockPath, RunId, SecretName},
    provider::Entry,
    secret::{KeyRef, Mention, Mentions, SecretOutput, Secrets, TokenError},
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

/// The way out of one block: the run's secrets, and what this block may do with them.
#[derive(Clone)]
pub struct Egress {
    secrets: Secrets,
    permit: Arc<Permit>,
    caller: Option<Arc<Caller>>,
    uses: Option<Arc<Mutex<Vec<SecretUse>>>>,
}

/// Who uses secrets, and when.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The run.
    pub run: RunId,
    /// The block.
    pub block: BlockPath,
    /// When its attempt started: a key that has expired by then is not used.
    pub now: Timestamp,
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
    /// Every key that the blueprint lists; `None` where it has no list. Handles that reach the block
    /// from others obey it too.
    pub listed: Option<Arc<Vec<(SecretName, SecretGrant)>>>,
    /// Parts of its result that are secrets from then on.
    pub outputs: Vec<SecretOutput>,
}

impl Egress {
    /// Returns the way out of a block.
    pub fn new(secrets: Secrets, permit: Arc<Permit>) -> Self {
        let uses = (!secrets.is_empty()).then(Arc::default);
        Self { secrets, permit, caller: None, uses }
    }

    /// Says for whom it is. Without it, a key with a date is not used.
    #[must_use]
    pub fn for_caller(mut self, caller: Caller) -> Self {
        self.caller = Some(Arc::new(caller));
        self
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

    /// Returns the value of a key for a script, or `None` where the block does not ask for it or the
    /// vault has none.
    ///
    /// # Errors
    ///
    /// Returns an error if the vault does not permit it, or the audit cannot be kept.
    pub fn reveal(&self, name: &str) -> Result<Option<&str>, BlockError> {
        let is_named = self.permit.reveal.iter().any(|key| key.as_str() == name);
        let Some(position) = self.secrets.position(name).filter(|_| is_named) else {
            return Ok(None);
        };
        let entry = &self.secrets.entries()[position];
        let mention = Mention { key: KeyRef::Loaded(position), function: None };
        let refused = self.why_not_revealed(entry);
        let used = SecretUse {
            action: Action::Reveal,
            place: "script".into(),
            refused: refused.clone(),
            ..self.use_of(mention)
        };
        // A script may ask in a loop: the first time tells it all.
        if !self.uses.as_ref().is_some_and(|uses| lock(uses).contains(&used)) {
            self.keep(vec![used])?;
        }
        match refused {
            None => Ok(Some(entry.value.expose())),
            Some(why) => {
                Err(BlockError::permanent(format!("secret `{name}` may not be revealed: {why}")))
            }
        }
    }

    /// Turns the handles in `text` into values for this destination and place, if every key in it
    /// may go there, and says which keys went. Nothing goes before the audit has it.
    ///
    /// `encode` is applied to each value alone: percent-encoding in a URL, for example.
    ///
    /// # Errors
    ///
    /// Returns an error if a key may not go there, a handle was changed on the way, or the audit
    /// cannot be kept.
    pub fn send(
        &self,
        text: &str,
        to: &Destination,
        place: &Place,
        encode: &dyn Fn(&str) -> String,
    ) -> Result<(Zeroizing<String>, Vec<SecretUse>), BlockError> {
        let mut mentions = Mentions::default();
        self.secrets.add_mentions(text, &mut mentions);
        let uses = self.judge(mentions, to, place)?;
        match self.secrets.swap(text, encode) {
            Ok(swapped) => Ok((swapped, self.keep(uses)?)),
            Err(err) => Err(self.refuse(uses, &err)),
        }
    }

    /// Turns the handles in every text of a value into values; see [`Egress::send`].
    ///
    /// # Errors
    ///
    /// Returns an error as [`Egress::send`] does.
    pub fn send_value(
        &self,
        value: &Value,
        to: &Destination,
        place: &Place,
    ) -> Result<(Value, Vec<SecretUse>), BlockError> {
        let mut mentions = Mentions::default();
        value::any_text(value, &mut |text| {
            self.secrets.add_mentions(text, &mut mentions);
            false
        });
        let uses = self.judge(mentions, to, place)?;
        let mut sent = value.clone();
        let mut failed = None;
        value::map_text(&mut sent, &mut |text| {
            if failed.is_some() || !self.secrets.holds_token(text) {
                return None;
            }
            match self.secrets.swap(text, &str::to_owned) {
                Ok(swapped) => Some((*swapped).clone()),
                Err(err) => {
                    failed = Some(err);
                    None
                }
            }
        });
        match failed {
            None => Ok((sent, self.keep(uses)?)),
            Some(err) => Err(self.refuse(uses, &err)),
        }
    }

    /// Returns what was used and refused since the last call.
    pub fn take_uses(&self) -> Vec<SecretUse> {
        self.uses.as_ref().map(|uses| std::mem::take(&mut *lock(uses))).unwrap_or_default()
    }

    /// Judges every mention; all that may not leave are in the audit before the first of them is
    /// told.
    fn judge(
        &self,
        mentions: Mentions,
        to: &Destination,
        place: &Place,
    ) -> Result<Vec<SecretUse>, BlockError> {
        let mut uses = Vec::new();
        for mention in mentions.found {
            let action = if mention.function.is_some() { Action::Derive } else { Action::Swap };
            let refused = self.why_not(mention.key, to, place);
            let (host, place) = (to.to_string(), place.to_string());
            uses.push(SecretUse { action, host, place, refused, ..self.use_of(mention) });
        }
        let refused: Vec<SecretUse> =
            uses.iter().filter(|used| used.refused.is_some()).cloned().collect();
        let Some(SecretUse { key, refused: Some(why), .. }) = refused.first() else {
            return Ok(uses);
        };
        let err = BlockError::permanent(format!("secret `{key}` may not leave here: {why}"));
        self.keep(refused)?;
        Err(err)
    }

    fn use_of(&self, mention: Mention) -> SecretUse {
        let (key, version) = self.secrets.identity(mention.key);
        SecretUse {
            key,
            version,
            action: Action::Swap,
            host: String::new(),
            place: String::new(),
            function: mention.function,
            refused: None,
        }
    }

    /// Returns the error for a text whose handles have no values, after the audit has it.
    fn refuse(&self, mut uses: Vec<SecretUse>, err: &TokenError) -> BlockError {
        for used in &mut uses {
            used.refused = Some(err.to_string());
        }
        let kept = self.keep(uses);
        kept.err().unwrap_or_else(|| BlockError::permanent(err.to_string()))
    }

    /// Hands uses to the audit, and keeps them for the run's events once it has them.
    fn keep(&self, uses: Vec<SecretUse>) -> Result<Vec<SecretUse>, BlockError> {
        let Some(first) = uses.first() else { return Ok(uses) };
        if let Some(audit) = self.secrets.audit() {
            let caller = self.caller.as_ref();
            let told = Audited {
                run: caller.map_or("", |caller| caller.run.as_str()),
                blueprint: &self.permit.blueprint,
                block: &caller.map_or_else(String::new, |caller| {
                    let block = caller.block.to_string();
                    self.secrets.view_text(&block).unwrap_or(block)
                }),
                uses: &uses,
            };
            audit(&told).map_err(|err| {
                BlockError::permanent(format!(
                    "secret `{}` is not used, because the audit cannot be kept: {err}",
                    first.key
                ))
            })?;
        }
        if let Some(kept) = &self.uses {
            lock(kept).extend(uses.iter().cloned());
        }
        Ok(uses)
    }

    /// Returns why a script may not see a value.
    fn why_not_revealed(&self, entry: &Entry) -> Option<String> {
        if entry.is_weak {
            return Some("its value is too weak to be searched for".into());
        }
        if !entry.policy.may_reveal {
            let key = &entry.name;
            return Some(format!("allow it with `blueprint vault policy {key} --reveal allow`"));
        }
        self.why_not_here(entry)
    }

    /// Returns why a key may not go there; `None` where it may.
    fn why_not(&self, key: KeyRef, to: &Destination, place: &Place) -> Option<String> {
        let entry = match key {
            KeyRef::Loaded(position) => &self.secrets.entries()[position],
            KeyRef::Obtained(_) => return (!is_safe_without_list(to)).then(|| is_not_https(to)),
        };
        let listed = self.permit.listed.as_deref();
        let grants = listed.unwrap_or(&self.permit.keys);
        let grant = grants.iter().find(|(key, _)| *key == entry.name);
        if listed.is_some() && grant.is_none() {
            return Some("it is not among `secrets` of this blueprint".into());
        }
        let own_hosts = grant.map_or(&[][..], |(_, grant)| &grant.hosts);
        let (hosts, places) = (&entry.policy.hosts, &entry.policy.places);
        for (owner, hosts) in [("the blueprint", own_hosts), ("the vault", hosts.as_slice())] {
            if !hosts.is_empty() && !hosts.iter().any(|host| host.allows(to)) {
                return Some(format!("`{to}` is not among the hosts that {owner} allows"));
            }
        }
        if own_hosts.is_empty() && hosts.is_empty() && !is_safe_without_list(to) {
            return Some(is_not_https(to));
        }
        if !places.is_empty() && !places.iter().any(|allowed| allowed.allows(place)) {
            return Some(format!("the vault does not allow it in `{place}`"));
        }
        self.why_not_here(entry)
    }

    /// Returns why a key may not be used by this blueprint, now.
    fn why_not_here(&self, entry: &Entry) -> Option<String> {
        let blueprint = &self.permit.blueprint;
        let blueprints = &entry.policy.blueprints;
        if !blueprints.is_empty() && !blueprints.contains(blueprint) {
            return Some(format!("the vault does not allow it in blueprint `{blueprint}`"));
        }
        let expires = entry.policy.expires?;
        let is_fresh = self.caller.as_ref().is_some_and(|caller| caller.now < expires);
        (!is_fresh).then(|| format!("it expired at {expires:.0}"))
    }
}

fn lock(uses: &Mutex<Vec<SecretUse>>) -> MutexGuard<'_, Vec<SecretUse>> {
    uses.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_not_https(to: &Destination) -> String {
    format!("`{to}` is not https; name it in `hosts` to allow it")
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
mod tests;
