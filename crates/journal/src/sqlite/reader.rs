//! Reading: runs with their events, checked against their sums, questions, and what is due.

use std::collections::BTreeSet;

use blueprint_model::{
    Event, EventKind, JournalError, RunId, RunRecord,
    block::Wish,
    format::stored,
    journal::{Due, Head, History, OpenQuestion, Phase, QuestionFilter, QuestionKind, RunSummary},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::sqlite::{blobs, failure, owners::Alive, sum, writer::place};

/// The columns that make a summary, and those that follow.
pub(super) const RUN: &str = "SELECT id, blueprint, \"trigger\", phase, started, ended, wake, events, owner, slot, sum FROM runs";

/// The events of a run, in order, wherever they are.
pub(super) const EVENTS: &str = "SELECT ?1, NULL, place, time, kind, body, sum FROM events
         WHERE place BETWEEN ?2 AND ?3
     UNION ALL SELECT ?1, NULL, place, time, kind, body, sum FROM recent
         WHERE place BETWEEN ?2 AND ?3
     ORDER BY 3";

/// A row of the table of runs.
pub(super) struct RunRow {
    pub(super) summary: RunSummary,
    pub(super) slot: i64,
    pub(super) sum: u64,
}

/// Returns a run with all its events.
pub(super) fn history(
    connection: &Connection,
    alive: &mut Alive<'_>,
    run: &RunId,
) -> Result<Option<History>, JournalError> {
    // What the run's row says and its events must be of one moment.
    let moment = connection.unchecked_transaction().map_err(failure::read)?;
    let Some(found) = run_of(connection, alive, run)? else { return Ok(None) };
    let (record, first) = record(connection, &found)?;
    let mut events = Vec::new();
    events_of(connection, &found, first, &mut |event| events.push(event))?;
    drop(moment);
    Ok(Some(History { summary: found.summary, record, events }))
}

/// Returns a run without its events.
pub(super) fn head(
    connection: &Connection,
    alive: &mut Alive<'_>,
    run: &RunId,
) -> Result<Option<Head>, JournalError> {
    // It may be removed between its row and its record.
    let moment = connection.unchecked_transaction().map_err(failure::read)?;
    let Some(found) = run_of(connection, alive, run)? else { return Ok(None) };
    let (record, _) = record(connection, &found)?;
    drop(moment);
    Ok(Some(Head { summary: found.summary, record }))
}

fn run_of(
    connection: &Connection,
    alive: &mut Alive<'_>,
    run: &RunId,
) -> Result<Option<RunRow>, JournalError> {
    let found = connection
        .query_row(&format!("{RUN} WHERE id = ?1"), [run.as_str()], |row| Ok(run_row(row, alive)));
    found.optional().map_err(failure::read)?.transpose()
}

/// Returns the questions that pass, the oldest first.
pub(super) fn questions(
    connection: &Connection,
    filter: &QuestionFilter,
) -> Result<Vec<OpenQuestion>, JournalError> {
    let sql = "SELECT runs.id, blueprint, seq, time, events.kind, body, events.sum,
             coalesce(
                 (SELECT sum FROM events AS earlier WHERE earlier.place = events.place - 1),
                 (SELECT sum FROM recent WHERE recent.place = events.place - 1))
         FROM questions JOIN runs USING (slot)
         JOIN events ON place = (questions.slot << 32) + seq
         WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR questions.kind = ?2)
             AND (?3 IS NULL OR runs.id = ?3)
         ORDER BY time, runs.id, seq";
    let moment = connection.unchecked_transaction().map_err(failure::read)?;
    let mut statement = connection.prepare(sql).map_err(failure::read)?;
    let kind = filter.kind.map(QuestionKind::as_str);
    let run = filter.run.as_ref().map(RunId::as_str);
    let mut rows = statement.query(params![filter.name, kind, run]).map_err(failure::read)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure::read)? {
        found.push(question(connection, row)?);
    }
    drop(moment);
    Ok(found)
}

