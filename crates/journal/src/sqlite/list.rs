//! Lists of runs: the newest first, in pages, and only what passes is looked at.

use std::fmt::Write as _;

use blueprint_model::{
    JournalError, RunId,
    journal::{Phase, RunFilter, RunSummary},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql};

use crate::sqlite::{
    failure,
    owners::Alive,
    reader::{RUN, owners, run_row},
};

/// The index of all runs in the order of lists, and that of those that have not ended. All that runs
/// are filtered by is in them. SQLite would rather take another and sort.
const ALL: &str = "runs_list";
const OPEN: &str = "runs_list_open";

/// Returns the runs that pass, the newest first.
pub(super) fn list(
    connection: &Connection,
    alive: &mut Alive<'_>,
    filter: &RunFilter,
) -> Result<Vec<RunSummary>, JournalError> {
    let last = match &filter.before {
        Some(run) => match started(connection, run)? {
            Some(started) => Some((started, run)),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    let phases = phases(connection, alive, filter)?;
    let (sql, values) = query(filter, &phases, last);
    let mut statement = connection.prepare(&sql).map_err(failure::read)?;
    let values: Vec<&dyn ToSql> = values.iter().map(|value| &**value).collect();
    let mut rows = statement.query(values.as_slice()).map_err(failure::read)?;
    let mut found = Vec::new();
    while found.len() < filter.limit.unwrap_or(usize::MAX)
        && let Some(row) = rows.next().map_err(failure::read)?
    {
        let summary = run_row(row, alive)?.summary;
        if filter.passes(&summary) {
            found.push(summary);
        }
    }
    Ok(found)
}

/// Returns when a run started.
fn started(connection: &Connection, run: &RunId) -> Result<Option<i64>, JournalError> {
    let sql = "SELECT started FROM runs WHERE id = ?1";
    connection.query_row(sql, [run.as_str()], |row| row.get(0)).optional().map_err(failure::read)
}

/// Returns the phases to look for: the row of a run whose process is gone may still say that it runs.
fn phases(
    connection: &Connection,
    alive: &mut Alive<'_>,
    filter: &RunFilter,
) -> Result<Vec<Phase>, JournalError> {
    let mut phases = filter.phases.clone();
    if phases.contains(&Phase::Interrupted)
        && !phases.contains(&Phase::Running)
        && !owners(connection)?.iter().all(|owner| alive.is_alive(owner))
    {
        phases.push(Phase::Running);
    }
    Ok(phases)
}

/// Returns the query for a list that goes on after `last`. Where it finds more, the filter does the rest.
fn query(
    filter: &RunFilter,
    phases: &[Phase],
    last: Option<(i64, &RunId)>,
) -> (String, Vec<Box<dyn ToSql>>) {
    let is_open = !phases.is_empty() && phases.iter().all(|phase| !phase.is_ended());
    let (index, condition) = if is_open { (OPEN, "ended IS NULL") } else { (ALL, "1") };
    let mut sql = format!("{RUN} INDEXED BY {index} WHERE {condition}");
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut add = |condition: &str, value: Box<dyn ToSql>| {
        values.push(value);
        // Writing to a text does not fail.
        let _ = write!(sql, " AND {}", condition.replace('?', &format!("?{}", values.len())));
    };
    if let Some(id) = &filter.id {
        add("(instr(id, ?) = 1 OR substr(id, -length(?)) = ?)", Box::new(id.clone()));
    }
    if let Some(blueprint) = &filter.blueprint {
        add("blueprint = ?", Box::new(blueprint.clone()));
    }
    if let Some(trigger) = &filter.trigger {
        add("\"trigger\" = ?", Box::new(trigger.clone()));
    }
    if let Some(since) = filter.since {
        add("started >= ?", Box::new(since.as_microsecond()));
    }
    // Only one of two ends is where the index is entered, so the other one is not said.
    let until = filter.until.map(Timestamp::as_microsecond);
    match (until, last) {
        (Some(until), last) if last.is_none_or(|(started, _)| until <= started) => {
            add("started <= ?", Box::new(until));
        }
        (_, Some((started, run))) => {
            add(&format!("(started, id) < ({started}, ?)"), Box::new(run.as_str().to_owned()));
        }
        (_, None) => {}
    }
    if !phases.is_empty() {
        let names: Vec<String> = phases.iter().map(|it| format!("'{}'", it.as_str())).collect();
        let _ = write!(sql, " AND phase IN ({})", names.join(", "));
    }
    sql.push_str(" ORDER BY started DESC, id DESC");
    (sql, values)
}

#[cfg(test)]
mod tests {
    use blueprint_model::journal::{Phase, RunFilter};
    use rusqlite::params_from_iter;

    use super::*;
    use crate::sqlite::{Flush, schema};

    /// Checks that a list is read in order from this index, entered at this condition.
    #[track_caller]
    fn check(filter: &RunFilter, last: Option<i64>, index: &str, entry: &str) {
        let folder = tempfile::tempdir().expect("a new folder");
        let connection =
            schema::open(&folder.path().join("runs.db"), Flush::Off).expect("a folder of our own");
        let run = RunId::new("a");
        let (sql, values) = query(filter, &filter.phases, last.map(|started| (started, &run)));
        let mut statement =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("it is SQL");
        assert_eq!(statement.parameter_count(), values.len(), "{sql}");
        let steps = statement.query_map(params_from_iter(vec![0; values.len()]), |row| row.get(3));
        let steps = steps.and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>);
        let verb = if entry.is_empty() { "SCAN" } else { "SEARCH" };
        let expected = format!("{verb} runs USING INDEX {index}{entry}");
        assert_eq!(steps.expect("it is SQL"), [expected], "{sql}");
    }

    fn mixed() -> RunFilter {
        RunFilter {
            id: Some("x".into()),
            phases: vec![Phase::Failed, Phase::Running],
            blueprint: Some("orders".into()),
            trigger: Some("cron".into()),
            ..RunFilter::default()
        }
    }

    #[test]
    fn lists_are_read_in_their_order() {
        check(&RunFilter::default(), None, "runs_list", "");
        check(&mixed(), None, "runs_list", "");
        let open = RunFilter { phases: vec![Phase::Waiting, Phase::Running], ..mixed() };
        check(&open, None, "runs_list_open", "");
    }

    #[test]
    fn pages_begin_where_the_last_one_ended() {
        let entry = " ((started,id)<(?,?))";
        check(&RunFilter::default(), Some(5), "runs_list", entry);
        check(&mixed(), Some(5), "runs_list", entry);
        let since = RunFilter { since: Some(Timestamp::UNIX_EPOCH), ..mixed() };
        check(&since, None, "runs_list", " (started>?)");
        check(&since, Some(5), "runs_list", " (started>? AND (started,id)<(?,?))");
    }

    #[test]
    fn the_nearer_of_two_ends_is_used() {
        let until = |us| Timestamp::from_microsecond(us).expect("a time");
        let until = |us| RunFilter { until: Some(until(us)), ..RunFilter::default() };
        check(&until(4), Some(5), "runs_list", " (started<?)");
        check(&until(6), Some(5), "runs_list", " ((started,id)<(?,?))");
    }
}
