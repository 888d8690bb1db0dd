//! What a schedule fires now: a function of its rule, what is remembered of it, and the time.

use blueprint_engine::Schedule;
use blueprint_model::{
    RunId, Value,
    blueprint::{Missed, Overlap},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// A time that is no older than this is fired at, whatever kept it so long: a restart is no miss.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// So many times at most are fired at in one look.
const MOST: usize = 100;

/// When a trigger fires.
pub(super) struct Rule<'r> {
    pub(super) schedule: &'r Schedule,
    pub(super) missed: Missed,
    pub(super) overlap: Overlap,
}

/// What is remembered of a trigger, as a note in the store.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Memory {
    /// The schedule that it is about: another one starts anew.
    schedule: String,
    /// Up to when all times were considered.
    considered: Timestamp,
    /// A time that waits until the last run is over.
    waiting: Option<Timestamp>,
    /// Its last firing.
    pub(super) last: Option<Last>,
}

/// A firing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Last {
    /// The time of the schedule.
    pub(super) time: Timestamp,
    /// The run that it started.
    pub(super) run: Option<RunId>,
    /// Why it started none.
    pub(super) problem: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    /// The times to fire at, in order.
    pub(super) fire: Vec<Timestamp>,
    /// What is remembered once they are.
    pub(super) memory: Memory,
}

impl Memory {
    fn begin(schedule: &Schedule, now: Timestamp) -> Self {
        Self { schedule: schedule.to_string(), considered: now, waiting: None, last: None }
    }

    /// Reads it from a note; `None` if that is none of ours.
    pub(super) fn of(note: &Value) -> Option<Self> {
        let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let last = &note["last"];
        Some(Self {
            schedule: text(&note["schedule"])?,
            considered: time(&note["considered"])?,
            waiting: time(&note["waiting"]),
            last: time(&last["time"]).map(|time| Last {
                time,
                run: last["run"].as_str().map(RunId::new),
                problem: text(&last["problem"]),
            }),
        })
    }

    /// Returns it as a note.
    pub(super) fn to_note(&self) -> Value {
        let last = self.last.as_ref().map(|last| {
            json!({
                "time": last.time.to_string(),
                "run": last.run.as_ref().map(RunId::as_str),
                "problem": last.problem,
            })
        });
        json!({
            "schedule": self.schedule,
            "considered": self.considered.to_string(),
            "waiting": self.waiting.map(|time| time.to_string()),
            "last": last,
        })
    }

    /// Returns whether a firing waits until the last run is over.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }
}

/// Returns what a trigger fires now; `is_busy` says that the run of its last firing is not over.
pub(super) fn judge(
    rule: &Rule<'_>,
    memory: Option<Memory>,
    is_busy: bool,
    now: Timestamp,
) -> Verdict {
    let known = memory.filter(|memory| memory.schedule == rule.schedule.to_string());
    // What is new fires from now on.
    let mut memory = known.unwrap_or_else(|| Memory::begin(rule.schedule, now));
    let due = due(rule, memory.considered, now);
    if !due.is_empty() {
        memory.considered = now;
    }
    let waiting = memory.waiting.take();
    let fire = match rule.overlap {
        // What waited under another policy waits no longer.
        Overlap::Parallel => waiting.into_iter().chain(due).collect(),
        Overlap::Skip if is_busy => Vec::new(),
        Overlap::Skip => due.last().copied().or(waiting).into_iter().collect(),
        Overlap::Queue => {
            let mut all = waiting.into_iter().chain(due);
            let fire = if is_busy { None } else { all.next() };
            // One waits: the last.
            memory.waiting = all.last();
            fire.into_iter().collect()
        }
    };
    Verdict { fire, memory }
}

