//! Some events of a run: those after one that is known, wherever they are.

use blueprint_model::{Event, JournalError, RunId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::sqlite::{failure, reader, writer::place};

const RUN: &str = "SELECT slot, events FROM runs WHERE id = ?1";

/// Returns the events of a run after that with this number, at most `limit` of them.
pub(super) fn events(
    connection: &Connection,
    run: &RunId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, JournalError> {
    // What the run's row says and its events must be of one moment.
    let moment = connection.unchecked_transaction().map_err(failure::read)?;
    let found = connection
        .query_row(RUN, [run.as_str()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))
        .optional();
    let Some((slot, count)) = found.map_err(failure::read)? else { return Ok(Vec::new()) };
    let last = count.cast_unsigned().min(after.saturating_add(limit as u64));
    if last <= after {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(reader::EVENTS).map_err(failure::read)?;
    let ends = params![run.as_str(), place(slot, after + 1), place(slot, last)];
    let mut rows = statement.query(ends).map_err(failure::read)?;
    let mut found = Vec::new();
    for seq in after + 1..=last {
        let row = rows.next().map_err(failure::read)?;
        let row = row.ok_or_else(|| failure::damaged_event(run, seq, "is gone"))?;
        if row.get::<_, i64>(2).map_err(failure::read)? != place(slot, seq) {
            return Err(failure::damaged_event(run, seq, "is gone"));
        }
        found.push(reader::event(connection, row, (run, seq), None)?.0);
    }
    drop(moment);
    Ok(found)
}
