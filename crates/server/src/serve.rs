//! The server from its start to its end.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use blueprint_project::{environment::Environment, failure::Failure, project::Project};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    access::Access,
    catalogue,
    connections::{self, Bounds},
    routes, runs,
    site::Site,
    triggers,
};

/// How long runs have to come to an end when the server is to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How a project is served.
pub struct Options {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many clients there may be, and how slow.
    pub bounds: Bounds,
}

impl Options {
    /// Returns the options of a server at an address, all else as it is by itself.
    pub fn at(listen: SocketAddr) -> Self {
        Self { listen, bounds: Bounds::default() }
    }
}

/// Serves a project until `stop` comes true. `ready` is told the address.
///
/// # Errors
///
/// Returns a failure if the port is taken, or the project cannot be opened.
pub async fn serve(
    project: Project,
    environment: Environment,
    options: Options,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let listener = TcpListener::bind(options.listen).await.map_err(|err| {
        let failure = Failure::environment(format!("cannot listen on {}: {err}", options.listen));
        failure.help("take another port: --listen 127.0.0.1:7701")
    })?;
    let address = listener.local_addr().context("the socket has no address")?;
    let access = Access::new(address, &project.settings.server.hosts);
    let site = Arc::new(Site::open(project, environment, access, options.bounds)?);
    site.access.begin(&*site.journal).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(catalogue::watch(site.clone()));
    tasks.spawn(runs::host(site.clone()));
    tasks.spawn(triggers::cron::run(site.clone()));
    ready(address);
    let told = site.clone();
    tasks.spawn(async move {
        stop.await;
        told.close();
    });
    connections::serve(listener, &routes::all(site.clone()), &site).await;
    // Nothing new begins, but what goes on may come to its end.
    site.runs.close(GRACE).await;
    tasks.shutdown().await;
    Ok(())
}
