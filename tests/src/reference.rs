//! The reference evaluator: which blocks run, written from the rules alone, as plainly as can be.
//!
//! It knows nothing of the engine, looks at every block again and again until nothing changes, and
//! is right for graphs in which every error is handled and nothing returns.

use blueprint_model::blueprint::Join;

use crate::graphs::Sketch;

/// How a block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an outcome.
    Finished(usize),
    /// Not at all.
    Skipped,
}

/// Returns how every block ends.
pub fn evaluate(sketch: &Sketch) -> Vec<Ended> {
    let mut ends: Vec<Option<Ended>> = vec![None; sketch.joins.len()];
    loop {
        let before = ends.clone();
        for (block, end) in ends.iter_mut().enumerate() {
            *end = end.or_else(|| decide(sketch, &before, block));
        }
        if ends == before {
            return ends.into_iter().map(|end| end.expect("an acyclic graph ends")).collect();
        }
    }
}

fn decide(sketch: &Sketch, ends: &[Option<Ended>], block: usize) -> Option<Ended> {
    let runs = Some(Ended::Finished(sketch.outcomes[block]));
    // Rule 2: an edge resolves once its source has ended, and is taken if it ended that way.
    let edges: Vec<Option<bool>> = sketch
        .edges
        .iter()
        .filter(|(_, _, to)| *to == block)
        .map(|(from, outcome, _)| ends[*from].map(|end| end == Ended::Finished(*outcome)))
        .collect();
    if edges.is_empty() {
        return runs; // Rule 4.
    }
    let all_resolved = edges.iter().all(Option::is_some);
    let any_taken = edges.contains(&Some(true));
    // Rule 3.
    match sketch.joins[block] {
        Join::Any if all_resolved && any_taken => runs,
        Join::All if edges.iter().all(|edge| *edge == Some(true)) => runs,
        Join::First if any_taken => runs,
        Join::Always if all_resolved => runs,
        Join::Any | Join::First if all_resolved => Some(Ended::Skipped),
        Join::All if edges.contains(&Some(false)) => Some(Ended::Skipped),
        Join::Any | Join::All | Join::First | Join::Always => None,
    }
}
