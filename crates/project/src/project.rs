//! A project on disk: its settings, its blueprint files, and what checking makes of them.

mod forms;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context, Result};
use blueprint_engine::{Library, Plan};
use blueprint_model::{
    Blueprint, Diagnostic, Registry, Source, Span, code,
    diagnostic::{MAX_ERRORS, is_full},
};

use crate::{
    environment::Environment,
    failure::Failure,
    settings::{Project as Settings, Purpose, Sandbox},
    wiring,
};

/// A folder with blueprints, and what `project.yaml` says about it.
#[derive(Debug)]
pub struct Project {
    /// The folder of `project.yaml`; without one, the folder of the blueprint.
    pub root: PathBuf,
    /// The settings, defaults where there is no file.
    pub settings: Settings,
    /// For whom it is opened.
    purpose: Purpose,
    has_file: bool,
}

/// A blueprint file, read and checked.
pub struct Checked {
    /// The file and its text.
    pub source: Source,
    /// The blueprint's name; empty where the file has none.
    pub name: String,
    /// What it says that its secrets are for, by name.
    pub secret_notes: BTreeMap<String, String>,
    /// A sentence for lists.
    pub description: Option<String>,
    /// The plan, if there is no error.
    pub plan: Option<Arc<Plan>>,
    /// Everything that was found, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

impl Project {
    /// Opens the project that a folder is in: that of the nearest `project.yaml` upwards, else the
    /// folder itself.
    ///
    /// # Errors
    ///
    /// Returns a failure if `project.yaml` cannot be read or is wrong.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let full = std::path::absolute(folder)
            .with_context(|| format!("cannot find the folder {}", folder.display()))?;
        let root = full.ancestors().find(|folder| folder.join("project.yaml").is_file());
        let Some(root) = root else {
            let settings = Settings::default();
            return Ok(Self {
                root: folder.into(),
                settings,
                purpose: Purpose::Person,
                has_file: false,
            });
        };
        // A path as short as the one that was given reads better in messages.
        let steps = full.components().count() - root.components().count();
        let root = folder.ancestors().nth(steps).filter(|root| !root.as_os_str().is_empty());
        let root = match (root, steps) {
            (Some(root), _) => root.to_owned(),
            (None, 0) => folder.to_owned(),
            (None, _) => full.ancestors().nth(steps).unwrap_or(&full).to_owned(),
        };
        let settings = read_settings(&root.join("project.yaml"))?;
        Ok(Self { root, settings, purpose: Purpose::Person, has_file: true })
    }

    /// Returns the same project, opened to run what others start.
    #[must_use]
    pub fn serving(mut self) -> Self {
        self.purpose = Purpose::Service;
        self
    }

    /// Finds what `run` or `graph` was asked for: a file, or the name of a blueprint of the project
    /// that this folder is in.
    ///
    /// # Errors
    ///
    /// Returns a failure if there is no such thing, with the nearest name.
    pub fn find(target: &str, here: &Path) -> Result<(Self, PathBuf)> {
        let path = here.join(target);
        if path.is_file() {
            let folder = path.parent().unwrap_or(here);
            let path = if here.as_os_str() == "." { target.into() } else { path.clone() };
            return Ok((Self::of_folder(folder)?, path));
        }
        if target.contains(['/', '\\']) || target.ends_with(".yaml") || target.ends_with(".yml") {
            return Err(no_file(target));
        }
        let project = Self::of_folder(here)?;
        let names: Vec<(String, PathBuf)> =
            project.files()?.into_iter().filter_map(|file| Some((name_in(&file)?, file))).collect();
        match names.iter().find(|(name, _)| name == target) {
            Some((_, file)) => Ok((project, file.clone())),
            None => {
                let known = names.iter().map(|(name, _)| name.as_str());
                let mut failure = Failure::unknown("blueprint", target, known).code(code::NO_FILE);
                failure.hint.get_or_insert_with(|| project.first_step(target));
                Err(failure.into())
            }
        }
    }

