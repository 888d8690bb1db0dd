//! `project.yaml` as data: every key optional, with the defaults of the manual.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use blueprint_model::Limits;

use crate::settings::units::{Size, Span};

mod fault;
mod units;

pub use fault::ProjectError;

/// A project's settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Project {
    /// Its name; without one, that of its folder.
    pub name: Option<String>,
    /// Where secrets come from, asked in this order.
    pub vault: Vec<VaultSource>,
    /// Process variables that blueprints and handlers may read.
    pub env: Vec<String>,
    /// Which addresses blocks may connect to.
    pub network: NetworkSettings,
    /// Where scripts run; without it, the command decides.
    pub sandbox: Option<Sandbox>,
    /// Bounds of scripts and runs.
    pub limits: LimitSettings,
    /// Where runs are kept.
    pub store: Store,
    /// The server's settings.
    pub server: Server,
    /// Programs that a `command` block may start.
    pub commands: Vec<String>,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            name: None,
            vault: vec![VaultSource::File, VaultSource::Env],
            env: Vec::new(),
            network: NetworkSettings::default(),
            sandbox: None,
            limits: LimitSettings::default(),
            store: Store::default(),
            server: Server::default(),
            commands: Vec::new(),
        }
    }
}

/// A source of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultSource {
    /// The encrypted file.
    File,
    /// Process variables.
    Env,
    /// A `.env` file.
    Dotenv,
    /// A program that prints the value.
    Command(String),
    /// A server that speaks the API of `hashicorp` Vault.
    Hashicorp(Hashicorp),
}

/// Where such a server is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashicorp {
    /// Its URL.
    pub address: String,
    /// The mount of the key-value engine.
    #[serde(default = "default_mount")]
    pub mount: String,
    /// The path below the mount.
    #[serde(default)]
    pub path: String,
    /// The namespace.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// Returns whether a process variable holds a secret, or what opens the vault.
fn is_of_the_vault(name: &str) -> bool {
    name.starts_with("BLUEPRINT_VAULT") || name.starts_with("BLUEPRINT_SECRET_")
}

/// Returns whether a text is the name of a host, with a port or without.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_plain)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn default_mount() -> String {
    "secret".into()
}

/// Which addresses blocks may connect to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSettings {
    /// Whether private, loopback and link-local addresses are allowed; without it, the command
    /// decides.
    pub private: Option<Access>,
    /// Addresses, hosts or ranges that are allowed all the same.
    pub allow: Vec<String>,
    /// Hosts that a server on this machine stands in for: name to loopback address and port.
    pub mocks: BTreeMap<String, SocketAddr>,
}

/// Whether something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It is.
    Allow,
    /// It is not.
    Deny,
}

/// Where scripts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// In this process.
    Inline,
    /// In processes of their own.
    Worker,
}

/// Bounds of scripts and runs; what is not set keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    script_operations: Option<u64>,
    script_time: Option<Span>,
    script_memory: Option<Size>,
    script_size: Option<Size>,
    depth: Option<usize>,
    items: Option<usize>,
    result_size: Option<Size>,
}

/// Where runs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The file, relative to the project.
    pub path: String,
    /// When a fact counts as kept.
    pub flush: Flush,
    keep: Span,
}

impl Store {
    /// Returns how long finished runs are kept.
    pub fn keep(&self) -> Duration {
        self.keep.0
    }
}

impl Default for Store {
    fn default() -> Self {
        let keep = Span(Duration::from_secs(30 * 24 * 60 * 60));
        Self { path: ".blueprint/runs.db".into(), flush: Flush::Full, keep }
    }
}

/// When a fact counts as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flush {
    /// On the disk: survives a power cut.
    Full,
    /// With the operating system: survives the end of this process.
    Normal,
    /// Some time.
    Off,
}

/// The server's settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    pub listen: String,
    /// Further names by which it is asked, such as that of a proxy before it.
    pub hosts: Vec<String>,
    /// Most runs at once.
    pub max_runs: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: "127.0.0.1:7700".into(), hosts: Vec::new(), max_runs: 1_000 }
    }
}

/// For whom a project is opened; decides where the file says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A person runs their own files: `run`, `test`, `demo`.
    Person,
    /// A server runs what others start: `serve`.
    Service,
}

impl Project {
    /// Reads the settings. An empty file is a file of defaults.
    ///
    /// # Errors
    ///
    /// Returns the first fault, with the path of its key.
    pub fn from_value(value: &Value) -> Result<Self, ProjectError> {
        let mut value = value.clone();
        match &mut value {
            Value::Null => return Ok(Self::default()),
            // A key whose values are all comments is null.
            Value::Object(map) => map.retain(|_, value| !value.is_null()),
            _ => return Err(ProjectError::not_an_object(".")),
        }
        let groups = ["network", "limits", "store", "server"];
        if let Some(key) =
            groups.iter().find(|key| value.get(key).is_some_and(|it| !it.is_object()))
        {
            return Err(ProjectError::not_an_object(key));
        }
        let settings: Self =
            serde_path_to_error::deserialize(value).map_err(|err| ProjectError::of_serde(&err))?;
        if let Some(host) = settings.server.hosts.iter().find(|host| !is_host(host)) {
            return Err(ProjectError {
                path: "server.hosts".into(),
                message: format!("`{host}` is no host name"),
                hint: Some("the name alone, as in `team.example`".into()),
            });
        }
        match settings.env.iter().find(|name| is_of_the_vault(name)) {
            Some(name) => Err(ProjectError {
                path: "env".into(),
                message: format!("`{name}` is the vault's own and no blueprint may read it"),
                hint: Some("name the secret in a blueprint instead: `vault.KEY`".into()),
            }),
            None => Ok(settings),
        }
    }

