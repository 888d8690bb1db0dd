//! `blueprint serve`: the project as a server.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Result;
use blueprint_project::{failure::Failure, project::Project};
use blueprint_server::Options;
use tokio::sync::oneshot;

use crate::{
    app::App,
    execute::{self, Signals},
    exit::Exit,
    log::Log,
    terminal::Terminal,
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
    let browser = if args.open { Browser::Open } else { Browser::Leave };
    let runtime = execute::runtime_for(project.settings.server.max_runs)?;
    let result = runtime.block_on(serve(project.serving(), listen, browser, app));
    runtime.shutdown_background();
    result
}

/// Whether a browser shall show the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Browser {
    /// It shall.
    Open,
    /// It shall not.
    Leave,
}

/// Serves a project until a signal comes.
pub(super) async fn serve(
    project: Project,
    listen: SocketAddr,
    browser: Browser,
    app: &mut App,
) -> Result<Exit> {
    Log::begin();
    let mut signals = Signals::listen()?;
    let (tell, told) = oneshot::channel::<()>();
    let stop = async {
        // Whoever would tell is gone only where nobody needs to be told.
        drop(told.await);
    };
    let mut story = Terminal::stderr();
    let environment = app.environment.clone();
    let ready = |address: SocketAddr| {
        // Where stderr is gone, nobody needs to know the address.
        drop(app.err.line(&format!("serving on http://{address}/ until Ctrl-C")));
        if browser == Browser::Open && !app.environment.is_set("CI") {
            open(address);
        }
    };
    let serving = blueprint_server::serve(project, environment, Options::at(listen), ready, stop);
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served.map(|()| Exit::Fine),
        _ = signals.next() => {}
    }
    let _ = tell.send(());
    story.line("stopping, once the runs under way have ended; Ctrl-C leaves them for later")?;
    tokio::select! {
        served = &mut serving => served.map(|()| Exit::Fine),
        // The store has all that happened, and the next `serve` goes on with it.
        _ = signals.next() => Ok(Exit::Fine),
    }
}

/// Has the desktop's own browser show the pages. Where there is none, the address was printed.
fn open(address: SocketAddr) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let null = Stdio::null;
    let command = Command::new(program)
        .arg(format!("http://{address}/"))
        .stdin(null())
        .stdout(null())
        .stderr(null())
        .spawn();
    drop(command);
}

/// Reads an address with a port.
pub(super) fn address(text: &str) -> Result<SocketAddr> {
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| {
        let failure = Failure::wrong(format!("`{text}` is no address with a port"));
        failure.help("--listen 127.0.0.1:7700").into()
    })
}
