//! The project's blueprints as they are now: a valid change is in force at once, a faulty one keeps
//! what was there before and shows what is wrong.

use std::{
    collections::{BTreeMap, btree_map::Entry as Slot},
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Result;
use blueprint_engine::{Library, Plan};
use blueprint_model::{Diagnostic, Registry, Source, diagnostic::did_you_mean};
use blueprint_project::project::{self, Project};

use crate::{problem::Problem, site::Site};

/// How often the files are looked at: what an editor writes is seen before a person looks up.
const PAUSE: Duration = Duration::from_millis(300);

/// The blueprints, replaced as a whole.
pub(crate) struct Catalogue {
    current: RwLock<Arc<Snapshot>>,
}

/// The blueprints at one time. Immutable: who holds it is not disturbed by a change.
pub(crate) struct Snapshot {
    /// The blueprints by name.
    pub(crate) entries: BTreeMap<String, Entry>,
    /// The plans in force.
    pub(crate) library: Arc<Library>,
    stamps: Vec<project::Stamp>,
}

/// A blueprint file.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The blueprint's name; that of the file where it has none.
    pub(crate) name: String,
    /// A sentence for lists.
    pub(crate) description: Option<String>,
    /// The file as it is now, and its path as it is shown.
    pub(crate) source: Source,
    /// What the file says that its secrets are for, by name.
    pub(crate) secret_notes: BTreeMap<String, String>,
    /// The plan in force: of this text, or where that is faulty of the last one that was not.
    pub(crate) plan: Option<Arc<Plan>>,
    /// What was found in the file as it is now.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Entry {
    /// Returns whether the file as it is now is not what is in force.
    pub(crate) fn is_stale(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

impl Snapshot {
    /// Returns the blueprint with this name.
    ///
    /// # Errors
    ///
    /// Returns a problem if there is none, with the nearest name.
    pub(crate) fn get(&self, name: &str) -> Result<&Entry, Problem> {
        self.entries.get(name).ok_or_else(|| {
            let near = did_you_mean(name, self.entries.keys().map(String::as_str));
            let problem = Problem::not_found(format!("there is no blueprint `{name}`"));
            match near {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            }
        })
    }
}

impl Catalogue {
    /// Reads the project's blueprints.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be read.
    pub(crate) fn open(project: &Project, registry: &Registry) -> Result<Self> {
        let snapshot = read(project, registry, &BTreeMap::new())?;
        Ok(Self { current: RwLock::new(Arc::new(snapshot)) })
    }

    /// Returns the blueprints as they are now.
    pub(crate) fn now(&self) -> Arc<Snapshot> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again if one has changed.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be read; what was in force stays so.
    fn refresh(&self, project: &Project, registry: &Registry) -> Result<()> {
        let known = self.now();
        if project::stamps(&project.files()?) == known.stamps {
            return Ok(());
        }
        let snapshot = read(project, registry, &known.entries)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        Ok(())
    }
}

/// Keeps the catalogue up with the files, for ever.
pub(crate) async fn watch(site: Arc<Site>) {
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let site = site.clone();
        let refreshed = tokio::task::spawn_blocking(move || {
            site.catalogue.refresh(&site.project, &site.registry)
        });
        if let Ok(Err(err)) = refreshed.await {
            tracing::warn!("the blueprints cannot be read: {err:#}");
        }
    }
}

fn read(
    project: &Project,
    registry: &Registry,
    before: &BTreeMap<String, Entry>,
) -> Result<Snapshot> {
    let files = project.files()?;
    // Taken first: what changes while it is read is read again.
    let stamps = project::stamps(&files);
    let mut entries = BTreeMap::new();
    for file in &files {
        let mut entry = match entry(file, registry) {
            Ok(entry) => entry,
            Err(err) => {
                // The others are not kept from changing by one that cannot be read.
                tracing::warn!("{err:#}");
                continue;
            }
        };
        if entry.plan.is_none() {
            // What was in force of this file stays so, under its name, which may be what is faulty.
            let earlier = before.values().find(|it| it.source.file == entry.source.file);
            let earlier = earlier.or_else(|| before.get(&entry.name));
            if let Some(plan) = earlier.and_then(|earlier| earlier.plan.clone()) {
                entry.name = plan.name.clone();
                entry.plan = Some(plan);
            }
        }
        match entries.entry(entry.name.clone()) {
            Slot::Vacant(slot) => {
                slot.insert(entry);
            }
            // A plan wins over a file that only its path gave this name.
            Slot::Occupied(mut slot) if slot.get().plan.is_none() && entry.plan.is_some() => {
                slot.insert(entry);
            }
            Slot::Occupied(_) => {}
        }
    }
    let plans = entries.values().filter_map(|entry| entry.plan.clone()).collect();
    let broken = entries.values().filter(|entry| entry.plan.is_none());
    let broken: Vec<String> = broken.map(|entry| entry.name.clone()).collect();
    let linked = Library::link(plans, &broken);
    for (file, diagnostic) in linked.diagnostics {
        let mut found = entries.values_mut();
        if let Some(entry) = found.find(|entry| entry.source.file == file) {
            entry.diagnostics.push(diagnostic);
        }
    }
    Ok(Snapshot { entries, library: Arc::new(linked.library), stamps })
}

fn entry(file: &Path, registry: &Registry) -> Result<Entry> {
    let checked = project::check_file(file, registry)?;
    let stem = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = if checked.name.is_empty() { stem() } else { checked.name };
    let (source, plan, diagnostics) = (checked.source, checked.plan, checked.diagnostics);
    let secret_notes = checked.secret_notes;
    Ok(Entry { name, description: checked.description, secret_notes, source, plan, diagnostics })
}
