//! `blueprint runs resume`: goes on with runs whose process is gone, or that were parked.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use blueprint_engine::{Engine, Halt, Host, News};
use blueprint_model::{RunId, event::RunStatus};
use blueprint_project::{
    project::Project,
    store::{self, Rebuilder},
};

use crate::{
    app::App,
    commands::run::{self, Output},
    execute::{self, Watched},
    exit::Exit,
};

/// Goes on with a run where it stopped: its process ended, or it was parked.
///
/// Blocks that had finished do not run again. A block that was in flight does, with the same
/// `run.key`, unless it says `on_resume: fail`. Blueprints are those that the run began with;
/// secrets are taken in their newest versions.
///
/// Examples:
///   blueprint runs resume @last
///   blueprint runs resume 7f3k9q --output json
///   blueprint runs resume --all
///   blueprint runs resume --all --watch
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ResumeArgs {
    /// Id of the run
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub run: Option<String>,
    /// Go on with every run that nobody works on and whose time has come
    #[arg(long)]
    pub all: bool,
    /// Keep looking for such runs until Ctrl-C
    #[arg(long, requires = "all")]
    pub watch: bool,
    /// What stdout gets
    #[arg(long, short, value_enum, default_value = "auto", conflicts_with = "all")]
    pub output: Output,
}

pub(super) fn run(args: &ResumeArgs, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    // Whoever goes on with all of them need not know whether there are any.
    let journal = match args.all {
        true => store::open(&project, &app.environment)?,
        false => store::open_kept(&project, &app.environment)?,
    };
    let rebuilder = Rebuilder::new(&project, &app.environment)?;
    let engine = execute::engine(journal, rebuilder.limits.clone());
    let runtime = execute::runtime()?;
    let exit = match &args.run {
        None => runtime.block_on(all(engine, rebuilder, args.watch, &project, app)),
        Some(typed) => {
            let found = runtime.block_on(store::find(&**engine.journal(), typed))?;
            let resumed = execute::watch_resumed(&engine, &found.run, &rebuilder, args.output, app);
            let watched = runtime.block_on(resumed)?;
            run::answer(&found.blueprint, &watched, args.output, app)
        }
    };
    runtime.shutdown_background();
    exit
}

/// Goes on with one run that nobody works on, so that what was posted to it takes effect.
pub(super) async fn go_on(
    engine: &Engine,
    run: &RunId,
    rebuilder: &Rebuilder,
    app: &mut App,
) -> Result<Watched> {
    execute::watch_resumed(engine, run, rebuilder, Output::Auto, app).await
}

async fn all(
    engine: Engine,
    rebuilder: Rebuilder,
    watch: bool,
    project: &Project,
    app: &mut App,
) -> Result<Exit> {
    let rebuild = move |record: &_| rebuilder.rebuild(record).map_err(Into::into);
    let engine = engine.parking(run::PARK_AFTER);
    let mut host = Host::new(engine, Arc::new(rebuild), project.settings.server.max_runs);
    let mut counted = Counted::default();
    let mut said = Ok(());
    let tell = |news: News| {
        counted.add(&news);
        if let (Ok(()), Some(line)) = (&said, line(&news)) {
            said = app.err.line(&line);
        }
    };
    if watch {
        tokio::select! {
            swept = host.sweep(tell) => swept.map_err(store::failure)?,
            _ = tokio::signal::ctrl_c() => {}
        }
    } else {
        host.sweep_once(tell).await.map_err(store::failure)?;
    }
    said?;
    app.err.line(&counted.line())?;
    Ok(counted.exit())
}

/// What came of the runs that went on.
#[derive(Default)]
struct Counted {
    resumed: u64,
    ended_well: u64,
    failed: u64,
    parked: u64,
    refused: u64,
}

impl Counted {
    fn add(&mut self, news: &News) {
        match news {
            News::Resumed(_) => self.resumed += 1,
            News::Taken(_) => {}
            News::Refused(..) => self.refused += 1,
            News::Halted(_, Ok(Halt::Parked(_))) => self.parked += 1,
            News::Halted(_, Ok(Halt::Ended(end))) if end.status == RunStatus::Succeeded => {
                self.ended_well += 1;
            }
            News::Halted(..) => self.failed += 1,
        }
    }

    fn line(&self) -> String {
        format!(
            "{} resumed: {} succeeded, {} did not, {} parked; {} could not be resumed",
            self.resumed, self.ended_well, self.failed, self.parked, self.refused
        )
    }

    fn exit(&self) -> Exit {
        match (self.refused, self.failed) {
            (0, 0) => Exit::Fine,
            (0, _) => Exit::RunFailed,
            _ => Exit::Environment,
        }
    }
}

fn line(news: &News) -> Option<String> {
    Some(match news {
        News::Resumed(_) | News::Taken(_) => return None,
        News::Refused(run, reason) => format!("run {} cannot be resumed: {reason}", run.short()),
        News::Halted(run, Err(err)) => format!("run {} stopped: {err}", run.short()),
        News::Halted(run, Ok(Halt::Parked(None))) => {
            format!("run {} is parked until an answer comes", run.short())
        }
        News::Halted(run, Ok(Halt::Parked(Some(wake)))) => {
            format!("run {} is parked until {wake:.0}", run.short())
        }
        News::Halted(run, Ok(Halt::Ended(end))) => {
            format!("run {} {}", run.short(), end.status.as_str())
        }
    })
}
