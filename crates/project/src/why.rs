//! Why a block of a kept run ran, or did not: asked, in sentences, and as JSON.

use anyhow::Result;
use blueprint_engine::why::{By, Ended, Fate, NoBlock, Stands, Told, Why, why};
use blueprint_model::{
    Registry, Value,
    blueprint::Join,
    event::CancelReason,
    format,
    journal::{Phase, QuestionKind},
};
use serde_json::json;

use crate::{failure::Failure, history::Kept, store, text};

/// Says why a block, named by its path in the run, ran or did not; `depth` is how deep blueprints may
/// be nested.
///
/// # Errors
///
/// Returns a failure if the run has no such block, or its blueprints are wrong for this version.
pub fn ask(kept: &Kept, registry: &Registry, depth: usize, block: &str) -> Result<Why> {
    let pinned = store::pinned(&kept.history.record, registry)?;
    let told = Told {
        plan: pinned.plan,
        library: pinned.library,
        max_depth: depth,
        events: &kept.history.events,
        secrets: &kept.secrets,
    };
    why(&told, block).map_err(|fault| {
        let run = kept.history.summary.run.short();
        let hint = match &fault {
            NoBlock::Unknown { near: Some(near), .. } => format!("did you mean `{near}`?"),
            NoBlock::Unknown { near: None, .. } => format!("see: blueprint runs show {run}"),
            NoBlock::NotReached { host, .. } => format!("ask: blueprint why {run} '{host}'"),
        };
        Failure::wrong(fault.to_string()).help(hint).into()
    })
}

/// Returns the sentences that say why, a line each; `phase` is where the run stands.
pub fn sentences(why: &Why, phase: Phase) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |line: String| lines.push(line);
    if let Stands::Ended(Ended::Cancelled { reason, by }) = &why.stands {
        say(cancelled(*reason, by));
    }
    match (why.edges.is_empty(), &why.inside) {
        (true, None) => say("no edge leads to it: it starts with the run".into()),
        (true, Some(host)) => {
            say(format!("no edge leads to it: it starts with the graph of `{host}`"));
        }
        (false, _) => say(rule(why.join).into()),
    }
    let first = why.edges.iter().filter_map(|edge| taken(&edge.fate)).min();
    for edge in &why.edges {
        let (sign, fate) = match &edge.fate {
            Fate::Taken(seq) if why.join == Join::First && Some(*seq) == first => {
                ("✓", "taken first".into())
            }
            Fate::Taken(_) => ("✓", "taken".into()),
            Fate::Dead(ended) => {
                ("-", format!("not taken, because {}", because(&edge.from, ended)))
            }
            Fate::Open => ("…", format!("open: `{}` has not ended", edge.from)),
        };
        say(format!("{sign} {}  {fate}", edge.edge));
    }
    // The first step is one of the edges above.
    if why.because.len() > 1 {
        say("and that, back to the cause:".into());
        for link in &why.because[1..] {
            say(format!(
                "- {}  not taken, because {}",
                link.edge,
                because(&link.from, &link.ended)
            ));
        }
    }
    for open in &why.waits_for {
        let word = verdict(&open.stands, phase);
        say(format!("it waits for `{}`, which {word}", open.block));
    }
    for failed in &why.failed {
        let time = failed.time.strftime("%H:%M:%S%.3f");
        let pause = text::duration(text::us_between(failed.time, failed.retry_at));
        let (n, outcome, message) = (failed.attempt, &failed.outcome, &failed.message);
        say(format!("attempt {n} failed at {time}: {outcome}: {message}; the next {pause} later"));
    }
    lines
}

