//! One run in this process, watched: events go to the terminal or to stdout, signals stop it.

use std::{io::Write as _, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use blueprint_engine::{
    Clock, Engine, Halt, Ids, Library, Outline, Plan, ResumeError, RunEnd, RunHandle, StartError,
    StartRun,
};
use blueprint_journal::MemoryJournal;
use blueprint_model::{Event, Journal, Limits, RunId, code, event::CancelReason, format};
use blueprint_project::{
    failure::Failure,
    store::{self, Rebuilder},
};
use jiff::Timestamp;
use tokio::{runtime::Runtime, sync::mpsc};

use crate::{
    app::App,
    commands::run::Output,
    render::{
        live::Live,
        plain,
        tree::{self, Tree},
    },
    terminal::Terminal,
};

/// How often a live tree moves on.
const TICK: Duration = Duration::from_millis(100);

/// How a watched run ended.
pub struct Watched {
    /// The run's end; `None` if a second signal stopped it on the spot, or it is parked.
    pub end: Option<RunEnd>,
    /// The run and when it wakes by itself, if it is parked.
    pub parked: Option<(RunId, Option<Timestamp>)>,
    /// The signal that cancelled it, if one did.
    pub signal: Option<Signal>,
}

/// A signal that stops a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Returns the runtime of this process.
///
/// # Errors
///
/// Returns an error if the system gives no threads.
pub fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Returns the runtime of a server of so many runs: each may wait in a thread for its script.
///
/// # Errors
///
/// Returns an error if the system gives no threads.
pub fn runtime_for(runs: usize) -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(runs.saturating_add(512))
        .build()
        .context("cannot start the runtime")
}

/// Returns an engine that keeps its runs in this store.
pub fn engine(journal: Arc<dyn Journal>, limits: Limits) -> Engine {
    Engine::new(journal, Clock::System, Ids::Random, limits)
}

/// Returns an engine that forgets its events.
pub fn forgetful_engine(limits: Limits) -> Engine {
    engine(Arc::new(MemoryJournal::forgetful()), limits)
}

/// Runs a blueprint to its end and shows it as `output` says.
///
/// # Errors
///
/// Returns a failure if the inputs are wrong, or an error if the terminal is gone.
pub async fn watch(
    engine: &Engine,
    start: StartRun,
    output: Output,
    app: &mut App,
) -> Result<Watched> {
    let view = View::new(&start.plan, &start.library, output, app);
    let mut handle = engine.start(start).await.map_err(start_failure)?;
    let events = handle.events().expect("nobody has taken the events yet");
    follow(handle, events, view, app).await
}

/// Goes on with a kept run to its end and shows it as `output` says.
///
/// # Errors
///
/// Returns a failure if somebody works on it, it has ended, or what it needs is not there.
pub async fn watch_resumed(
    engine: &Engine,
    run: &RunId,
    rebuilder: &Rebuilder,
    output: Output,
    app: &mut App,
) -> Result<Watched> {
    try_resumed(engine, run, rebuilder, output, app).await.map_err(resume_failure)
}

/// Does the same, and leaves it to the caller what it means that somebody works on the run, or has
/// brought it to its end.
///
/// # Errors
///
/// Returns why the run does not go on; what goes wrong while it is watched is a fault of the setup.
pub async fn try_resumed(
    engine: &Engine,
    run: &RunId,
    rebuilder: &Rebuilder,
    output: Output,
    app: &mut App,
) -> Result<Watched, ResumeError<anyhow::Error>> {
    let mut view = None;
    let resumed = engine.resume(run, |record| {
        let rebuilt = rebuilder.rebuild(record)?;
        view = Some(View::new(&rebuilt.plan, &rebuilt.library, output, app));
        Ok(rebuilt)
    });
    let mut handle = resumed.await?;
    let view = view.expect("the run was set up");
    let events = handle.events().expect("nobody has taken the events yet");
    follow(handle, events, view, app).await.map_err(ResumeError::Setup)
}

/// Returns the failure for a run that does not go on.
pub(crate) fn resume_failure(err: ResumeError<anyhow::Error>) -> anyhow::Error {
    match err {
        ResumeError::Setup(err) => err,
        ResumeError::Journal(err) => store::failure(err),
        ResumeError::Unknown(_) => Failure::wrong(err.to_string()).code(code::NO_RUN).into(),
        ResumeError::Busy(run) => {
            let hint = format!("blueprint runs cancel {}", run.short());
            let message = format!("another process works on run {}", run.short());
            Failure::wrong(message).code(code::RUN_TAKEN).help(hint).into()
        }
        ResumeError::Ended(run) => {
            let hint = format!("blueprint runs show {}", run.short());
            Failure::wrong(format!("run {} has ended", run.short())).help(hint).into()
        }
    }
}

