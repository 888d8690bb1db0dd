//! A project served in this process, on a free port of loopback, and a client that asks it.

use std::{collections::BTreeMap, fs, io, net::SocketAddr, path::Path, time::Duration};

use blueprint_project::{environment::Environment, project::Project};
use blueprint_server::{Bounds, Options};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, sync::oneshot, task::JoinSet};

/// How long an answer may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The settings of a served project where a test does not bring its own: scripts run in this
/// process, since the test program is no worker.
pub const SETTINGS: &str = "name: served\nsandbox: inline\nvault: [env]\nstore: {flush: off}\n";

/// A project that is served until this is dropped or [`Served::stop`] has returned.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    tasks: JoinSet<anyhow::Result<()>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// Panics if it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        let body = &self.body;
        serde_json::from_str(body).unwrap_or_else(|err| panic!("{err} in {}: {body}", self.status))
    }

    /// Returns a header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Writes a project: `project.yaml` of these settings, and blueprints by name.
///
/// # Panics
///
/// Panics if a file cannot be written.
pub fn write(folder: &Path, settings: &str, blueprints: &[(&str, &str)]) {
    fs::create_dir_all(folder.join("blueprints")).expect("a folder can be made");
    fs::write(folder.join("project.yaml"), settings).expect("a file can be written");
    for (name, text) in blueprints {
        let path = folder.join("blueprints").join(format!("{name}.yaml"));
        fs::write(path, text).expect("a file can be written");
    }
}

impl Served {
    /// Serves the project in a folder, in the current runtime, and returns once it listens.
    ///
    /// # Panics
    ///
    /// Panics if it does not.
    pub async fn start(folder: &Path) -> Self {
        Self::with(folder, &[]).await
    }

    /// Does the same with these process variables; without others its home is the folder itself.
    ///
    /// # Panics
    ///
    /// Panics if it does not listen.
    pub async fn with(folder: &Path, variables: &[(&str, &str)]) -> Self {
        Self::bounded(folder, variables, Bounds::default()).await
    }

    /// Does the same with other bounds of clients.
    ///
    /// # Panics
    ///
    /// Panics if it does not listen.
    pub async fn bounded(folder: &Path, variables: &[(&str, &str)], bounds: Bounds) -> Self {
        let home = folder.to_string_lossy().into_owned();
        let mut environment = Environment::from_pairs(&[("HOME", &home)]);
        let variables: Vec<(&str, String)> =
            variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        environment.replace(&variables);
        let project = Project::of_folder(folder).expect("a project").serving();
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let listen = SocketAddr::from(([127, 0, 0, 1], 0));
            let options = Options { bounds, ..Options::at(listen) };
            let ready = |address| tell.send(address).expect("the test waits for it");
            let stop = async move { drop(stopped.await) };
            blueprint_server::serve(project, environment, options, ready, stop).await
        });
        let Ok(address) = told.await else {
            let ended = tasks.join_next().await.expect("it was spawned");
            panic!("it does not serve: {:?}", ended.expect("it does not panic").err());
        };
        Self { address, stop: Some(stop), tasks }
    }

    /// Returns the address that clients are given, without a path.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it as a signal would, and waits until it has.
    ///
    /// # Panics
    ///
    /// Panics if it failed.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        let ended = tokio::time::timeout(PATIENCE, self.tasks.join_next()).await;
        let ended = ended.expect("it stops").expect("it was spawned");
        ended.expect("it does not panic").expect("it stops well");
    }

    /// Asks for a path below the root.
    ///
    /// # Panics
    ///
    /// Panics if there is no answer.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// Sends JSON to a path below the root.
    ///
    /// # Panics
    ///
    /// Panics if there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send("POST", path, &headers, &body.to_string()).await
    }

    /// Sends a request on a connection of its own.
    ///
    /// # Panics
    ///
    /// Panics if there is no answer.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut client = self.connect().await.expect("it listens");
        client.send(method, path, headers, body).await.expect("it answers")
    }

    /// Returns a connection that is kept open.
    ///
    /// # Errors
    ///
    /// Returns an error if nobody listens.
    pub async fn connect(&self) -> io::Result<Client> {
        Client::connect(self.address).await
    }
}

/// A connection; one request after the other.
pub struct Client {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    _connection: JoinSet<()>,
}

impl Client {
    /// Connects to a server.
    ///
    /// # Errors
    ///
    /// Returns an error if nobody listens.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(connection.await) });
        Ok(Self { address, sender, _connection: tasks })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection ends before that, or it takes too long.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
        let all = async {
            let (status, headers, body) = self.open(method, path, headers, body).await?;
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            Ok(Answer { status, headers, body })
        };
        tokio::time::timeout(PATIENCE, all).await?
    }

    /// Sends a request and returns status, headers and the body as it comes.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection ends before that.
    pub async fn open(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<(u16, BTreeMap<String, String>, Incoming)> {
        let method: Method = method.parse().map_err(io::Error::other)?;
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::from(body.to_owned());
        let request = request.body(body).map_err(io::Error::other)?;
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = response.into_parts();
        let text = |value: &hyper::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let pairs = head.headers.iter().map(|(name, it)| (name.as_str().to_owned(), text(it)));
        Ok((head.status.as_u16(), pairs.collect(), body))
    }
}