/// Returns where a block stands, in words; `phase` is where the run stands.
pub fn verdict(stands: &Stands, phase: Phase) -> String {
    match stands {
        Stands::Pending => "waits for blocks before it".into(),
        Stands::Due => "is due and has not started".into(),
        Stands::LeftOut => "is left out: nothing leads to it from where the run starts".into(),
        Stands::Running { attempt, .. } if phase == Phase::Interrupted => {
            format!("was in flight, in attempt {attempt}, when its process ended")
        }
        Stands::Running { attempt, since } => {
            format!("runs since {}, in attempt {attempt}", text::moment(*since))
        }
        Stands::Retrying { attempt, at } => {
            format!("waits for attempt {attempt} at {}", text::moment(*at))
        }
        Stands::Looping { items } => {
            format!("waits for its loop of {}", text::count(*items, "item"))
        }
        Stands::Round { round, not_before: None } => {
            format!("waits for round {round} of its loop")
        }
        Stands::Round { round, not_before: Some(until) } => {
            format!("waits for round {round}, not before {}", text::moment(*until))
        }
        Stands::Calling { blueprint } => {
            format!("waits for blueprint `{blueprint}`, which it runs")
        }
        Stands::Sleeping { until } => format!("waits until {}", text::moment(*until)),
        Stands::Asking { kind, name, until } => {
            let until = until.map_or(String::new(), |it| format!(", until {}", text::moment(it)));
            match kind {
                QuestionKind::Approval => format!("waits for a decision: {name}{until}"),
                QuestionKind::Event => format!("waits for event {name}{until}"),
            }
        }
        Stands::Ended(Ended::With { outcome, message, duration_us, attempt }) => {
            let took = text::duration(*duration_us);
            let tries = if *attempt > 1 { format!(" in attempt {attempt}") } else { String::new() };
            let why = message.as_ref().map_or(String::new(), |message| format!(": {message}"));
            format!("ran and ended with {outcome} after {took}{tries}{why}")
        }
        Stands::Ended(Ended::Skipped { .. }) => "was skipped".into(),
        Stands::Ended(Ended::Cancelled { .. }) => "was cancelled".into(),
    }
}

fn taken(fate: &Fate) -> Option<u64> {
    match fate {
        Fate::Taken(seq) => Some(*seq),
        Fate::Dead(_) | Fate::Open => None,
    }
}

fn rule(join: Join) -> &'static str {
    match join {
        Join::Any => "join any: runs once all edges are resolved, if at least one was taken",
        Join::All => "join all: runs once all edges are taken, is skipped at the first that is not",
        Join::First => "join first: runs at the first edge that is taken",
        Join::Always => "join always: runs once all edges are resolved, taken or not",
    }
}

fn because(from: &str, ended: &Ended) -> String {
    match ended {
        Ended::With { outcome, .. } => format!("`{from}` ended with {outcome}"),
        Ended::Skipped { .. } => format!("`{from}` was skipped"),
        Ended::Cancelled { reason, by } => {
            format!("`{from}` was cancelled: {}", cancelled(*reason, by))
        }
    }
}

fn cancelled(reason: CancelReason, by: &By) -> String {
    let block = match by {
        By::Block(block) => format!("`{block}`"),
        By::Somebody | By::Clock => "a block".into(),
    };
    match reason {
        CancelReason::Returned => format!("{block} returned, which ends the graph"),
        CancelReason::Failed => format!("{block} ended with an error that no edge handles"),
        CancelReason::Requested => "somebody cancelled the run".into(),
        CancelReason::Deadline => "the run's deadline passed".into(),
        CancelReason::Timeout => format!("the time of {block} was up"),
    }
}

/// Returns the same as JSON.
pub fn document(why: &Why) -> Value {
    let edges = why.edges.iter().map(|edge| {
        let fate = match &edge.fate {
            Fate::Taken(_) => "taken",
            Fate::Dead(_) => "dead",
            Fate::Open => "open",
        };
        let ended = match &edge.fate {
            Fate::Dead(ended) => ended_to_json(ended),
            Fate::Taken(_) | Fate::Open => Value::Null,
        };
        json!({"edge": edge.edge, "from": edge.from, "fate": fate, "ended": ended})
    });
    let because = why.because.iter().map(
        |link| json!({"edge": link.edge, "from": link.from, "ended": ended_to_json(&link.ended)}),
    );
    let waits_for = why
        .waits_for
        .iter()
        .map(|open| json!({"block": open.block, "stands": stands_to_json(&open.stands)}));
    let failed = why.failed.iter().map(|failed| {
        json!({
            "attempt": failed.attempt,
            "outcome": failed.outcome,
            "message": failed.message,
            "time": format!("{:.3}", failed.time),
            "retry_at": format!("{:.3}", failed.retry_at),
        })
    });
    let join = Join::ALL.iter().find(|(_, join)| *join == why.join).map(|(name, _)| *name);
    json!({
        "block": why.block,
        "type": why.kind,
        "join": join,
        "inside": why.inside,
        "stands": stands_to_json(&why.stands),
        "edges": edges.collect::<Vec<_>>(),
        "because": because.collect::<Vec<_>>(),
        "waits_for": waits_for.collect::<Vec<_>>(),
        "failed_attempts": failed.collect::<Vec<_>>(),
    })
}