    /// Returns the project's blueprint files, by name: those in `blueprints/`, or without a
    /// `project.yaml` those beside the blueprint.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let folder = self.folder();
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        blueprints_in(&folder)
    }

    /// Returns a path in the project, as short as it can be shown.
    pub fn path(&self, name: &str) -> PathBuf {
        if self.root.as_os_str() == "." { name.into() } else { self.root.join(name) }
    }

    /// Returns the folder of the project's blueprints: `blueprints/`, or without a `project.yaml` the
    /// project's own.
    pub fn folder(&self) -> PathBuf {
        if self.has_file { self.path("blueprints") } else { self.root.clone() }
    }

    /// Returns what makes a first blueprint of this name: with a project around it, if there is none.
    pub fn first_step(&self, name: &str) -> String {
        match self.has_file {
            true => format!("make it: blueprint new {name}"),
            false => "start a project: blueprint init".into(),
        }
    }

    /// Returns the library of a run of `plan`: only that plan, unless it calls others.
    ///
    /// # Errors
    ///
    /// Returns an error if a file of the project cannot be read.
    pub fn library(&self, checked: &Checked, registry: &Registry) -> Result<Linked> {
        let Some(plan) = checked.plan.clone() else {
            return Ok(Linked { library: Library::default(), diagnostics: Vec::new() });
        };
        let mut plans = vec![plan.clone()];
        let mut broken = Vec::new();
        if plan.has_calls() {
            for file in self.files()? {
                let other = check_file(&file, registry)?;
                match other.plan {
                    Some(_) if other.source.text == checked.source.text => {}
                    Some(other) => plans.push(other),
                    None => broken.push(other.name),
                }
            }
        }
        let linked = Library::link(plans, &broken);
        let own = |(file, diagnostic)| (file == checked.source.file).then_some(diagnostic);
        let diagnostics = linked.diagnostics.into_iter().filter_map(own).collect();
        Ok(Linked { library: linked.library, diagnostics })
    }

    /// Returns what blueprints of the project can name.
    ///
    /// # Errors
    ///
    /// Returns an error if scripts shall run in processes of their own and none can be started.
    pub fn registry(&self) -> Result<Registry> {
        let registry = match self.settings.sandbox(self.purpose) {
            Sandbox::Inline => wiring::registry(),
            Sandbox::Worker => wiring::pooled_registry()?,
        };
        Ok(registry.with_variables(&self.settings.env))
    }

    /// Returns whether there is a `project.yaml`.
    pub fn is_there(&self) -> bool {
        self.has_file
    }

    /// Returns the folder for what is never committed: vault and store.
    pub fn home(&self, environment: &Environment) -> PathBuf {
        match environment.get("BLUEPRINT_HOME").filter(|home| !home.is_empty()) {
            Some(home) => home.into(),
            None => self.path(".blueprint"),
        }
    }

    /// Returns the process variables that a run of the project may see.
    pub fn variables(&self, environment: &Environment) -> BTreeMap<String, String> {
        let listed = self.settings.env.iter();
        listed.filter_map(|name| Some((name.clone(), environment.get(name)?.into()))).collect()
    }

    /// Returns the bounds of its runs.
    pub fn limits(&self) -> blueprint_model::Limits {
        self.settings.limits(self.purpose)
    }
}

/// A library, and the faults between blueprints that concern one file.
pub struct Linked {
    /// The library.
    pub library: Library,
    /// The faults.
    pub diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// Returns whether there is an error, or with `is_strict` a warning.
    pub fn is_refused(&self, is_strict: bool) -> bool {
        use blueprint_model::Severity;
        let limit = if is_strict { Severity::Warning } else { Severity::Error };
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity >= limit)
    }
}

/// Reads and checks a blueprint file.
///
/// # Errors
///
/// Returns a failure if the file cannot be read. What is wrong in it is data.
pub fn check_file(path: &Path, registry: &Registry) -> Result<Checked> {
    let file = tidy(path);
    let size = fs::metadata(path).map(|meta| meta.len()).unwrap_or(0);
    if size > blueprint_syntax::MAX_BYTES {
        return Ok(too_large(&file));
    }
    let bytes = fs::read(path).map_err(|err| unreadable(&file, &err))?;
    Ok(check_bytes(&file, &bytes, registry))
}