fn start_failure(err: StartError) -> anyhow::Error {
    match err {
        StartError::Inputs(misfits) => {
            let mut failure = Failure::wrong(misfits.join("\n  ")).code(code::BAD_INPUTS);
            failure.message.insert_str(0, if misfits.len() > 1 { "\n  " } else { "" });
            failure.into()
        }
        StartError::Journal(err) => store::failure(err),
        StartError::Conflict(run) => {
            let message = format!("run {} has this key and was given something else", run.short());
            let hint = format!("blueprint runs show {}", run.short());
            Failure::wrong(message).code(code::KEY_CONFLICT).help(hint).into()
        }
        known @ StartError::Known(_) => anyhow::Error::from(known),
    }
}

/// What shows the events.
enum View {
    Live(Live),
    Plain(Tree),
    Ndjson,
    None,
}

impl View {
    fn new(plan: &Arc<Plan>, library: &Library, output: Output, app: &App) -> Self {
        let tree = Tree::new(&plan.source.file, known_blocks(plan, library), app.err.paint);
        match output {
            Output::Auto | Output::Json if app.is_live => Self::Live(Live::new(tree)),
            Output::Auto | Output::Json => Self::Plain(tree),
            Output::Ndjson => Self::Ndjson,
            Output::Quiet => Self::None,
        }
    }

    fn show(&mut self, event: &Event, app: &mut App) -> Result<()> {
        match self {
            Self::Live(live) => live.apply(event, &mut app.err, now())?,
            Self::Plain(tree) => {
                tree.apply(event);
                if let Some(line) = plain::line(event, tree) {
                    app.err.line(&line)?;
                }
            }
            Self::Ndjson => app.out.line(&format::to_json(event).to_string())?,
            Self::None => {}
        }
        Ok(())
    }

    fn tick(&mut self, terminal: &mut Terminal) -> Result<()> {
        match self {
            Self::Live(live) => Ok(live.tick(terminal, now())?),
            Self::Plain(_) | Self::Ndjson | Self::None => Ok(()),
        }
    }

    fn finish(self, app: &mut App) -> Result<()> {
        match self {
            Self::Live(live) => live.finish(&mut app.err, now())?,
            Self::Plain(_) | Self::None => {}
            Self::Ndjson => app.out.flush()?,
        }
        Ok(())
    }
}

async fn follow(
    handle: RunHandle,
    mut events: mpsc::UnboundedReceiver<Arc<Event>>,
    mut view: View,
    app: &mut App,
) -> Result<Watched> {
    let stop = handle.stop();
    let run = handle.id().clone();
    let finished = handle.halted();
    tokio::pin!(finished);
    let mut signals = Signals::listen()?;
    let mut signal = None;
    let mut end = None;
    let mut ticks = tokio::time::interval(TICK);
    let mut is_open = true;
    while end.is_none() || is_open {
        tokio::select! {
            event = events.recv(), if is_open => match event {
                Some(event) => view.show(&event, app)?,
                None => is_open = false,
            },
            result = &mut finished, if end.is_none() => end = Some(result.map_err(store::failure)?),
            caught = signals.next() => {
                if signal.is_some() {
                    view.finish(app)?;
                    return Ok(Watched { end: None, parked: None, signal });
                }
                signal = Some(caught);
                stop.cancel();
            }
            _ = ticks.tick() => view.tick(&mut app.err)?,
        }
    }
    view.finish(app)?;
    let (end, parked) = match end {
        Some(Halt::Ended(end)) => (Some(end), None),
        Some(Halt::Parked(wake)) => (None, Some((run, wake))),
        None => (None, None),
    };
    let was_cancelled =
        end.as_ref().is_some_and(|end| end.cancelled == Some(CancelReason::Requested));
    Ok(Watched { end, parked, signal: signal.filter(|_| was_cancelled) })
}

/// The signals that stop a run.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
        })
    }

    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> Signal {
        // Without a handler there is nothing to wait for, and the system ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

/// What the tree shall know of the blocks beforehand.
pub(crate) fn known_blocks(plan: &Plan, library: &Library) -> tree::outline::Outline {
    let mut known = tree::outline::Outline::default();
    // Callees are shown too; a circle of calls was refused, a computed name is not known here.
    let mut work = vec![(String::new(), plan.outline())];
    while let Some((prefix, outline)) = work.pop() {
        if prefix.matches('/').count() > blueprint_model::units::MAX_DEPTH {
            continue;
        }
        add_blocks(&mut known, &mut work, &prefix, outline, library);
    }
    known
}

fn add_blocks(
    known: &mut tree::outline::Outline,
    work: &mut Vec<(String, Outline)>,
    prefix: &str,
    outline: Outline,
    library: &Library,
) {
    for node in outline.nodes {
        let path = format!("{prefix}{}", node.id);
        let block = tree::outline::Known {
            kind: node.kind.into(),
            handles: node.handled,
            attempts: node.attempts,
        };
        known.add(&path, block);
        if let Some(body) = node.body {
            work.push((format!("{path}."), body));
        }
        if let Some(callee) = node.calls.and_then(|name| library.get(&name).cloned()) {
            work.push((format!("{path}/"), callee.outline()));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge of the process: a picture has a time")]
fn now() -> Timestamp {
    Timestamp::now()
}
