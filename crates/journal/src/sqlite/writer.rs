//! The one thread that writes: it takes all that waits, and makes one transaction of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use blueprint_model::JournalError;
use rusqlite::{Connection, params};

use crate::sqlite::{
    Flush, Shared,
    checkpoint::Checkpointer,
    failure, letters,
    live::{Chain, Live, fenced},
    owners::Owner,
    queue::{Batch, Effect, POLL, Row, Task},
    recent::Recent,
    statements::Statements,
};

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";
const ADVANCE: &str =
    "UPDATE runs SET events = ?1, sum = ?2 WHERE slot = ?3 AND owner = ?4 AND fence = ?5";
pub(super) const ADD: &str =
    "INSERT INTO events (place, time, kind, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)";
const ADD_BLOB: &str = "INSERT OR IGNORE INTO blobs (hash, bytes) VALUES (?1, ?2)";
const USE_BLOB: &str = "INSERT OR IGNORE INTO blob_uses (slot, hash) VALUES (?1, ?2)";
const ASK: &str = "INSERT OR REPLACE INTO questions (slot, scope, block, seq, kind, name)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const CLOSE: &str = "DELETE FROM questions WHERE slot = ?1 AND scope = ?2 AND block = ?3";
const CLOSE_ALL: &str = "DELETE FROM questions WHERE slot = ?1";
const DROP_ANSWERS: &str =
    "DELETE FROM letters WHERE slot = ?1 AND kind = 'answer' AND scope = ?2 AND block = ?3";
const DROP_CANCELS: &str = "DELETE FROM letters WHERE slot = ?1 AND kind = 'cancel'";
const DROP_LETTERS: &str = "DELETE FROM letters WHERE slot = ?1";
const END: &str =
    "UPDATE runs SET ended = ?2, phase = ?3, owner = NULL, wake = NULL WHERE slot = ?1";
const ABANDON: &str = "UPDATE runs SET owner = NULL, phase = 'interrupted'
     WHERE ended IS NULL AND phase = 'running' AND owner = ?1";

/// Writes until the queue is closed and empty.
pub(super) fn work(connection: &Connection, shared: &Shared, mut log: Checkpointer) {
    let guard = Guard(shared);
    let mut statements = Statements::new(connection);
    let mut writer = Writer {
        recent: Recent::look(&mut statements),
        statements,
        shared,
        owner: None,
        batch: 0,
        flush: shared.flush,
        version: 0,
        last_letter: 0,
    };
    let mut last = Duration::ZERO;
    let mut looked = now();
    loop {
        let is_watching = !shared.leases.is_empty();
        match shared.queue.take(is_watching || writer.recent.waits(), last) {
            Batch::Work(rows, tasks) => {
                let began = now();
                let bytes = rows.iter().map(Row::bytes).sum();
                writer.write(&rows, tasks);
                last = began.elapsed();
                writer.recent.tidy(&mut writer.statements);
                log.look_after(&mut writer.statements, bytes);
            }
            Batch::Nothing => {
                last = Duration::ZERO;
                if writer.recent.waits() {
                    writer.recent.clear(&mut writer.statements);
                }
            }
            Batch::Closed => break,
        }
        if is_watching && looked.elapsed() >= POLL {
            writer.look_for_letters();
            looked = now();
        }
    }
    writer.recent.clear(&mut writer.statements);
    writer.free_all();
    drop(guard);
}

#[expect(clippy::disallowed_methods, reason = "how long others are waited for is no fact of a run")]
fn now() -> Instant {
    Instant::now()
}

/// Leaves nobody waiting for a writer that is gone, whatever ended it.
struct Guard<'s>(&'s Shared);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.queue.close();
        // What nobody wrote is dropped here, and with it those who wait hear of it.
        while let Batch::Work(..) = self.0.queue.take(false, Duration::ZERO) {}
        for live in self.0.leases.all() {
            live.fail(&JournalError::Write("it is closed".into()));
        }
    }
}

pub(super) struct Writer<'c> {
    recent: Recent,
    pub(super) statements: Statements<'c>,
    pub(super) shared: &'c Shared,
    /// Made when the first run is leased.
    owner: Option<Owner>,
    /// Counts batches, to see a lease in one for the first time.
    batch: u64,
    /// For what a transaction waits now.
    flush: Flush,
    /// What the database calls the state of the file that others have changed.
    version: i64,
    /// The last letter that was looked at.
    last_letter: i64,
}

