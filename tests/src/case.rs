//! A case of the suite: a blueprint as an author could have written it, and what a run is given.
//!
//! What no blueprint says stands in comments at its top:
//!
//! ```text
//! # given inputs: {"n": 1}
//! # given payload: [1, 2]
//! # given env: {"CITY": "Oslo", "UNSET": null}      what the project lists
//! # given vault: {"API_KEY": {"hosts": ["api.acme.example"], "reveal": true}}
//! # given limits: {"depth": 4, "items": 10, "result_size": 100, "operations": 1000}
//! # given cancel: hold            as soon as block `hold` has started
//! # given answers: {"ask": {"decision": "approved"}}      to block `ask`, when it waits for one
//! # given received                the trace shows the requests that arrived, values and all
//! ```

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use blueprint_model::{
    BlockPath, Limits, Value,
    journal::{Question, QuestionKind},
    limits::Network,
    value::{self, Map, Shared},
};

/// A port where nobody listens, for hosts whose name begins with `refused.`.
const REFUSED: &str = "127.0.0.1:1";

/// A blueprint file and what a run of it is given.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The inputs, an object.
    pub inputs: Value,
    /// What the trigger brought; `None` stands for the inputs.
    pub payload: Option<Value>,
    /// The process variables that the project lists.
    pub env: Value,
    /// Values and policies of keys.
    pub vault: Value,
    /// Bounds that differ from the usual.
    pub limits: Value,
    /// What cancels the run.
    pub cancel: Cancel,
    /// What is sent to blocks that wait for an answer, by path; a list is sent one by one.
    pub answers: Value,
    /// Whether the trace shows what the server received.
    pub shows_received: bool,
}

/// What cancels a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancel {
    /// Nothing.
    Never,
    /// The start of this block.
    AtBlock(String),
    /// This many events.
    AfterEvents(usize),
}

impl Case {
    /// Reads a file.
    ///
    /// # Panics
    ///
    /// Panics if there is none, or if what it is given is not JSON.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        let mut case = Self {
            path: path.into(),
            inputs: Value::Object(Map::new()),
            payload: None,
            env: Value::Null,
            vault: Value::Null,
            limits: Value::Null,
            cancel: Cancel::Never,
            answers: Value::Null,
            shows_received: false,
            bytes: bytes.clone(),
        };
        let text = String::from_utf8_lossy(&bytes);
        for line in text.lines().filter_map(|line| line.strip_prefix("# given ")) {
            let (what, value) = line.split_once(':').unwrap_or((line, "null"));
            case.give(what.trim(), value.trim());
        }
        case
    }

    /// Returns its name for people: `joins/diamond`.
    pub fn name(&self) -> String {
        let name = self.path.display().to_string();
        name.trim_start_matches("suite/").trim_end_matches(".yaml").into()
    }

    /// Returns the bounds of its run, with the server in place of every host.
    pub fn limits(&self, server: SocketAddr) -> Limits {
        let mut limits = Limits::default();
        let number = |key: &str| self.limits[key].as_u64();
        let small = |key: &str| number(key).and_then(|number| usize::try_from(number).ok());
        limits.depth = small("depth").unwrap_or(limits.depth);
        limits.items = small("items").unwrap_or(limits.items);
        limits.result_size = number("result_size").unwrap_or(limits.result_size);
        limits.script.operations = number("operations").unwrap_or(limits.script.operations);
        limits.script.memory = number("memory").unwrap_or(limits.script.memory);
        limits.script.output = small("output").unwrap_or(limits.script.output);
        limits.network = Network {
            allows_private: self.limits["private"] != false,
            allow: Vec::new(),
            mocks: self.hosts().into_iter().map(|host| mock(host, server)).collect(),
        };
        limits
    }

    /// Returns what is sent to a block that waits with this question: of an event, what fits.
    pub fn answers_to(&self, block: &BlockPath, question: &Question) -> Vec<Shared> {
        let sent = match &self.answers[block.to_string().as_str()] {
            Value::Null => Vec::new(),
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        };
        let fits = |answer: &Value| match question.kind {
            QuestionKind::Approval => true,
            QuestionKind::Event => value::contains(answer, &question.details),
        };
        sent.into_iter().filter(fits).map(Shared::new).collect()
    }

    /// Returns every host name in the file that ends in `.example` or `.test`.
    fn hosts(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let is_host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let mut hosts: Vec<String> = text
            .split(|c: char| !is_host(c))
            .map(|word| word.trim_matches('.').to_ascii_lowercase())
            .filter(|word| word.ends_with(".example") || word.ends_with(".test"))
            .collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    fn give(&mut self, what: &str, text: &str) {
        let parsed = || {
            serde_json::from_str(text)
                .unwrap_or_else(|err| panic!("{}: given {what}: {err}", self.path.display()))
        };
        match what {
            "inputs" => self.inputs = parsed(),
            "payload" => self.payload = Some(parsed()),
            "env" => self.env = parsed(),
            "vault" => self.vault = parsed(),
            "limits" => self.limits = parsed(),
            "answers" => self.answers = parsed(),
            "cancel" => self.cancel = Cancel::AtBlock(text.into()),
            "received" => self.shows_received = true,
            other => panic!("{}: nothing is given as `{other}`", self.path.display()),
        }
    }
}

fn mock(host: String, server: SocketAddr) -> (String, SocketAddr) {
    let refused = REFUSED.parse().expect("an address");
    let address = if host.starts_with("refused.") { refused } else { server };
    (host, address)
}
