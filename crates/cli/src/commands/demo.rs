//! `blueprint demo`: what the engine can do, without setting anything up.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use blueprint_engine::{Origin, StartRun};
use blueprint_model::{
    Secret, SecretName, Value, event::RunStatus, provider::Entry, secret::Policy,
};
use blueprint_project::secrets;
use blueprint_project::{
    failure::Failure,
    project::{self, Project},
};
use blueprint_vault::{FileVault, KeySource, NewSecret, SecondNet, WeakValues};

use crate::{
    app::App,
    commands::{
        run::Output,
        serve::{self, Browser},
    },
    demo::{self, api::MockApi},
    execute::{self, Watched},
    exit::Exit,
    files,
    terminal::Tone,
};

/// Runs example blueprints against a bundled mock API, with a sample vault.
/// Nothing is written to this folder and nothing leaves the machine.
/// With `--serve`, opens the demo project as pages in a browser, until Ctrl-C.
/// With `--keep`, leaves the project in a folder and the mock API open, to go on by hand.
/// Next: `blueprint init`.
///
/// Examples:
///   blueprint demo
///   blueprint demo --serve
///   blueprint demo --keep my-demo
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Make the demo project in this folder, and keep the mock API open until Ctrl-C
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Serve the demo project, and open its pages in a browser
    #[arg(long)]
    pub serve: bool,
}

/// How long the mock API takes to answer where people look on.
const PAUSE: Duration = Duration::from_millis(400);

/// The example that is shown while it runs; the others only by their value.
const SHOWN: &str = "overdue-orders";

/// Runs the demo.
///
/// # Errors
///
/// Returns an error if there is no port or no folder for it.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    app.out.start_recording();
    app.err.start_recording();
    let runtime = execute::runtime()?;
    let result = runtime.block_on(async {
        // Where people look on, answers take as long as they do elsewhere.
        let is_watched = args.serve || args.keep.is_some();
        let pause = if is_watched { PAUSE } else { Duration::ZERO };
        let api = MockApi::start(pause).await.context("cannot start the mock API")?;
        match (&args.keep, args.serve) {
            (Some(folder), is_served) => keep(folder, is_served, &api, app).await,
            (None, true) => serve(&api, app).await,
            (None, false) => show(&api, app).await,
        }
    });
    runtime.shutdown_background();
    result
}

async fn show(api: &MockApi, app: &mut App) -> Result<Exit> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let keys = tempfile::tempdir().context("cannot make a temporary folder")?;
    let environment = [("XDG_CONFIG_HOME", keys.path().display().to_string())];
    app.environment.replace(&environment);
    lay_out(folder.path(), api, keys.path().join("blueprint/keys"))?;
    say(
        app,
        Tone::Dim,
        &format!(
            "mock API on {}, sample vault, {} example blueprints; nothing \
        leaves this machine\n",
            api.address,
            demo::BLUEPRINTS.len()
        ),
    )?;
    say(app, Tone::Strong, &format!("$ blueprint run {SHOWN}"))?;
    let mut quiet = App::in_memory();
    quiet.environment = app.environment.clone();
    run_one(SHOWN, folder.path(), Output::Auto, app).await?;
    say(app, Tone::Strong, "\nThe other examples")?;
    for (file, _) in demo::BLUEPRINTS {
        let name = file.trim_end_matches(".yaml");
        if name == "order-total" {
            continue; // It is what `invoice` runs.
        }
        let watched = run_one(name, folder.path(), Output::Ndjson, &mut quiet).await?;
        let end = watched.end.context("the run was stopped")?;
        if name == SHOWN {
            continue; // Run again only for its events.
        }
        let sign = if end.status == RunStatus::Succeeded { "✓" } else { "✗" };
        app.err.line(&format!("  {sign} {name:16} {}", end.value))?;
    }
    let events = quiet.out.text();
    prove(folder.path(), api, &events, app)
}

