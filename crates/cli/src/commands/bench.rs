//! `blueprint bench`: how many blocks a second this machine runs, beside what it could do at most.

mod progress;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use blueprint_journal::Flush;
use blueprint_project::failure::Failure;
use clap::ValueEnum;
use tokio::{runtime::Runtime, sync::mpsc};

use self::progress::Progress;
use crate::{
    app::App,
    bench::{
        flush,
        harness::Pace,
        headline::{self, Figure},
        measure::Bench,
        report::{Facts, Report},
        stage::{Fault, Keep},
        table,
    },
    execute::{self, Signal, Signals},
    exit::Exit,
    terminal::Tone,
};

/// The most blocks of a shape: more do not fit into a file.
const MAX_BLOCKS: usize = 100_000;

/// How often the line of progress moves on.
const TICK: Duration = Duration::from_millis(100);

/// Measures how many blocks a second this machine runs, in half a minute or less.
///
/// Each figure stands beside what the machine can do without an engine, measured in turns with it:
/// compare the ratios, not the times. Runs are kept in memory; `strict` and `behind` measure the disk
/// of the folder for temporary files, where nothing is left.
/// Next: put the figures beside those of a change, or of another machine.
///
/// Examples:
///   blueprint bench
///   blueprint bench fan --blocks 10000
///   blueprint bench chain --journal full
///   blueprint bench --json > bench.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Measure this one alone
    #[arg(value_enum, value_name = "SHAPE")]
    pub shape: Option<Figure>,
    /// Blocks per run, instead of 1000; a chain that waits for the disk has 100
    #[arg(long, value_name = "N", value_parser = parse_blocks)]
    pub blocks: Option<usize>,
    /// Where runs are kept
    #[arg(long, value_enum)]
    pub journal: Option<Journal>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Where the runs of a bench are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Journal {
    /// Nowhere
    Memory,
    /// In SQLite; a block counts once the operating system has it
    Normal,
    /// In SQLite; a block counts once it is on the disk
    Full,
}

impl Journal {
    fn keep(self) -> Keep {
        match self {
            Self::Memory => Keep::Memory,
            Self::Normal => Keep::Sqlite(Flush::Normal),
            Self::Full => Keep::Sqlite(Flush::Full),
        }
    }
}

fn parse_blocks(text: &str) -> Result<usize, String> {
    let n = text.parse().ok().filter(|n| (1..=MAX_BLOCKS).contains(n));
    n.ok_or_else(|| format!("write a whole number from 1 to {MAX_BLOCKS}, such as `1000`"))
}

/// Measures and prints the figures.
///
/// # Errors
///
/// Returns a failure if the arguments do not go together, or an error if there is no folder for the
/// stores.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let wanted = wanted(args)?;
    let runtime = Arc::new(execute::runtime()?);
    let keep = args.journal.map_or(Keep::Memory, Journal::keep);
    let work = Work { wanted, blocks: args.blocks, keep, is_stopped: Arc::default() };
    let (measured, is_in_memory) = runtime.block_on(async {
        // Signals are heard before there is a folder that they could leave behind.
        let mut signals = Signals::listen()?;
        let folder = tempfile::Builder::new().prefix("blueprint-bench-").tempdir();
        let folder = folder.context("cannot make a folder for temporary files")?;
        let measured = watch(&work, &runtime, folder.path(), &mut signals, app).await?;
        anyhow::Ok((measured, flush::is_in_memory(folder.path())))
    })?;
    let report = match measured {
        Measured::Whole(report) => report,
        Measured::Stopped(signal) => {
            app.err.line("stopped; nothing is left of it")?;
            return Ok(match signal {
                Signal::Interrupt => Exit::Interrupted,
                Signal::Terminate => Exit::Terminated,
            });
        }
    };
    if args.json {
        app.out.line(&format!("{:#}", serde_json::Value::Object(report.to_json())))?;
        return Ok(Exit::Fine);
    }
    show(&report, app)?;
    if is_in_memory && report.rows.iter().any(|row| row.journal != Keep::Memory) {
        let words = "! the folder for temporary files is in memory and not on a disk";
        app.err.line(&app.err.paint.paint(Tone::Warn, words))?;
        app.err.line("  help: TMPDIR=. blueprint bench")?;
    }
    Ok(Exit::Fine)
}

