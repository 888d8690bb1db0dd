//! Folds of runs, kept for a while: a page and its stream go on where the last one stopped.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use blueprint_model::{JournalError, RunId};
use blueprint_project::tail::Tail;

use super::{fold::Fold, shape::Shape};
use crate::site::Site;

/// How many folds are kept.
const KEPT: usize = 16;
/// How many events are read at once.
const PAGE: usize = 2000;

/// The folds of the runs that were looked at last.
#[derive(Default)]
pub(crate) struct Folds {
    kept: Mutex<BTreeMap<RunId, (u64, Followed)>>,
}

/// A run as far as it was read.
#[derive(Clone)]
pub(in crate::ui) struct Followed {
    /// What its events say.
    pub(in crate::ui) fold: Fold,
    /// Its blueprint.
    pub(in crate::ui) shape: Arc<Shape>,
    tail: Tail,
}

/// Returns a run with all its events folded; `None` if there is no such run.
pub(in crate::ui) async fn follow(
    site: &Site,
    run: &RunId,
) -> Result<Option<Followed>, JournalError> {
    let known = lock(&site.folds.kept).get(run).map(|(_, followed)| followed.clone());
    let mut followed = match known {
        Some(known) => known,
        None => {
            let Some((head, tail)) = Tail::open(&*site.journal, run, 0).await? else {
                return Ok(None);
            };
            let shape = Arc::new(Shape::of(&head.record, &site.registry));
            Followed { fold: Fold::new(shape.clone()), shape, tail }
        }
    };
    while followed.advance(site).await? == PAGE {}
    site.folds.keep(run, &followed);
    Ok(Some(followed))
}

impl Followed {
    /// Takes the next events that are there, and returns how many.
    pub(super) async fn advance(&mut self, site: &Site) -> Result<usize, JournalError> {
        let events = self.tail.next(&*site.journal, PAGE).await?;
        events.iter().for_each(|event| self.fold.take(event));
        Ok(events.len())
    }
}

impl Folds {
    fn keep(&self, run: &RunId, followed: &Followed) {
        let mut kept = lock(&self.kept);
        let turn = kept.values().map(|(turn, _)| *turn).max().unwrap_or(0) + 1;
        kept.insert(run.clone(), (turn, followed.clone()));
        while kept.len() > KEPT {
            let oldest = kept.iter().min_by_key(|(_, (turn, _))| *turn).map(|(run, _)| run.clone());
            let Some(oldest) = oldest else { break };
            kept.remove(&oldest);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