/// Searches everything that the demo left, and says where secrets were found.
fn prove(folder: &Path, api: &MockApi, events: &str, app: &mut App) -> Result<Exit> {
    let net = SecondNet::new(&entries());
    let mut arrived: Vec<usize> = vec![0; demo::SECRETS.len()];
    let received = api.received();
    for request in &received {
        let text = format!("{request:?}");
        net.hits(&text).iter().for_each(|hit| arrived[hit.entry] += 1);
    }
    say(app, Tone::Strong, "\nWhere the values of the secrets are, in any encoding")?;
    for ((name, _), times) in demo::SECRETS.iter().zip(&arrived) {
        let how = match (*name, times) {
            ("SIGNING_KEY", 0) => "never sent: signatures were computed with it".into(),
            (_, times) => format!("arrived at the mock API {times} times"),
        };
        app.err.line(&format!("  {name:18} {how}"))?;
    }
    let mut files = Vec::new();
    collect_files(folder, &mut files)?;
    let in_files: usize = files.iter().map(|bytes| hits(&net, bytes)).sum();
    let printed = hits(&net, app.out.recorded()) + hits(&net, app.err.recorded());
    let places = [
        ("what this command printed".to_owned(), printed),
        ("the events of all runs".to_owned(), hits(&net, events.as_bytes())),
        (format!("the {} files of the project", files.len()), in_files),
    ];
    say(app, Tone::Strong, "\nSearched for them elsewhere")?;
    for (place, found) in &places {
        let (sign, word) = if *found == 0 { ("✓", "not there") } else { ("✗", "FOUND") };
        app.err.line(&format!("  {sign} {place:28} {word}"))?;
    }
    if places.iter().any(|(_, found)| *found > 0) || arrived.iter().sum::<usize>() == 0 {
        return Err(Failure::environment("a secret is where it must not be").into());
    }
    say(app, Tone::Dim, "\nnext: blueprint init my-agent && cd my-agent && blueprint run hello")?;
    Ok(Exit::Fine)
}

/// Serves the demo project from a folder that is gone afterwards.
async fn serve(api: &MockApi, app: &mut App) -> Result<Exit> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let keys = tempfile::tempdir().context("cannot make a temporary folder")?;
    app.environment.replace(&[("XDG_CONFIG_HOME", keys.path().display().to_string())]);
    lay_out(folder.path(), api, keys.path().join("blueprint/keys"))?;
    let place = folder.path().display();
    app.err.line(&format!("made the demo project in {place}, until Ctrl-C (or --keep DIR)"))?;
    serve_in(folder.path(), app).await
}

async fn serve_in(folder: &Path, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(folder)?;
    // A demo takes another port where the usual one is taken; who serves a project wants to know.
    let usual: SocketAddr = serve::address(&project.settings.server.listen)?;
    let is_free = std::net::TcpListener::bind(usual).is_ok();
    let listen = if is_free { usual } else { SocketAddr::new(usual.ip(), 0) };
    serve::serve(project.serving(), listen, Browser::Open, app).await
}

async fn keep(folder: &Path, is_served: bool, api: &MockApi, app: &mut App) -> Result<Exit> {
    let keys = secrets::key_folder(&app.environment)
        .ok_or_else(|| Failure::environment("there is no configuration folder: set `HOME`"))?;
    if folder.join("project.yaml").exists() {
        let failure = Failure::wrong(format!("there is a project in {} already", folder.display()));
        return Err(failure.help("take another folder").into());
    }
    lay_out(folder, api, keys)?;
    app.err.line(&format!("made the demo project in {}", folder.display()))?;
    if is_served {
        return serve_in(folder, app).await;
    }
    app.err.line(&format!("the mock API is open on {} until Ctrl-C; meanwhile:", api.address))?;
    app.err.line(&format!("  cd {}", folder.display()))?;
    app.err.line("  blueprint run city-weather -i cities='[\"Oslo\", \"Nairobi\"]'")?;
    tokio::signal::ctrl_c().await.context("cannot listen for Ctrl-C")?;
    Ok(Exit::Fine)
}

