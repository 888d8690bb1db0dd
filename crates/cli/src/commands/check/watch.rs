//! `--watch`: checks again whenever a file has changed.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use blueprint_project::project::{self, Project};

use super::{Args, files_of, once};
use crate::{
    app::App,
    execute,
    exit::Exit,
    failure,
    terminal::{Terminal, Tone},
};

/// How often the files are looked at: what an editor writes is seen before a person looks up.
const PAUSE: Duration = Duration::from_millis(300);

/// Checks, and checks again after each change, until Ctrl-C, which is how a watch ends well.
pub(super) fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let runtime = execute::runtime()?;
    runtime.block_on(async {
        let mut seen: Option<Vec<project::Stamp>> = None;
        let mut ticks = tokio::time::interval(PAUSE);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let stamps = stamps(&args.paths);
                    if seen.as_ref() != Some(&stamps) {
                        seen = Some(stamps);
                        show(args, app)?;
                    }
                }
                signal = tokio::signal::ctrl_c() => {
                    signal?;
                    return Ok(Exit::Fine);
                }
            }
        }
    })
}

fn show(args: &Args, app: &mut App) -> Result<()> {
    clear(&mut app.out)?;
    // What is wrong may be mended next, so it ends nothing.
    if let Err(err) = once(args, app) {
        failure::report(&err, &mut app.err)?;
    }
    let note = app.err.paint.paint(Tone::Dim, "waiting for changes; Ctrl-C ends");
    app.err.line(&note)?;
    Ok(())
}

fn clear(terminal: &mut Terminal) -> Result<()> {
    if terminal.is_terminal {
        terminal.write_all(b"\x1b[2J\x1b[3J\x1b[H")?;
        terminal.flush()?;
    }
    Ok(())
}

fn stamps(paths: &[PathBuf]) -> Vec<project::Stamp> {
    let mut files = files_of(paths).unwrap_or_default();
    if let Ok(project) = Project::of_folder(Path::new(".")) {
        // Callees of the same project are checked too, and their settings count.
        files.extend(project.files().unwrap_or_default());
        files.push(project.root.join("project.yaml"));
    }
    files.sort();
    files.dedup();
    project::stamps(&files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_of_a_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        let paths = vec![folder.path().to_owned()];
        let own = || stamps(&paths).into_iter().filter(|(path, _)| *path == file).count();
        assert_eq!(own(), 0);
        fs::write(&file, "name: a\n").unwrap();
        let before = stamps(&paths);
        assert_eq!(own(), 1);
        fs::write(&file, "name: ab\n").unwrap();
        assert_ne!(stamps(&paths), before);
    }
}
