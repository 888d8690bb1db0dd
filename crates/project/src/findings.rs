//! What there is to look at in an environment, one function each; it changes nothing.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use blueprint_vault::{FileVault, KeyKind, file::FileError};

use crate::{
    environment::Environment,
    project::{self, Project, tidy},
    secrets, store, text, wiring,
};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// In order.
    Good,
    /// Good to know.
    Note,
    /// Somebody should look.
    Doubtful,
    /// Does not work.
    Broken,
}

impl Grade {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Doubtful => "doubtful",
            Self::Broken => "broken",
        }
    }
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How it is.
    pub grade: Grade,
    /// What was found.
    pub words: String,
    /// What to do; best a command to type.
    pub hint: Option<String>,
}

impl Finding {
    /// Returns a finding without a hint.
    pub fn new(subject: &'static str, grade: Grade, words: impl Into<String>) -> Self {
        Self { subject, grade, words: words.into(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Looks at the project: what is there, whether it can be used, and what git would commit.
pub fn of_project(project: &Project, environment: &Environment) -> Vec<Finding> {
    let mut found = vec![about_project(project), blueprints(project), vault(project, environment)];
    found.extend(committed(project, ".env"));
    found.extend(committed(project, ".blueprint/vault"));
    found.extend(committed(project, ".blueprint/runs.db"));
    found
}

/// Returns what program this is.
pub fn program() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    Finding::new("program", Grade::Good, format!("blueprint {version} on {system} {machine}"))
}

fn about_project(project: &Project) -> Finding {
    let file = project.path("project.yaml");
    if file.is_file() {
        return Finding::new("project", Grade::Good, tidy(&file));
    }
    Finding::new("project", Grade::Note, "none here: blueprints of this folder run all the same")
        .help("blueprint init")
}

fn blueprints(project: &Project) -> Finding {
    let files = match project.files() {
        Ok(files) => files,
        Err(err) => return Finding::new("blueprints", Grade::Broken, format!("{err:#}")),
    };
    if files.is_empty() {
        return Finding::new("blueprints", Grade::Note, "none yet").help("blueprint new NAME");
    }
    let registry = wiring::registry();
    let is_refused = |file: &&PathBuf| {
        project::check_file(file, &registry).map_or(true, |checked| checked.is_refused(false))
    };
    let broken = files.iter().filter(is_refused).count();
    let all = text::count(files.len(), "file");
    match broken {
        0 => Finding::new("blueprints", Grade::Good, all),
        n => Finding::new("blueprints", Grade::Broken, format!("{all}, {n} with faults"))
            .help("blueprint check"),
    }
}

fn vault(project: &Project, environment: &Environment) -> Finding {
    let path = secrets::vault_path(project, environment);
    let status = match FileVault::status(&path) {
        Ok(status) => status,
        Err(FileError::NotInitialised { .. }) => {
            return Finding::new("vault", Grade::Note, "none yet").help("blueprint vault init");
        }
        Err(err) => return Finding::new("vault", Grade::Broken, err.to_string()),
    };
    let entries = text::count(status.entries, "secret");
    if status.key == KeyKind::Passphrase {
        let words = format!("{}, {entries}, opens with a passphrase", tidy(&path));
        return Finding::new("vault", Grade::Good, words);
    }
    match secrets::file_vault(project, environment).list() {
        Ok(_) => {
            Finding::new("vault", Grade::Good, format!("{}, {entries}, it opens", tidy(&path)))
        }
        Err(err) => Finding::new("vault", Grade::Broken, err.to_string()),
    }
}

/// Looks whether the store of runs opens, and everything in it is what was written. It reads all of it.
pub fn runs(project: &Project, environment: &Environment) -> Finding {
    let path = store::path(project, environment);
    if !path.exists() {
        return Finding::new("runs", Grade::Note, "none kept yet").help("blueprint run NAME");
    }
    let verified = store::open_file(project, environment).and_then(|journal| {
        let verified = journal.verify().map_err(store::failure)?;
        Ok((verified, journal.flush_policy()))
    });
    match verified {
        Err(err) => Finding::new("runs", Grade::Broken, format!("{}: {err:#}", tidy(&path))),
        Ok((verified, flush)) if verified.damage.is_empty() => {
            let runs = text::count(usize::try_from(verified.runs).unwrap_or(usize::MAX), "run");
            let (path, events, flush) = (tidy(&path), verified.events, flush.as_str());
            let words = format!("{path}, {runs}, {events} events, all whole, flush {flush}");
            Finding::new("runs", Grade::Good, words)
        }
        Ok((verified, _)) => {
            let words = format!("{} is damaged: {}", tidy(&path), verified.damage.join("; "));
            Finding::new("runs", Grade::Broken, words)
        }
    }
}

/// Whether git would commit a file that it must not.
fn committed(project: &Project, name: &str) -> Option<Finding> {
    if !project.root.join(name).exists() {
        return None;
    }
    let subject = if name == ".env" { ".env" } else { "git" };
    let status = Command::new("git")
        .arg("-C")
        .arg(&project.root)
        .args(["check-ignore", "-q", name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // Without git, or outside of a repository, nothing is committed.
    match status.ok()?.code()? {
        0 => Some(Finding::new(subject, Grade::Good, format!("git ignores {name}"))),
        1 => Some(
            Finding::new(subject, Grade::Doubtful, format!("git would commit {name}"))
                .help(format!("echo {name} >> .gitignore")),
        ),
        _ => None,
    }
}