fn stands_to_json(stands: &Stands) -> Value {
    let time = |time: &jiff::Timestamp| format!("{time:.3}");
    match stands {
        Stands::Pending => json!({"status": "pending"}),
        Stands::Due => json!({"status": "due"}),
        Stands::LeftOut => json!({"status": "left_out"}),
        Stands::Running { attempt, since } => {
            json!({"status": "running", "attempt": attempt, "since": time(since)})
        }
        Stands::Retrying { attempt, at } => {
            json!({"status": "retrying", "attempt": attempt, "at": time(at)})
        }
        Stands::Looping { items } => {
            json!({"status": "waiting", "for": "items", "items": items})
        }
        Stands::Round { round, not_before } => json!({
            "status": "waiting",
            "for": "round",
            "round": round,
            "not_before": not_before.as_ref().map(time),
        }),
        Stands::Calling { blueprint } => {
            json!({"status": "waiting", "for": "call", "blueprint": blueprint})
        }
        Stands::Sleeping { until } => {
            json!({"status": "waiting", "for": "sleep", "until": time(until)})
        }
        Stands::Asking { kind, name, until } => json!({
            "status": "waiting",
            "for": kind.as_str(),
            "name": name,
            "until": until.as_ref().map(time),
        }),
        Stands::Ended(ended) => ended_to_json(ended),
    }
}

fn ended_to_json(ended: &Ended) -> Value {
    match ended {
        Ended::With { outcome, message, duration_us, attempt } => json!({
            "status": "finished",
            "outcome": outcome,
            "message": message,
            "attempt": attempt,
            "duration_ms": format::in_ms(*duration_us),
        }),
        Ended::Skipped { edge } => json!({"status": "skipped", "edge": edge}),
        Ended::Cancelled { reason, by } => {
            let by = match by {
                By::Block(block) => json!({"block": block}),
                By::Somebody => json!("request"),
                By::Clock => json!("deadline"),
            };
            json!({"status": "cancelled", "reason": reason.as_str(), "by": by})
        }
    }
}

#[cfg(test)]
mod tests {
    use blueprint_engine::why::{EdgeIn, Link};

    use super::*;

    #[test]
    fn a_skip_is_told_back_to_its_cause() {
        let skipped = Ended::Skipped { edge: "route.else".into() };
        let with = |outcome: &str| Ended::With {
            outcome: outcome.into(),
            message: None,
            duration_us: 400,
            attempt: 1,
        };
        let link =
            |edge: &str, from: &str, ended| Link { edge: edge.into(), from: from.into(), ended };
        let why = Why {
            block: "notify".into(),
            kind: "log_message",
            join: Join::Any,
            inside: None,
            stands: Stands::Ended(Ended::Skipped { edge: "alert.success".into() }),
            edges: vec![EdgeIn {
                edge: "alert.success".into(),
                from: "alert".into(),
                fate: Fate::Dead(skipped.clone()),
            }],
            because: vec![
                link("alert.success", "alert", skipped),
                link("route.else", "route", with("then")),
            ],
            waits_for: Vec::new(),
            failed: Vec::new(),
        };
        assert_eq!(
            sentences(&why, Phase::Succeeded).join("\n"),
            "\
join any: runs once all edges are resolved, if at least one was taken
- alert.success  not taken, because `alert` was skipped
and that, back to the cause:
- route.else  not taken, because `route` ended with then"
        );
        assert_eq!(document(&why)["because"][1]["ended"]["outcome"], "then");
    }
}