fn question(connection: &Connection, row: &Row<'_>) -> Result<OpenQuestion, JournalError> {
    let read =
        || Ok((RunId::new(row.get_ref(0)?.as_str()?), row.get(1)?, row.get::<_, i64>(7).ok()));
    let (run, blueprint, earlier) = read().map_err(failure::read)?;
    let seq = row.get::<_, i64>(2).map_err(failure::read)?.cast_unsigned();
    let earlier = earlier.map(i64::cast_unsigned);
    let event = event(connection, row, (&run, seq), earlier)?.0;
    match event.kind {
        EventKind::BlockWaiting { at, block, wish: Wish::Answer(question) } => {
            Ok(OpenQuestion { run, blueprint, at, block, since: event.time, question })
        }
        _ => Err(failure::damaged_event(&run, seq, "is no question, and an open one refers to it")),
    }
}

/// Returns runs that somebody should claim; those of owners that are gone are no longer theirs.
pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Due, JournalError> {
    let now = now.as_microsecond();
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let due = [
        "SELECT id FROM runs WHERE ended IS NULL AND phase = 'interrupted' AND ?1 IS ?1 LIMIT ?2",
        "SELECT id FROM runs WHERE ended IS NULL AND phase = 'waiting' AND owner IS NULL
             AND wake <= ?1 ORDER BY wake LIMIT ?2",
        "SELECT DISTINCT runs.id FROM letters CROSS JOIN runs USING (slot)
             WHERE ended IS NULL AND phase = 'waiting' AND ?1 IS ?1 LIMIT ?2",
    ];
    let look = || {
        let mut runs: Vec<RunId> = Vec::new();
        let mut known = BTreeSet::new();
        for sql in due {
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query(params![now, most])?;
            while runs.len() < limit
                && let Some(row) = rows.next()?
            {
                let run = RunId::new(row.get_ref(0)?.as_str()?);
                if known.insert(run.clone()) {
                    runs.push(run);
                }
            }
        }
        let next = connection.query_row(
            "SELECT wake FROM runs WHERE ended IS NULL AND phase = 'waiting' AND owner IS NULL
                 AND wake > ?1 AND NOT EXISTS (SELECT 1 FROM letters WHERE slot = runs.slot)
                 ORDER BY wake LIMIT 1",
            [now],
            |row| row.get::<_, i64>(0),
        );
        Ok((runs, next.optional()?))
    };
    let (runs, next) = look().map_err(failure::read)?;
    Ok(Due { runs, next: next.map(time).transpose()? })
}

/// Returns the owners of runs that are worked on.
pub(super) fn owners(connection: &Connection) -> Result<Vec<String>, JournalError> {
    // One step a name, however many runs each has.
    let look = || {
        let mut statement = connection.prepare(
            "SELECT owner FROM runs WHERE ended IS NULL AND phase = 'running' AND owner > ?1
             ORDER BY owner LIMIT 1",
        )?;
        let mut found: Vec<String> = Vec::new();
        loop {
            let last = found.last().map_or("", |last| last);
            match statement.query_row([last], |row| row.get(0)).optional()? {
                Some(next) => found.push(next),
                None => return Ok(found),
            }
        }
    };
    look().map_err(failure::read)
}

/// Reads a row of [`RUN`].
pub(super) fn run_row(row: &Row<'_>, alive: &mut Alive<'_>) -> Result<RunRow, JournalError> {
    let mut read = || {
        let owner: Option<String> = row.get(8)?;
        let is_alive = owner.is_none_or(|owner| alive.is_alive(&owner));
        Ok((
            (RunId::new(row.get_ref(0)?.as_str()?), row.get(1)?, row.get(2)?),
            (row.get::<_, String>(3)?, is_alive),
            (row.get(4)?, row.get::<_, Option<i64>>(5)?, row.get::<_, Option<i64>>(6)?),
            (row.get::<_, i64>(7)?, row.get(9)?, row.get::<_, i64>(10)?),
        ))
    };
    let ((run, blueprint, trigger), (name, is_alive), (started, ended, wake), (events, slot, sum)) =
        read().map_err(failure::read)?;
    let phase = Phase::ALL.into_iter().find(|phase| phase.as_str() == name);
    let phase = match phase {
        Some(Phase::Running) if !is_alive => Phase::Interrupted,
        Some(phase) => phase,
        None => return Err(failure::damaged(format!("run {run} is in no phase"))),
    };
    let summary = RunSummary {
        run,
        blueprint,
        trigger,
        phase,
        started: time(started)?,
        ended: ended.map(time).transpose()?,
        wake: wake.map(time).transpose()?,
        events: events.cast_unsigned(),
    };
    Ok(RunRow { summary, slot, sum: sum.cast_unsigned() })
}

