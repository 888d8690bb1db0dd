//! `blueprint serve`: the project as a server.

use std::{net::SocketAddr, path::Path};

use anyhow::Result;
use blueprint_project::{failure::Failure, project::Project};
use blueprint_server::Options;

use crate::{
    app::App,
    execute::{self, Signals},
    exit::Exit,
};

/// Serves the project: an HTTP API, triggers, and pages to look at runs and change secrets.
///
/// Only this machine can reach it, unless `--listen` or project.yaml says otherwise.
/// Next: open the address in a browser.
///
/// Examples:
///   blueprint serve
///   blueprint serve --open
///   blueprint serve --listen 127.0.0.1:8080
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Address and port, instead of those of project.yaml
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Open the pages in a browser
    #[arg(long)]
    pub open: bool,
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// Returns a failure if the port is taken, or the project cannot be opened.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    if !project.is_there() {
        let failure = Failure::wrong("there is no project here: no project.yaml");
        return Err(failure.help("start one: blueprint init").into());
    }
    let listen = args.listen.as_deref().unwrap_or(&project.settings.server.listen);
    let listen = address(listen)?;
    let runtime = execute::runtime_for(project.settings.server.max_runs)?;
    let result = runtime.block_on(serve(project.serving(), listen, app));
    runtime.shutdown_background();
    result
}

async fn serve(project: Project, listen: SocketAddr, app: &mut App) -> Result<Exit> {
    let mut signals = Signals::listen()?;
    let stop = async move {
        signals.next().await;
    };
    let environment = app.environment.clone();
    let ready = |address: SocketAddr| {
        // Where stderr is gone, nobody needs to know the address.
        drop(app.err.line(&format!("serving on http://{address}/ until Ctrl-C")));
    };
    blueprint_server::serve(project, environment, Options { listen }, ready, stop).await?;
    Ok(Exit::Fine)
}

fn address(text: &str) -> Result<SocketAddr> {
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| {
        let failure = Failure::wrong(format!("`{text}` is no address with a port"));
        failure.help("--listen 127.0.0.1:7700").into()
    })
}
