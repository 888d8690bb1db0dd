//! Runs a run again from its journal alone: no server, no secret, no time.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_engine::{
    Clock, Divergence, Engine, Ids, Library, Plan, Rebuilt, Replay, first_difference,
};
use blueprint_journal::MemoryJournal;
use blueprint_model::{Limits, Secrets, journal::History};

/// Returns what comes of a run of `plan` with what was recorded of another one.
///
/// # Panics
///
/// Panics if the inputs of the run do not fit the plan.
pub async fn again(
    history: &History,
    plan: &Arc<Plan>,
    library: &Arc<Library>,
    env: Arc<BTreeMap<String, String>>,
    limits: Limits,
) -> Replay {
    let table = history.record.handles.as_ref();
    let secrets = table.map_or_else(Secrets::none, blueprint_vault::without_values);
    let (plan, library) = (plan.clone(), library.clone());
    let journal = Arc::new(MemoryJournal::forgetful());
    let engine = Engine::new(journal, Clock::System, Ids::Random, limits);
    let replayed = engine.replay(history, Rebuilt { plan, library, secrets, env });
    replayed.await.expect("the inputs fit, and a journal in memory takes everything")
}

/// A run goes the same way again.
///
/// # Panics
///
/// Panics and names the first block if it does not.
pub async fn goes_the_same_way(
    history: &History,
    plan: &Arc<Plan>,
    library: &Arc<Library>,
    env: Arc<BTreeMap<String, String>>,
    limits: Limits,
) {
    let replay = again(history, plan, library, env, limits).await;
    match replay.divergence {
        None => {}
        Some(Divergence::End) => {
            panic!("the replay ends with {:?}, not {:?}", replay.replayed, replay.recorded)
        }
        Some(Divergence::Block(at)) => {
            let block = &replay.blocks[at];
            let json = |end: &Option<_>| {
                end.as_ref().map_or_else(Default::default, blueprint_engine::Ended::to_json)
            };
            let (then, now) = (json(&block.recorded), json(&block.replayed));
            let difference = first_difference(&then, &now);
            panic!("in the replay, `{}` is {:?}: {difference:?}", block.block, block.fate)
        }
    }
}
