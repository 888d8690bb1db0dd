//! Secrets in `HashiCorp` Vault or `OpenBao`: the key-value engine, version 2, over HTTP.
//!
//! Where `path` names one secret (`team/app`), its fields are the keys. Where it is empty or ends
//! with `/`, each key is a secret of its own below it, in the field `value`: then no other key is
//! ever read.
//!
//! `custom_metadata` of a secret may hold a policy, in texts: `blueprint_hosts`, `blueprint_places`
//! and `blueprint_blueprints` with commas between, `blueprint_reveal` (`allow`), and
//! `blueprint_expires`.

mod client;

use std::sync::{Mutex, PoisonError};

use blueprint_model::{
    Provider, ProviderError, Secret, SecretName, Value,
    egress::{HostPattern, Place},
    provider::{Entry, Listed},
    secret::Policy,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use self::client::{Answer, Client};
use crate::strength::weakness;

/// Most secrets of which a list says more than the name.
const MAX_LISTED: usize = 200;

/// Where such a server is, and who asks.
pub struct HashicorpSource {
    /// Its URL: https, or http to this machine.
    pub address: String,
    /// The mount of the key-value engine.
    pub mount: String,
    /// The path below the mount.
    pub path: String,
    /// The namespace.
    pub namespace: Option<String>,
    /// Who asks.
    pub auth: Auth,
}

/// Who asks.
pub enum Auth {
    /// Nobody: it is locked.
    None,
    /// The holder of a token.
    Token(Secret),
    /// A role.
    AppRole {
        /// The id of the role.
        role: Secret,
        /// The secret that goes with it.
        secret: Secret,
    },
}

/// A server as a source of secrets. Logs in at the first need, and renews its token in time.
pub struct HashicorpVault {
    source: HashicorpSource,
    client: Client,
    clock: fn() -> Timestamp,
    session: Mutex<Option<Session>>,
}

/// A token in use.
struct Session {
    token: Secret,
    /// From then on it is renewed; `None` where it lasts.
    renew_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
}

impl Session {
    /// Returns the session of a token that was given, or renewed, now.
    fn new(token: Secret, seconds: i64, now: Timestamp) -> Self {
        let after = |seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok();
        let lasts = seconds <= 0;
        Self {
            token,
            renew_at: if lasts { None } else { after(seconds / 2) },
            ends_at: if lasts { None } else { after(seconds) },
        }
    }
}

impl HashicorpVault {
    /// Returns the source. Asks nothing yet.
    pub fn new(source: HashicorpSource, clock: fn() -> Timestamp) -> Self {
        let client = Client::new(&source.address, source.namespace.as_deref());
        Self { source, client, clock, session: Mutex::new(None) }
    }

    /// Reads the secret that holds a key; `None` where there is none.
    fn read(&self, kind: &str, name: Option<&SecretName>) -> Result<Option<Value>, ProviderError> {
        let mut path = self.path_of(kind, name);
        if kind == "metadata" && name.is_none() {
            path.push_str("?list=true");
        }
        let mut answer = self.ask(&path)?;
        if answer.status == 403 && matches!(self.source.auth, Auth::AppRole { .. }) {
            // The token may have been revoked before its time.
            *self.lock_session() = None;
            answer = self.ask(&path)?;
        }
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            403 => Err(locked(format!("`{}` does not let us read `{path}`", self.source.address))),
            status => Err(self.client.unexpected(status)),
        }
    }

    fn ask(&self, path: &str) -> Result<Answer, ProviderError> {
        let mut session = self.lock_session();
        let now = (self.clock)();
        if let Some(kept) = session.take() {
            *session = self.renew(kept, now);
        }
        if session.is_none() {
            *session = Some(self.log_in(now)?);
        }
        let token = session.as_ref().map(|session| &session.token);
        self.client.get(path, token)
    }

    /// Returns the session, renewed where it is time; `None` where it has ended.
    fn renew(&self, session: Session, now: Timestamp) -> Option<Session> {
        if session.renew_at.is_none_or(|at| now < at) {
            return Some(session);
        }
        let renewed = self.client.post("auth/token/renew-self", &json!({}), Some(&session.token));
        match renewed {
            Ok(Answer { status: 200, body }) => {
                let seconds = body["auth"]["lease_duration"].as_i64().unwrap_or(0);
                Some(Session::new(session.token, seconds, now))
            }
            // It may still do, and a later try may succeed.
            Ok(_) | Err(_) => {
                let is_over = session.ends_at.is_some_and(|ends| ends <= now);
                let may_log_in = matches!(self.source.auth, Auth::AppRole { .. });
                (!is_over && !may_log_in).then_some(session)
            }
        }
    }

    fn log_in(&self, now: Timestamp) -> Result<Session, ProviderError> {
        match &self.source.auth {
            Auth::None => Err(locked(format!(
                "nobody is logged in at `{}`: set `VAULT_TOKEN`, or `VAULT_ROLE_ID` and \
                 `VAULT_SECRET_ID`",
                self.source.address
            ))),
            Auth::Token(token) => {
                let about = self.client.get("auth/token/lookup-self", Some(token))?;
                // A token may not be allowed to look itself up; then it is used as it is.
                let data = &about.body["data"];
                let is_renewable = data["renewable"].as_bool().unwrap_or(false);
                let seconds = data["ttl"].as_i64().filter(|_| is_renewable).unwrap_or(0);
                Ok(Session::new(Secret::new(token.expose().into()), seconds, now))
            }
            Auth::AppRole { role, secret } => {
                let body = json!({"role_id": role.expose(), "secret_id": secret.expose()});
                let answer = self.client.post("auth/approle/login", &body, None)?;
                let auth = &answer.body["auth"];
                let token = auth["client_token"].as_str();
                match (answer.status, token) {
                    (200, Some(token)) => {
                        let seconds = auth["lease_duration"].as_i64().unwrap_or(0);
                        Ok(Session::new(Secret::new(token.into()), seconds, now))
                    }
                    (400..=403, _) => {
                        Err(locked(format!("`{}` refuses the AppRole", self.source.address)))
                    }
                    (status, _) => Err(self.client.unexpected(status)),
                }
            }
        }
    }

    fn is_folder(&self) -> bool {
        self.source.path.is_empty() || self.source.path.ends_with('/')
    }

    fn path_of(&self, kind: &str, name: Option<&SecretName>) -> String {
        let HashicorpSource { mount, path, .. } = &self.source;
        let mut parts = vec![mount.as_str(), kind];
        parts.push(path);
        parts.extend(name.filter(|_| self.is_folder()).map(SecretName::as_str));
        let parts = parts.iter().flat_map(|part| part.split('/')).filter(|part| !part.is_empty());
        parts.map(client::encode).collect::<Vec<_>>().join("/")
    }

    fn listed(&self, name: SecretName, about: &Value) -> Result<Listed, ProviderError> {
        Ok(Listed {
            version: about["current_version"].as_u64().unwrap_or(0),
            changed_at: about["updated_time"].as_str().and_then(|text| text.parse().ok()),
            policy: policy(&name, &about["custom_metadata"])?,
            name,
        })
    }

    fn lock_session(&self) -> std::sync::MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for HashicorpVault {
    fn name(&self) -> &'static str {
        "hashicorp"
    }

    fn get(&self, name: &SecretName) -> Result<Option<Entry>, ProviderError> {
        let Some(body) = self.read("data", Some(name))? else { return Ok(None) };
        let field = if self.is_folder() { "value" } else { name.as_str() };
        let metadata = &body["data"]["metadata"];
        let value = match &body["data"]["data"][field] {
            Value::Null => return Ok(None),
            Value::String(text) if text.is_empty() => return Ok(None),
            Value::String(text) => text,
            _ => {
                let message = format!("what `hashicorp` has for `{name}` is no text");
                return Err(ProviderError::Damaged { message });
            }
        };
        Ok(Some(Entry {
            name: name.clone(),
            version: metadata["version"].as_u64().unwrap_or(0),
            policy: policy(name, &metadata["custom_metadata"])?,
            is_weak: weakness(value).is_some(),
            value: Secret::new(value.clone()),
        }))
    }

    fn list(&self) -> Result<Option<Vec<Listed>>, ProviderError> {
        let found = match self.is_folder() {
            true => {
                self.read("metadata", None).map(|body| body.map(|it| it["data"]["keys"].clone()))
            }
            false => {
                self.read("subkeys", None).map(|body| body.map(|it| it["data"]["subkeys"].clone()))
            }
        };
        let names: Vec<SecretName> = match found {
            // Reading values and listing names are rights apart.
            Err(ProviderError::Locked { .. }) if self.lock_session().is_some() => return Ok(None),
            Err(err) => return Err(err),
            Ok(None | Some(Value::Null)) => Vec::new(),
            Ok(Some(Value::Array(names))) => {
                names.iter().filter_map(|name| SecretName::parse(name.as_str()?)).collect()
            }
            Ok(Some(Value::Object(names))) => {
                names.keys().filter_map(|name| SecretName::parse(name)).collect()
            }
            Ok(Some(_)) => return Ok(None),
        };
        let mut about = Value::Null;
        let mut listed = Vec::new();
        for (at, name) in names.into_iter().enumerate() {
            if at == 0 || (self.is_folder() && at < MAX_LISTED) {
                let answer = self.ask(&self.path_of("metadata", Some(&name)))?;
                about = answer.body["data"].clone();
            } else if self.is_folder() {
                about = Value::Null;
            }
            listed.push(self.listed(name, &about)?);
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(listed))
    }
}

/// Reads the policy in a secret's metadata. What cannot be read allows nothing.
fn policy(name: &SecretName, metadata: &Value) -> Result<Policy, ProviderError> {
    let text = |key: &str| metadata[format!("blueprint_{key}")].as_str();
    let words = |key| {
        text(key)
            .into_iter()
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .filter(|it| !it.is_empty())
    };
    let damaged = |key: &str| ProviderError::Damaged {
        message: format!("`blueprint_{key}` in the metadata of `{name}` cannot be read"),
    };
    let expires = text("expires").map(str::parse).transpose().map_err(|_| damaged("expires"))?;
    let may_reveal = match text("reveal") {
        Some("allow") => true,
        Some("deny") | None => false,
        Some(_) => return Err(damaged("reveal")),
    };
    Ok(Policy {
        hosts: words("hosts")
            .map(HostPattern::parse)
            .collect::<Option<_>>()
            .ok_or(damaged("hosts"))?,
        places: words("places")
            .map(Place::parse)
            .collect::<Option<_>>()
            .ok_or(damaged("places"))?,
        blueprints: words("blueprints").map(str::to_owned).collect(),
        may_reveal,
        expires,
    })
}

fn locked(message: String) -> ProviderError {
    ProviderError::Locked { message }
}