fn wanted(args: &Args) -> Result<Vec<(Figure, Keep)>> {
    match (args.shape, args.journal, args.blocks) {
        (Some(shape), Some(Journal::Memory), _) if shape.is_durable() => {
            let name = shape.as_str();
            let message =
                format!("`{name}` measures the disk, and `--journal memory` keeps nothing");
            Err(Failure::wrong(message)
                .help(format!("blueprint bench {name} --journal full"))
                .into())
        }
        (Some(Figure::Three), _, Some(_)) => {
            let failure = Failure::wrong("`three` has three blocks, whatever `--blocks` says");
            Err(failure.help("blueprint bench three").into())
        }
        (shape, journal, _) => Ok(headline::wanted(shape, journal.map(Journal::keep))),
    }
}

/// What is to be measured.
#[derive(Clone)]
struct Work {
    wanted: Vec<(Figure, Keep)>,
    blocks: Option<usize>,
    keep: Keep,
    is_stopped: Arc<AtomicBool>,
}

impl Work {
    /// Measures figure by figure, and says before each which one it is.
    fn measure(
        &self,
        runtime: &Runtime,
        folder: &Path,
        steps: &mpsc::UnboundedSender<usize>,
    ) -> Result<Report, Fault> {
        let is_stopped = || self.is_stopped.load(Ordering::Relaxed);
        let bench = Bench { runtime, folder, pace: Pace::BRISK, is_stopped: &is_stopped };
        let mut report = Report::new(Facts::of_machine(self.keep));
        for (at, (figure, keep)) in self.wanted.iter().enumerate() {
            // Nobody listens any more after a second signal.
            let _ = steps.send(at);
            figure.measure(&bench, self.blocks, *keep, &mut report)?;
        }
        Ok(report)
    }
}

/// What became of it.
enum Measured {
    Whole(Report),
    Stopped(Signal),
}

/// Measures on a thread of its own, shows how far it is, and hears signals.
async fn watch(
    work: &Work,
    runtime: &Arc<Runtime>,
    folder: &Path,
    signals: &mut Signals,
    app: &mut App,
) -> Result<Measured> {
    let (tell, mut steps) = mpsc::unbounded_channel();
    let (own, own_runtime, own_folder) = (work.clone(), runtime.clone(), folder.to_owned());
    let thread = thread::spawn(move || own.measure(&own_runtime, &own_folder, &tell));
    let mut progress = Progress::new(app.is_live, work.wanted.len());
    let mut signal = None;
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            step = steps.recv() => match step {
                Some(at) => progress.step(at, work.wanted[at].0.as_str(), &mut app.err)?,
                None => break,
            },
            caught = signals.next() => {
                if signal.is_some() {
                    progress.clear(&mut app.err)?;
                    return Ok(Measured::Stopped(caught));
                }
                signal = Some(caught);
                work.is_stopped.store(true, Ordering::Relaxed);
            }
            _ = ticks.tick() => progress.tick(&mut app.err)?,
        }
    }
    progress.clear(&mut app.err)?;
    match (thread.join().expect("a bench does not panic"), signal) {
        (_, Some(signal)) => Ok(Measured::Stopped(signal)),
        (Ok(report), None) => Ok(Measured::Whole(report)),
        (Err(Fault::Blueprint(message)), None) => {
            let failure = Failure::wrong(format!("so many blocks are no blueprint: {message}"));
            Err(failure.help("take fewer, as in: blueprint bench --blocks 10000").into())
        }
        (Err(fault), None) => Err(fault.into()),
    }
}

const HOW_TO_READ: &str = "
Times are those of one block: the middle of up to 15 rounds, in each of which
Blueprint and the limits took turns, so that a busy machine slows down both.
`1.00 ×` means that a block costs no more than the limit beside it, which does the
same graph without an engine: no checks, no outcomes, no events.
Compare ratios between machines and versions, not times.";

fn show(report: &Report, app: &mut App) -> Result<()> {
    for line in table::lines(report, app.out.paint) {
        app.out.line(&line)?;
    }
    app.out.line(HOW_TO_READ)?;
    if report.facts.build == "debug" {
        let words = "! this program was built without optimisation: its figures mean nothing";
        app.err.line(&app.err.paint.paint(Tone::Warn, words))?;
    }
    Ok(())
}
