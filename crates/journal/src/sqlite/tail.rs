//! Some events of a run: those after one that is known, wherever they are.

use blueprint_model::{Event, JournalError, RunId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::sqlite::{
    failure,
    reader::{self, EVENTS},
    sum,
    writer::place,
};

const RUN: &str = "SELECT slot, events, sum FROM runs WHERE id = ?1";
const COUNT_PLACED: &str = "SELECT count(*) FROM events WHERE place BETWEEN ?1 AND ?2";
/// What [`EVENTS`] gives where all are in their place.
const PLACED: &str = "SELECT ?1, NULL, place, time, kind, body, sum FROM events
     WHERE place BETWEEN ?2 AND ?3 ORDER BY place";

/// The run of which events are asked for.
struct Tailed<'r> {
    id: &'r RunId,
    slot: i64,
    events: u64,
    sum: u64,
}

/// Returns the events of a run after that with this number, at most `limit` of them.
pub(super) fn events(
    connection: &Connection,
    run: &RunId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, JournalError> {
    // What the run's row says and its events must be of one moment.
    let moment = connection.unchecked_transaction().map_err(failure::read)?;
    let Some(tailed) = find(connection, run)? else { return Ok(Vec::new()) };
    let last = tailed.events.min(after.saturating_add(limit as u64));
    let found = if last > after { between(connection, &tailed, after, last)? } else { Vec::new() };
    drop(moment);
    Ok(found)
}

fn find<'r>(connection: &Connection, id: &'r RunId) -> Result<Option<Tailed<'r>>, JournalError> {
    let found = connection.query_row(RUN, [id.as_str()], |row| {
        let (events, sum) = (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
        let (events, sum) = (events.cast_unsigned(), sum.cast_unsigned());
        Ok(Tailed { id, slot: row.get(0)?, events, sum })
    });
    found.optional().map_err(failure::read)
}

/// Returns the events after one up to another that is there, each checked against the one before.
fn between(
    connection: &Connection,
    run: &Tailed<'_>,
    after: u64,
    last: u64,
) -> Result<Vec<Event>, JournalError> {
    let (id, ends) = (run.id.as_str(), (place(run.slot, after), place(run.slot, last)));
    // Those that wait for their place have no index, so they are looked at only if one is missing.
    let placed: i64 = connection
        .query_row(COUNT_PLACED, [ends.0, ends.1], |row| row.get(0))
        .map_err(failure::read)?;
    // No run has an event 0.
    let rows = last - after + u64::from(after > 0);
    let sql = if placed.cast_unsigned() == rows { PLACED } else { EVENTS };
    let mut statement = connection.prepare(sql).map_err(failure::read)?;
    let mut rows = statement.query(params![id, ends.0, ends.1]).map_err(failure::read)?;
    let mut previous = None;
    if after == 0 {
        let record = reader::record_body(connection, run.slot, run.id)?;
        previous = Some(sum::first(id, &record));
    }
    let mut found = Vec::new();
    for seq in after.max(1)..=last {
        let row = rows.next().map_err(failure::read)?;
        let at = row.map(|row| row.get::<_, i64>(2)).transpose().map_err(failure::read)?;
        let Some(row) = row.filter(|_| at == Some(place(run.slot, seq))) else {
            return Err(failure::damaged_event(run.id, seq, "is gone"));
        };
        if seq == after {
            let sum: i64 = row.get(6).map_err(failure::read)?;
            previous = Some(sum.cast_unsigned());
            continue;
        }
        let (event, sum) = reader::event(connection, row, (run.id, seq), previous)?;
        previous = Some(sum);
        found.push(event);
    }
    if last == run.events && previous != Some(run.sum) {
        return Err(failure::damaged_event(run.id, last, "is not what was written"));
    }
    Ok(found)
}