/// Returns the times that count after `considered`: those that have just come, or where there are
/// none the last of those that were missed, if it is made up for.
fn due(rule: &Rule<'_>, considered: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let schedule = rule.schedule;
    let recent = now.checked_sub(LATE).map_or(considered, |recent| recent.max(considered));
    let next = |time: &Timestamp| schedule.next_after(*time).filter(|next| *next <= now);
    let just_now: Vec<Timestamp> = std::iter::successors(next(&recent), next).take(MOST).collect();
    if !just_now.is_empty() {
        return just_now;
    }
    match rule.missed {
        Missed::Skip => Vec::new(),
        Missed::RunOnce => schedule.last_until(now, considered).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trigger at each full hour, and its memory.
    struct Clockwork {
        schedule: Schedule,
        missed: Missed,
        overlap: Overlap,
        memory: Option<Memory>,
    }

    impl Clockwork {
        fn new(missed: Missed, overlap: Overlap) -> Self {
            let schedule = Schedule::parse("0 * * * *").unwrap();
            Self { schedule, missed, overlap, memory: None }
        }

        #[track_caller]
        fn check(&mut self, now: &str, is_busy: bool, expected: &[&str]) {
            let Self { schedule, missed, overlap, memory } = self;
            let rule = Rule { schedule, missed: *missed, overlap: *overlap };
            let time = |text: &str| format!("2026-11-24T{text}Z").parse::<Timestamp>().unwrap();
            // As after a restart: from its note.
            let before = memory.as_ref().map(|memory| Memory::of(&memory.to_note()).unwrap());
            let Verdict { fire, memory } = judge(&rule, before, is_busy, time(now));
            assert_eq!(fire, expected.iter().map(|text| time(text)).collect::<Vec<_>>());
            self.memory = Some(memory);
        }
    }

    #[test]
    fn each_time_fires_once() {
        let mut clockwork = Clockwork::new(Missed::Skip, Overlap::Skip);
        clockwork.check("05:59:00", false, &[]);
        clockwork.check("06:00:00.2", false, &["06:00:00"]);
        clockwork.check("06:00:00.5", false, &[]);
        clockwork.check("06:30:00", false, &[]);
        clockwork.check("07:00:00", false, &["07:00:00"]);
    }

    #[test]
    fn a_short_restart_misses_nothing() {
        let mut clockwork = Clockwork::new(Missed::Skip, Overlap::Skip);
        clockwork.check("05:59:00", false, &[]);
        clockwork.check("06:00:50", false, &["06:00:00"]);
        clockwork.check("06:00:51", false, &[]);
    }

    #[test]
    fn missed_times_are_forgotten_or_made_up_for_once() {
        let mut clockwork = Clockwork::new(Missed::Skip, Overlap::Skip);
        clockwork.check("05:59:00", false, &[]);
        clockwork.check("09:30:00", false, &[]);
        let mut clockwork = Clockwork::new(Missed::RunOnce, Overlap::Parallel);
        clockwork.check("05:59:00", false, &[]);
        clockwork.check("09:30:00", false, &["09:00:00"]);
        clockwork.check("09:30:01", false, &[]);
        clockwork.check("12:00:10", false, &["12:00:00"]);
    }

    #[test]
    fn a_run_that_goes_on_skips_queues_or_is_joined() {
        let mut clockwork = Clockwork::new(Missed::Skip, Overlap::Skip);
        clockwork.check("05:59:00", false, &[]);
        clockwork.check("06:00:00", true, &[]);
        clockwork.check("06:00:10", false, &[]);
        let mut clockwork = Clockwork::new(Missed::Skip, Overlap::Queue);
        clockwork.check("05:59:00", false, &[]);
        clockwork.check("06:00:00", true, &[]);
        clockwork.check("07:00:00", true, &[]);
        clockwork.check("07:10:00", false, &["07:00:00"]);
        clockwork.check("07:10:01", false, &[]);
        let mut clockwork = Clockwork::new(Missed::Skip, Overlap::Parallel);
        clockwork.check("05:59:00", false, &[]);
        clockwork.check("06:00:00", true, &["06:00:00"]);
    }

    #[test]
    fn another_schedule_starts_anew() {
        let mut clockwork = Clockwork::new(Missed::RunOnce, Overlap::Skip);
        clockwork.check("05:59:00", false, &[]);
        clockwork.schedule = Schedule::parse("*/10 * * * *").unwrap();
        clockwork.check("09:31:00", false, &[]);
        clockwork.check("09:40:00", false, &["09:40:00"]);
    }

    #[test]
    fn the_hour_that_comes_twice_fires_twice_by_the_minute_and_once_by_the_day() {
        let rome = |text: &str| Schedule::parse(text).unwrap().in_zone("Europe/Rome").unwrap();
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let fired = |schedule: &Schedule| {
            let rule = Rule { schedule, missed: Missed::Skip, overlap: Overlap::Parallel };
            let (mut memory, mut fired) = (None, 0);
            for minute in 0..240 {
                let now = time("2026-10-24T23:00:00Z") + SignedDuration::from_mins(minute);
                let verdict = judge(&rule, memory, false, now);
                fired += verdict.fire.len();
                memory = Some(verdict.memory);
            }
            fired
        };
        assert_eq!(fired(&rome("30 2 * * *")), 1);
        assert_eq!(fired(&rome("30 * * * *")), 4);
    }
}