/// Returns every run's row.
pub(super) fn all(
    connection: &Connection,
    alive: &mut Alive<'_>,
) -> Result<Vec<RunRow>, JournalError> {
    let mut statement =
        connection.prepare(&format!("{RUN} ORDER BY slot")).map_err(failure::read)?;
    let mut rows = statement.query([]).map_err(failure::read)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure::read)? {
        found.push(run_row(row, alive)?);
    }
    Ok(found)
}

/// Returns a run's record, and the sum on which its first event stands.
pub(super) fn record(
    connection: &Connection,
    run: &RunRow,
) -> Result<(RunRecord, u64), JournalError> {
    let RunSummary { run: id, blueprint, trigger, started, .. } = &run.summary;
    let body = record_body(connection, run.slot, id)?;
    let record = stored::decode_record(&body, &mut |name| blobs::fetch(connection, name))
        .map_err(|err| failure::damaged(format!("the record of run {id} cannot be read: {err}")))?;
    if (&record.blueprint, &record.trigger, record.started) != (blueprint, trigger, *started) {
        return Err(failure::damaged(format!("the record of run {id} is that of another")));
    }
    Ok((record, sum::first(id.as_str(), &body)))
}

/// Returns a run's record as it is stored.
pub(super) fn record_body(
    connection: &Connection,
    slot: i64,
    id: &RunId,
) -> Result<Vec<u8>, JournalError> {
    let found = connection
        .query_row("SELECT body FROM records WHERE slot = ?1", [slot], |row| row.get(0))
        .optional();
    let body = found.map_err(failure::read)?;
    body.ok_or_else(|| failure::damaged(format!("the record of run {id} is gone")))
}

/// Gives the events of a run, in order, each checked.
pub(super) fn events_of(
    connection: &Connection,
    run: &RunRow,
    first: u64,
    take: &mut dyn FnMut(Event),
) -> Result<(), JournalError> {
    let id = &run.summary.run;
    let mut statement = connection.prepare(EVENTS).map_err(failure::read)?;
    let ends = (place(run.slot, 1), place(run.slot, u32::MAX.into()));
    let mut rows = statement.query(params![id.as_str(), ends.0, ends.1]).map_err(failure::read)?;
    let (mut seq, mut sum) = (0, first);
    while let Some(row) = rows.next().map_err(failure::read)? {
        seq += 1;
        if row.get::<_, i64>(2).map_err(failure::read)? != place(run.slot, seq) {
            return Err(failure::damaged_event(id, seq, "is gone"));
        }
        let (event, new) = event(connection, row, (id, seq), Some(sum))?;
        sum = new;
        take(event);
    }
    if seq < run.summary.events {
        return Err(failure::damaged_event(id, seq + 1, "is gone"));
    }
    if (seq, sum) != (run.summary.events, run.sum) {
        return Err(failure::damaged_event(id, seq, "is not what was written"));
    }
    Ok(())
}

/// Reads the columns time, kind, body and sum, from the fourth on. Where `previous` is known, the sum
/// is checked.
pub(super) fn event(
    connection: &Connection,
    row: &Row<'_>,
    (run, seq): (&RunId, u64),
    previous: Option<u64>,
) -> Result<(Event, u64), JournalError> {
    let read = || {
        let (time, sum) = (row.get::<_, i64>(3)?, row.get::<_, i64>(6)?);
        Ok((time, row.get_ref(4)?.as_str()?, row.get_ref(5)?.as_blob()?, sum.cast_unsigned()))
    };
    let (at, kind, body, sum) = read().map_err(|err: rusqlite::Error| {
        failure::damaged_event(run, seq, format!("cannot be read ({err})"))
    })?;
    if previous.is_some_and(|previous| sum != sum::next(previous, seq, at, kind, body)) {
        return Err(failure::damaged_event(run, seq, "is not what was written"));
    }
    let kind = stored::decode(kind, body, &mut |name| blobs::fetch(connection, name))
        .map_err(|err| failure::damaged_event(run, seq, format!("cannot be read ({err})")))?;
    Ok((Event { run: run.clone(), seq, time: time(at)?, kind }, sum))
}

fn time(us: i64) -> Result<Timestamp, JournalError> {
    Timestamp::from_microsecond(us).map_err(|err| failure::damaged(format!("a time: {err}")))
}
