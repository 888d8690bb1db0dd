//! Where the events of many runs wait for their place: in the order in which they came.
//!
//! Each run's events are side by side in the table of events, so an event each of 64 runs is 64 pages
//! of the log. Side by side in the order in which they came they are a handful, and once there are
//! many, what goes to one page goes there at once.

use crate::sqlite::{
    queue::{Effect, Row},
    statements::Statements,
    writer::{self, BEGIN, COMMIT, ROLLBACK},
};

/// So many events are moved to their places, or fewer once there is nothing else to do. A reader
/// looks at all of them.
const MANY: u64 = 4_096;

/// From so many runs in a transaction on, its events are scattered.
const RUNS: usize = 8;

/// With so many events of each run in a transaction, they fill pages of their own.
const EVENTS_EACH: usize = 8;

const ADD: &str = "INSERT INTO recent (place, time, kind, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)";
const COUNT: &str = "SELECT count(*) FROM recent";
const MOVE: &str = "INSERT INTO events (place, time, kind, body, sum)
     SELECT place, time, kind, body, sum FROM recent ORDER BY place";
const CLEAR: &str = "DELETE FROM recent";

/// The events that wait for their place, as the writer knows them.
pub(super) struct Recent {
    /// How many there are: at least those that were added here.
    count: u64,
    /// From so many on they are moved: later than usual, where moving them has failed.
    many: u64,
    /// Whether the transaction adds here.
    is_used: bool,
}

impl Recent {
    /// Counts what an earlier process has left.
    pub(super) fn look(statements: &mut Statements<'_>) -> Self {
        let count = statements.of(COUNT).and_then(|it| it.query_row([], |row| row.get(0)));
        // Where it cannot be counted now, it is moved with what is added later.
        Self { count: count.map_or(0, i64::cast_unsigned), many: MANY, is_used: false }
    }

    /// Returns whether something waits for the writer to have nothing else to do.
    pub(super) fn waits(&self) -> bool {
        self.count > 0 && self.many == MANY
    }

    /// Decides where a transaction of so many events of so many runs goes.
    pub(super) fn decide(&mut self, runs: usize, events: usize) {
        self.is_used = runs >= RUNS && events < runs * EVENTS_EACH;
    }

    /// Returns the statement that adds an event. Who asks for questions looks in their place only.
    pub(super) fn statement(&mut self, row: &Row) -> &'static str {
        if !self.is_used || matches!(row.effect, Effect::Asked { .. }) {
            return writer::ADD;
        }
        self.count += 1;
        ADD
    }

    /// Moves what is there to its place, if it is many. Where that fails, it stays for later.
    pub(super) fn tidy(&mut self, statements: &mut Statements<'_>) {
        if self.count >= self.many {
            self.clear(statements);
        }
    }

    /// Moves what is there to its place.
    pub(super) fn clear(&mut self, statements: &mut Statements<'_>) {
        if self.count == 0 {
            return;
        }
        let mut run = |sql| statements.of(sql)?.execute([]);
        let moved = [BEGIN, MOVE, CLEAR, COMMIT].into_iter().try_for_each(|sql| run(sql).map(drop));
        if moved.is_ok() {
            (self.count, self.many) = (0, MANY);
            return;
        }
        // It is tried again when as many more are added, or at the end.
        self.many = self.count + MANY;
        if !statements.connection().is_autocommit() {
            drop(statements.of(ROLLBACK).and_then(|it| it.execute([])));
        }
    }
}