    /// Returns the bounds that hold for a purpose.
    pub fn limits(&self, purpose: Purpose) -> Limits {
        let mut limits = Limits::default();
        let set = &self.limits;
        let script = &mut limits.script;
        script.operations = set.script_operations.unwrap_or(script.operations);
        script.time = set.script_time.map_or(script.time, |span| span.0);
        script.memory = set.script_memory.map_or(script.memory, |size| size.0);
        script.size = set.script_size.map_or(script.size, Size::in_memory);
        limits.depth = set.depth.unwrap_or(limits.depth);
        limits.items = set.items.unwrap_or(limits.items);
        limits.result_size = set.result_size.map_or(limits.result_size, |size| size.0);
        limits.network.allow.clone_from(&self.network.allow);
        let mocks = self.network.mocks.iter();
        limits.network.mocks = mocks.map(|(host, at)| (host.clone(), *at)).collect();
        limits.network.allows_private = match self.network.private {
            Some(access) => access == Access::Allow,
            None => purpose == Purpose::Person,
        };
        limits
    }

    /// Returns where scripts run for a purpose.
    pub fn sandbox(&self, purpose: Purpose) -> Sandbox {
        self.sandbox.unwrap_or(match purpose {
            Purpose::Person => Sandbox::Inline,
            Purpose::Service => Sandbox::Worker,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_fault(value: &Value, message: &str, hint: Option<&str>) {
        let error = Project::from_value(value).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint.as_deref()), (message, hint));
    }

    #[test]
    fn an_empty_file_is_a_file_of_defaults() {
        let documented = json!({
            "vault": ["file", "env"],
            "env": [],
            "network": {"allow": []},
            "limits": {
                "script_operations": 50_000_000,
                "script_time": "10s",
                "script_memory": "64MiB",
                "script_size": "64KiB",
                "depth": 32,
                "items": 1_000_000,
                "result_size": "64MiB",
            },
            "store": {"path": ".blueprint/runs.db", "flush": "full", "keep": "30d"},
            "server": {"listen": "127.0.0.1:7700", "hosts": [], "max_runs": 1000},
            "commands": [],
        });
        let documented = Project::from_value(&documented).unwrap();
        let empty = Project::from_value(&Value::Null).unwrap();
        assert_eq!(documented.limits(Purpose::Person), empty.limits(Purpose::Person));
        assert_eq!(documented.store, empty.store);
        assert_eq!(documented.server, empty.server);
        assert_eq!(documented.vault, empty.vault);
    }

    #[test]
    fn a_key_without_a_value_keeps_its_default() {
        let project = Project::from_value(&json!({"limits": null, "vault": null})).unwrap();
        assert_eq!(project, Project::default());
    }

    #[test]
    fn a_server_is_stricter_where_the_file_says_nothing() {
        let project = Project::default();
        assert!(project.limits(Purpose::Person).network.allows_private);
        assert!(!project.limits(Purpose::Service).network.allows_private);
        assert_eq!(project.sandbox(Purpose::Service), Sandbox::Worker);
        let project =
            Project::from_value(&json!({"network": {"private": "allow"}, "sandbox": "inline"}));
        let project = project.unwrap();
        assert!(project.limits(Purpose::Service).network.allows_private);
        assert_eq!(project.sandbox(Purpose::Service), Sandbox::Inline);
    }

    #[test]
    fn vault_sources_may_have_settings() {
        let value = json!({"vault": [
            "dotenv",
            {"command": "pass-show"},
            {"hashicorp": {"address": "https://vault.example"}},
        ]});
        let vault = Project::from_value(&value).unwrap().vault;
        assert_eq!(vault[1], VaultSource::Command("pass-show".into()));
        assert!(matches!(&vault[2], VaultSource::Hashicorp(it) if it.mount == "secret"));
    }

    #[test]
    fn faults_name_the_path_of_the_key() {
        check_fault(
            &json!({"limits": {"script_time": "10 parsecs"}}),
            "project.yaml: `limits.script_time`: expected a duration such as `10s`",
            None,
        );
        check_fault(
            &json!({"limits": {"depht": 1}}),
            "project.yaml: `limits.depht`: unknown key `depht`, expected one of \
             `script_operations`, `script_time`, `script_memory`, `script_size`, `depth`, \
             `items`, `result_size`",
            Some("did you mean `depth`?"),
        );
        check_fault(
            &json!({"vault": ["file", "enf"]}),
            "project.yaml: `vault[1]`: unknown value `enf`, expected one of `file`, `env`, \
             `dotenv`, `command`, `hashicorp`",
            Some("did you mean `env`?"),
        );
        check_fault(
            &json!({"server": {"max_runs": "many"}}),
            "project.yaml: `server.max_runs`: this is string \"many\", expected a whole number",
            None,
        );
        check_fault(&json!([]), "project.yaml: expected an object", None);
        check_fault(&json!({"store": ["x"]}), "project.yaml: `store`: expected an object", None);
    }
}