/// The last event of a run in a batch.
struct Tip<'r> {
    live: &'r Arc<Live>,
    chain: Chain,
}

impl Writer<'_> {
    /// Returns the name under which runs are leased here.
    pub(super) fn owner(&mut self) -> Result<&str, JournalError> {
        if self.owner.is_none() {
            self.owner = Some(Owner::take(&self.shared.owners)?);
        }
        Ok(self.owner.as_ref().map_or("", |owner| &owner.id))
    }

    /// Returns the name under which runs are leased here, if any was.
    pub(super) fn owner_so_far(&self) -> &str {
        self.owner.as_ref().map_or("", |owner| &owner.id)
    }

    fn write(&mut self, rows: &[Row], mut tasks: Vec<Task>) {
        let tips = self.tips(rows);
        self.recent.decide(tips.len(), rows.len());
        let written = self.transact(rows.iter(), &tips, &mut tasks);
        match written {
            Ok(()) => {
                settle(&tips);
                tasks.into_iter().for_each(|task| self.tell(task, None));
            }
            Err(err) if tips.len() + tasks.len() == 1 => {
                let failure = failure::write(err);
                tips.iter().for_each(|tip| tip.live.fail(&failure));
                tasks.into_iter().for_each(|task| self.tell(task, Some(&failure)));
            }
            // Whoever is the reason shall not take the others along.
            Err(_) => self.write_apart(rows, &tips, tasks),
        }
    }

    fn write_apart(&mut self, rows: &[Row], tips: &[Tip<'_>], tasks: Vec<Task>) {
        // In its place, an event that is there already cannot come a second time.
        self.recent.decide(0, 0);
        for tip in tips {
            let its = rows.iter().filter(|row| Arc::ptr_eq(&row.live, tip.live));
            match self.transact(its, std::slice::from_ref(tip), &mut []) {
                Ok(()) => settle(std::slice::from_ref(tip)),
                Err(err) => tip.live.fail(&failure::write(err)),
            }
        }
        for mut task in tasks {
            let written = self.transact([].iter(), &[], std::slice::from_mut(&mut task));
            let failure = written.err().map(failure::write);
            self.tell(task, failure.as_ref());
        }
    }

    /// Returns the last event of each run.
    fn tips<'r>(&mut self, rows: &'r [Row]) -> Vec<Tip<'r>> {
        self.batch += 1;
        let is_last = |row: &&Row| row.live.enters(self.batch);
        let last = rows.iter().rev().filter(is_last);
        last.map(|row| Tip { live: &row.live, chain: Chain { events: row.seq, sum: row.sum } })
            .collect()
    }

    /// Does all of it, or nothing.
    fn transact<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r Row>,
        tips: &[Tip<'_>],
        tasks: &mut [Task],
    ) -> rusqlite::Result<()> {
        let has_note = tasks.iter().any(|task| matches!(task, Task::PutNote(..)));
        self.use_flush(if has_note { Flush::Full } else { self.shared.flush })?;
        self.statements.of(BEGIN)?.execute([])?;
        let done = self
            .advance(tips)
            .and_then(|()| rows.into_iter().try_for_each(|row| self.add(row)))
            .and_then(|()| tasks.iter_mut().try_for_each(|task| self.perform(task)))
            .and_then(|()| self.statements.of(COMMIT)?.execute([]));
        if let Err(err) = done {
            if !self.statements.connection().is_autocommit() {
                // There is nothing to roll back where SQLite did so by itself.
                drop(self.statements.of(ROLLBACK).and_then(|it| it.execute([])));
            }
            return Err(err);
        }
        Ok(())
    }

    /// Lets transactions wait for this from now on.
    fn use_flush(&mut self, flush: Flush) -> rusqlite::Result<()> {
        if self.flush != flush {
            // It takes effect when it is prepared, so it cannot be kept as a statement.
            let pragma = format!("PRAGMA synchronous = {}", flush.pragma());
            self.statements.connection().execute_batch(&pragma)?;
            self.flush = flush;
        }
        Ok(())
    }

    /// Moves the end of each run, and finds out who no longer may add to one.
    fn advance(&mut self, tips: &[Tip<'_>]) -> rusqlite::Result<()> {
        for Tip { live, chain } in tips {
            if live.has_failed() {
                continue;
            }
            let owner = self.owner.as_ref().map_or("", |owner| &owner.id);
            let (events, sum) = (chain.events.cast_signed(), chain.sum.cast_signed());
            let (slot, fence) = (live.lease.slot.cast_signed(), live.lease.fence.cast_signed());
            let advanced =
                self.statements.of(ADVANCE)?.execute(params![events, sum, slot, owner, fence])?;
            if advanced == 0 {
                live.fail(&fenced(&live.lease.run));
            }
        }
        Ok(())
    }

    fn add(&mut self, row: &Row) -> rusqlite::Result<()> {
        if row.live.has_failed() {
            return Ok(());
        }
        let slot = row.live.lease.slot.cast_signed();
        let (place, sum) = (place(slot, row.seq), row.sum.cast_signed());
        let sql = self.recent.statement(row);
        self.statements.of(sql)?.execute(params![place, row.time, row.kind, row.body, sum])?;
        for blob in &row.blobs {
            self.add_blob(slot, &blob.hash, &blob.bytes)?;
        }
        match &row.effect {
            Effect::None => {}
            effect => self.apply(slot, row, effect)?,
        }
        Ok(())
    }

    fn apply(&mut self, slot: i64, row: &Row, effect: &Effect) -> rusqlite::Result<()> {
        let statements = &mut self.statements;
        match effect {
            Effect::None => {}
            Effect::Asked { at, kind, name } => {
                let ask =
                    params![slot, at.scope, at.block, row.seq.cast_signed(), kind.as_str(), name];
                statements.of(ASK)?.execute(ask)?;
            }
            Effect::Answered(at) => {
                statements.of(CLOSE)?.execute(params![slot, at.scope, at.block])?;
                statements.of(DROP_ANSWERS)?.execute(params![slot, at.scope, at.block])?;
            }
            Effect::Closed(at) => {
                statements.of(CLOSE)?.execute(params![slot, at.scope, at.block])?;
            }
            Effect::CancelTaken => {
                statements.of(DROP_CANCELS)?.execute([slot])?;
            }
            Effect::Ended(phase) => {
                statements.of(END)?.execute(params![slot, row.time, phase.as_str()])?;
                statements.of(CLOSE_ALL)?.execute([slot])?;
                statements.of(DROP_LETTERS)?.execute([slot])?;
            }
        }
        Ok(())
    }

    /// Keeps bytes once, and that a run needs them.
    pub(super) fn add_blob(
        &mut self,
        slot: i64,
        hash: &[u8; 32],
        bytes: &[u8],
    ) -> rusqlite::Result<()> {
        self.statements.of(ADD_BLOB)?.execute(params![hash, bytes])?;
        self.statements.of(USE_BLOB)?.execute(params![slot, hash])?;
        Ok(())
    }

    /// Frees the runs of an owner that is gone.
    pub(super) fn bury(&mut self, owner: &str) -> rusqlite::Result<()> {
        self.statements.of(ABANDON)?.execute([owner])?;
        Ok(())
    }

    /// Hands over letters that others have left for runs that are worked on here.
    fn look_for_letters(&mut self) {
        let statements = &mut self.statements;
        let Ok(version) = letters::version(statements) else { return };
        if version == self.version {
            return;
        }
        // What cannot be read now is looked for again after the next change.
        let Ok(new) = letters::after(statements, self.last_letter) else { return };
        for (id, slot) in new {
            if let Some(live) = self.shared.leases.at(slot.cast_unsigned()) {
                letters::hand_over(statements, &live);
            }
            self.last_letter = id;
        }
        self.version = version;
    }

    /// Gives back what is leased here, so that others need not find out by the lock.
    fn free_all(&mut self) {
        if let Some(owner) = self.owner.take()
            && !self.shared.leases.is_empty()
        {
            // Where this fails, the lock is free in a moment.
            drop(self.bury(&owner.id));
        }
    }
}

fn settle(tips: &[Tip<'_>]) {
    for Tip { live, chain } in tips {
        if !live.has_failed() {
            live.settle(chain.events);
        }
    }
}

/// Returns the key of an event.
pub(super) fn place(slot: i64, seq: u64) -> i64 {
    (slot << 32) | (seq & u64::from(u32::MAX)).cast_signed()
}
