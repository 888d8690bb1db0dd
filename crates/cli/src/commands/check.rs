//! `blueprint check`: all faults of blueprints, before anything runs.

mod watch;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use blueprint_engine::Library;
use blueprint_model::Registry;
use blueprint_project::{
    failure::Failure,
    project::{self, Checked, Project},
};

pub use crate::render::diagnostics::Format;
use crate::{
    app::App,
    exit::Exit,
    render::diagnostics::{self, Report},
    terminal::Terminal,
};

/// Finds every fault of blueprints and says how to mend it; runs nothing.
///
/// Exit code 2 means that something was found.
/// Next: `blueprint explain CODE` for the page of a fault.
///
/// Examples:
///   blueprint check
///   blueprint check blueprints/city-weather.yaml --fix
///   blueprint check --strict --format sarif > findings.sarif
///   blueprint check --watch
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Files, folders or names; without one, the blueprints of this project
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Mend what has one right answer
    #[arg(long)]
    pub fix: bool,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// How to write the findings
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Check again whenever a file changes, until Ctrl-C
    #[arg(long, conflicts_with = "fix")]
    pub watch: bool,
}

/// Checks the files and prints what was found.
///
/// # Errors
///
/// Returns a failure if a file cannot be read or written.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    if args.watch {
        return watch::run(args, app);
    }
    once(args, app)
}

fn once(args: &Args, app: &mut App) -> Result<Exit> {
    let files = files_of(&args.paths)?;
    let folder = files.first().and_then(|file| file.parent());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let registry = Project::of_folder(folder)?.registry()?;
    let mut checked = check_all(&files, &registry)?;
    let mended = if args.fix { fix(&files, &checked)? } else { 0 };
    if mended > 0 {
        app.err.line(&format!("mended {mended} of {} files", files.len()))?;
        checked = check_all(&files, &registry)?;
    }
    let shown: Vec<&Checked> = checked.iter().collect();
    show(&shown, args.format, &mut app.out)?;
    let is_refused = checked.iter().any(|file| file.is_refused(args.strict));
    if args.format == Format::Human && !is_refused {
        let word = if files.len() == 1 { "file is" } else { "files are" };
        app.err.line(&format!("{} {word} fine", files.len()))?;
    }
    Ok(if is_refused { Exit::Wrong } else { Exit::Fine })
}

/// Prints the diagnostics of files, and how many there are.
///
/// # Errors
///
/// Returns an error if the terminal cannot be written to.
pub fn show(files: &[&Checked], format: Format, terminal: &mut Terminal) -> Result<()> {
    let reports: Vec<Report<'_>> = files
        .iter()
        .map(|file| Report { source: &file.source, diagnostics: &file.diagnostics })
        .collect();
    let text = diagnostics::render(&reports, format, terminal.paint);
    terminal.write_all(text.as_bytes())?;
    if let (Format::Human, Some(summary)) = (format, diagnostics::summary(&reports)) {
        terminal.line(&summary)?;
    }
    Ok(())
}

/// Checks files, each alone and then together.
fn check_all(files: &[PathBuf], registry: &Registry) -> Result<Vec<Checked>> {
    let mut checked =
        files.iter().map(|file| project::check_file(file, registry)).collect::<Result<Vec<_>>>()?;
    let plans = checked.iter().filter_map(|file| file.plan.clone()).collect();
    let broken = checked.iter().filter(|file| file.plan.is_none());
    let mut broken: Vec<String> = broken.map(|file| file.name.clone()).collect();
    broken.extend(names_nearby(files));
    for (file, diagnostic) in Library::link(plans, &broken).diagnostics {
        let owner = checked.iter_mut().find(|checked| Arc::ptr_eq(&checked.source.file, &file));
        if let Some(owner) = owner {
            owner.diagnostics.push(diagnostic);
        }
    }
    Ok(checked)
}

/// Names of blueprints of the same project that were not asked for: they exist all the same.
fn names_nearby(files: &[PathBuf]) -> Vec<String> {
    let Some(folder) = files.first().and_then(|file| file.parent()) else { return Vec::new() };
    let nearby =
        project::blueprints_in(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let others = nearby.unwrap_or_default().into_iter().filter(|file| !files.contains(file));
    others.filter_map(|file| project::name_in(&file)).collect()
}

/// Returns the files that are meant by some paths: files, the blueprints in folders, and names of
/// blueprints. Without a path, those of this project.
///
/// # Errors
///
/// Returns a failure if there are none, or a folder cannot be read.
pub fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if paths.is_empty() {
        let project = Project::of_folder(Path::new("."))?;
        let files = project.files()?;
        if files.is_empty() {
            let failure = Failure::wrong("there are no blueprints here");
            return Err(failure.help(project.first_step("NAME")).into());
        }
        return Ok(files);
    }
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let project = Project::of_folder(path)?;
            let own = project::blueprints_in(path)?;
            files.extend(if own.is_empty() { project.files()? } else { own });
        } else if path.exists() {
            files.push(path.clone());
        } else {
            files.push(Project::find(&path.display().to_string(), Path::new("."))?.1);
        }
    }
    Ok(files)
}

/// Mends what has one right answer, and returns how many files changed.
fn fix(files: &[PathBuf], checked: &[Checked]) -> Result<usize> {
    let mut mended = 0;
    for (path, file) in files.iter().zip(checked) {
        let text = blueprint_syntax::apply_fixes(&file.source.text, &file.diagnostics);
        if *text != *file.source.text {
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            mended += 1;
        }
    }
    Ok(mended)
}