/// Makes the demo project: settings, blueprints, and a vault with sample secrets.
fn lay_out(folder: &Path, api: &MockApi, keys: PathBuf) -> Result<()> {
    let mocks: Vec<String> =
        demo::HOSTS.iter().map(|host| format!("    {host}: \"{}\"\n", api.address)).collect();
    let settings = format!("name: demo\nnetwork:\n  mocks:\n{}", mocks.concat());
    files::create(&folder.join("project.yaml"), &settings)?;
    for (name, text) in demo::BLUEPRINTS {
        files::create(&folder.join("blueprints").join(name), text)?;
    }
    let path = folder.join(".blueprint/vault");
    let vault =
        FileVault::init(&path, Arc::new(KeySource::Folder(keys))).map_err(secrets::file_failure)?;
    for entry in entries() {
        let (name, value) = (entry.name, entry.value);
        let (policy, weak, now) = (None, WeakValues::Refuse, secrets::now());
        vault.set(NewSecret { name, value, policy, weak, now }).map_err(secrets::file_failure)?;
    }
    Ok(())
}

async fn run_one(name: &str, folder: &Path, output: Output, app: &mut App) -> Result<Watched> {
    let (project, file) = Project::find(name, folder)?;
    let registry = project.registry()?;
    let checked = project::check_file(&file, &registry)?;
    let linked = project.library(&checked, &registry)?;
    let plan = checked.plan.context("an example has a fault")?;
    let library = Arc::new(linked.library);
    let start = StartRun {
        secrets: secrets::load(&library.secrets(&plan), &project, &app.environment)?,
        env: Arc::default(),
        payload: Value::Object(serde_json::Map::new()),
        inputs: Value::Object(serde_json::Map::new()),
        timeout: None,
        origin: Origin::default(),
        plan,
        library,
    };
    let engine = execute::forgetful_engine(project.limits());
    let watched = execute::watch(&engine, start, output, app).await?;
    if let (Some(end), Output::Auto) = (&watched.end, output) {
        app.out.line(&format!("{:#}", *end.value))?;
        app.out.flush()?;
    }
    Ok(watched)
}

fn entries() -> Vec<Entry> {
    let entry = |(name, value): &(&str, &str)| Entry {
        name: SecretName::parse(name).expect("the demo's names are well-formed"),
        version: 1,
        value: Secret::new((*value).into()),
        policy: Policy::default(),
        is_weak: false,
    };
    demo::SECRETS.iter().map(entry).collect()
}

fn hits(net: &SecondNet, bytes: &[u8]) -> usize {
    net.hits(&String::from_utf8_lossy(bytes)).len()
}

fn collect_files(folder: &Path, found: &mut Vec<Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder).context("cannot read the demo's folder")? {
        let path = entry?.path();
        if path.is_dir() {
            collect_files(&path, found)?;
        } else {
            found.push(fs::read(&path)?);
        }
    }
    Ok(())
}

fn say(app: &mut App, tone: Tone, text: &str) -> Result<()> {
    let text = app.err.paint.paint(tone, text);
    Ok(app.err.line(&text)?)
}

/// Returns the events of all examples, one a line, for tests.
#[cfg(test)]
pub(crate) fn events() -> Result<String> {
    let runtime = execute::runtime()?;
    runtime.block_on(async {
        let api = MockApi::start(Duration::ZERO).await?;
        let (folder, keys) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let mut app = App::in_memory();
        let environment = [("XDG_CONFIG_HOME", keys.path().display().to_string())];
        app.environment.replace(&environment);
        lay_out(folder.path(), &api, keys.path().join("blueprint/keys"))?;
        for (file, _) in demo::BLUEPRINTS.iter().filter(|(file, _)| *file != "order-total.yaml") {
            let name = file.trim_end_matches(".yaml");
            run_one(name, folder.path(), Output::Ndjson, &mut app).await?;
        }
        Ok(app.out.text())
    })
}