/// Checks the bytes of a blueprint file.
pub fn check_bytes(file: &str, bytes: &[u8], registry: &Registry) -> Checked {
    let text = match blueprint_syntax::decode(bytes) {
        Ok(text) => text,
        Err(diagnostic) => {
            let source = Source::new(file, &String::from_utf8_lossy(bytes));
            return Checked {
                source,
                name: String::new(),
                secret_notes: BTreeMap::new(),
                description: None,
                plan: None,
                diagnostics: vec![*diagnostic],
            };
        }
    };
    let (blueprint, mut diagnostics) = blueprint_syntax::parse(file, &text);
    let source = blueprint.source.clone();
    let name = blueprint.name.value.clone();
    let secret_notes = secret_notes(&blueprint);
    let is_readable = !blueprint.graph.nodes.is_empty() || diagnostics.is_empty();
    let mut plan = None;
    if is_readable && !is_full(&diagnostics) {
        let built = Plan::build(&blueprint, registry);
        plan = built.plan;
        diagnostics.extend(built.diagnostics);
        forms::judge(&blueprint, registry, &mut diagnostics);
    }
    if diagnostics.iter().any(Diagnostic::is_error) {
        plan = None;
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    if is_full(&diagnostics) {
        diagnostics.push(too_many(Span::new(text.len(), text.len())));
    }
    let description = blueprint.description;
    Checked { source, name, description, secret_notes, plan, diagnostics }
}

fn secret_notes(blueprint: &Blueprint) -> BTreeMap<String, String> {
    let rules = blueprint.secrets.iter().flatten();
    rules.filter_map(|(name, rule)| Some((name.clone(), rule.description.clone()?))).collect()
}

/// What is remembered of a file to see that it changed: when it did, and how long it is.
pub type Stamp = (PathBuf, Option<(SystemTime, u64)>);

/// Returns the stamps of files.
pub fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| {
        let meta = fs::metadata(file).ok();
        (file.clone(), meta.and_then(|meta| Some((meta.modified().ok()?, meta.len()))))
    };
    files.iter().map(stamp).collect()
}

/// Returns the blueprint files of a folder, by name.
///
/// # Errors
///
/// Returns an error if the folder cannot be read.
pub fn blueprints_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| is_blueprint_file(&name)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_blueprint_file(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    let other = ["project", "pages"];
    stem.is_some_and(|stem| {
        !stem.ends_with(".test") && !stem.starts_with('.') && !other.contains(&stem)
    })
}

/// Returns the name in a blueprint file, without checking the file.
pub fn name_in(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("name:"))?;
    let name = line.split('#').next().unwrap_or(line).trim().trim_matches(['"', '\'']);
    Some(name.into())
}

fn read_settings(path: &Path) -> Result<Settings> {
    let file = tidy(path);
    let text = fs::read_to_string(path).map_err(|err| unreadable(&file, &err))?;
    let value = blueprint_syntax::value_of(&text).map_err(|diagnostic| {
        let (line, column) = Source::new(&file, &text).position(diagnostic.span.start);
        Failure::wrong(format!("{file}:{line}:{column}: {}", diagnostic.message))
            .code(code::BAD_PROJECT)
    })?;
    let settings = Settings::from_value(&value).map_err(|err| {
        let failure = Failure::wrong(err.to_string()).code(code::BAD_PROJECT);
        match err.hint {
            Some(hint) => failure.help(hint),
            None => failure,
        }
    })?;
    Ok(settings)
}

fn too_many(end: Span) -> Diagnostic {
    let message = format!("more than {MAX_ERRORS} faults: the rest of the file was not judged");
    Diagnostic::error(code::TOO_LARGE, end, message).help("mend those above, then check again")
}

fn too_large(file: &str) -> Checked {
    let max = blueprint_model::units::format_size(blueprint_syntax::MAX_BYTES);
    let message = format!("the file is larger than {max}");
    let diagnostic = Diagnostic::error(code::TOO_LARGE, Span::default(), message)
        .help("move data out of the blueprint: inputs can come from a file by `-i name=@file`");
    Checked {
        source: Source::new(file, ""),
        name: String::new(),
        secret_notes: BTreeMap::new(),
        description: None,
        plan: None,
        diagnostics: vec![diagnostic],
    }
}

/// Returns the failure for a file that is not there, with the nearest one.
pub fn no_file(target: &str) -> anyhow::Error {
    let path = Path::new(target);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let nearby = blueprints_in(folder.unwrap_or(Path::new("."))).unwrap_or_default();
    let nearby: Vec<String> = nearby.iter().map(|path| tidy(path)).collect();
    let known = nearby.iter().map(String::as_str);
    Failure::unknown("file", target, known).code(code::NO_FILE).into()
}

/// Returns a path as it is shown: without `./` before it.
pub fn tidy(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}

fn unreadable(file: &str, err: &std::io::Error) -> anyhow::Error {
    let code = match err.kind() {
        std::io::ErrorKind::NotFound => code::NO_FILE,
        _ => code::UNREADABLE,
    };
    Failure::wrong(format!("cannot read {file}: {err}")).code(code).into()
}
