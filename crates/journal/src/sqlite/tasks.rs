//! What is done for somebody who waits: runs are taken in, leased, given back, told and forgotten.

use std::collections::BTreeSet;

use blueprint_model::{
    JournalError, RunId, RunRecord,
    event::At,
    format::stored,
    journal::{Claimed, Lease, Letter, Mailbox, Opened, Posted, Rest},
};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::sqlite::{
    failure::{self, Fault},
    letters,
    live::{Chain, Live, fenced},
    notes,
    owners::Alive,
    queue::{NewRun, Task},
    sum,
    writer::{ADD, Writer, place},
};

const BY_KEY: &str = "SELECT id, body FROM runs JOIN records USING (slot)
     WHERE blueprint = ?1 AND key = ?2";
const BY_ID: &str =
    "SELECT slot, owner, ended IS NOT NULL, fence, events, sum FROM runs WHERE id = ?1";
const NEW_RUN: &str = "INSERT INTO runs
     (id, blueprint, \"trigger\", key, phase, started, owner, fence, events, sum)
     VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6, 1, 1, ?7)";
const NEW_RECORD: &str = "INSERT INTO records (slot, body) VALUES (?1, ?2)";
const CLAIM: &str =
    "UPDATE runs SET phase = 'running', owner = ?2, fence = ?3, wake = NULL WHERE slot = ?1";
const RELEASE: &str = "UPDATE runs SET owner = NULL,
     phase = iif(ended IS NULL, ?4, phase), wake = iif(ended IS NULL, ?5, NULL)
     WHERE slot = ?1 AND fence = ?2 AND (owner = ?3 OR ended IS NOT NULL)";
const QUESTIONS: &str = "SELECT scope, block FROM questions WHERE slot = ?1";
/// The blobs that no other run needs.
const DROP_BLOBS: &str = "DELETE FROM blobs WHERE hash IN
     (SELECT hash FROM blob_uses AS mine WHERE slot = ?1 AND NOT EXISTS
     (SELECT 1 FROM blob_uses AS other WHERE other.hash = mine.hash AND other.slot <> ?1))";
const DROP_EVENTS: &str = "DELETE FROM events WHERE place BETWEEN ?1 AND ?2";
const DROP_RECENT: &str = "DELETE FROM recent WHERE place BETWEEN ?1 AND ?2";
/// All else that belongs to a run; the run itself is the last to go.
const DROP_REST: [&str; 5] = [
    "DELETE FROM blob_uses WHERE slot = ?1",
    "DELETE FROM questions WHERE slot = ?1",
    "DELETE FROM letters WHERE slot = ?1",
    "DELETE FROM records WHERE slot = ?1",
    "DELETE FROM runs WHERE slot = ?1",
];

/// A run as it stands in the table.
struct Found {
    slot: i64,
    owner: Option<String>,
    has_ended: bool,
    fence: i64,
    chain: Chain,
}

impl Writer<'_> {
    /// Does a task, and keeps what to tell about it.
    pub(super) fn perform(&mut self, task: &mut Task) -> rusqlite::Result<()> {
        match task {
            Task::Open(new, asked) => asked.keep(self.open(new)),
            Task::Claim(run, mailbox, asked) => asked.keep(self.claim(run, mailbox)),
            Task::Release(live, rest, asked) => asked.keep(self.release(&live.lease, *rest)),
            Task::Post(run, letter, asked) => asked.keep(self.post(run, letter)),
            Task::Remove(runs, asked) => asked.keep(self.remove(runs)),
            Task::PutNote(name, value, asked) => {
                let put = notes::put(&mut self.statements, name, value.as_deref());
                asked.keep(put.map_err(Fault::Sql))
            }
            Task::Bury(owners, asked) => {
                let buried = owners.iter().try_for_each(|owner| self.bury(owner));
                asked.keep(buried.map_err(Fault::Sql))
            }
        }
    }

    /// Tells what came of a task, which is durable or has failed.
    pub(super) fn tell(&mut self, task: Task, failure: Option<&JournalError>) {
        match task {
            Task::Open(new, asked) => {
                if failure.is_some()
                    && let Some(Ok(Opened::New(lease))) = &asked.outcome
                {
                    self.shared.leases.remove(lease);
                }
                drop(new);
                asked.tell(failure);
            }
            Task::Claim(_, _, asked) => {
                if let Some(Ok(Claimed::Yes(lease))) = &asked.outcome {
                    match failure {
                        Some(_) => self.shared.leases.remove(lease),
                        None => self.hand_over(lease.slot),
                    }
                }
                asked.tell(failure);
            }
            Task::Release(live, _, asked) => {
                self.shared.leases.remove(&live.lease);
                asked.tell(failure);
            }
            Task::Post(run, _, asked) => {
                if failure.is_none()
                    && let Ok(Some(found)) = self.find(&run)
                {
                    self.hand_over(found.slot.cast_unsigned());
                }
                asked.tell(failure);
            }
            Task::Remove(_, asked) => asked.tell(failure),
            Task::PutNote(_, _, asked) | Task::Bury(_, asked) => asked.tell(failure),
        }
    }

    fn hand_over(&mut self, slot: u64) {
        if let Some(live) = self.shared.leases.at(slot) {
            letters::hand_over(&mut self.statements, &live);
        }
    }

    fn open(&mut self, new: &NewRun) -> Result<Opened, Fault> {
        if let Some(known) = self.known(&new.record)? {
            return Ok(known);
        }
        if self.find(&new.run)?.is_some() {
            let taken = format!("run {} is there already", new.run);
            return Err(Fault::Told(JournalError::Write(taken)));
        }
        let owner = self.owner().map_err(Fault::Told)?.to_owned();
        let (time, kind, body) = &new.first;
        let sum = sum::next(sum::first(new.run.as_str(), &new.body), 1, *time, kind, body);
        let record = &new.record;
        let key = record.key.as_ref().map(|key| &key.key);
        let slot = self.statements.of(NEW_RUN)?.insert(params![
            new.run.as_str(),
            record.blueprint,
            record.trigger,
            key,
            record.started.as_microsecond(),
            owner,
            sum.cast_signed(),
        ])?;
        self.statements.of(NEW_RECORD)?.execute(params![slot, new.body])?;
        let first = params![place(slot, 1), time, kind, body, sum.cast_signed()];
        self.statements.of(ADD)?.execute(first)?;
        for blob in &new.blobs {
            self.add_blob(slot, &blob.hash, &blob.bytes)?;
        }
        let lease = Lease { run: new.run.clone(), slot: slot.cast_unsigned(), fence: 1 };
        let chain = Chain { events: 1, sum };
        let live = Live::new(lease.clone(), new.mailbox.clone(), chain, BTreeSet::new());
        self.shared.leases.insert(live);
        Ok(Opened::New(lease))
    }

    /// Returns what to say of an earlier run with the same key.
    fn known(&mut self, record: &RunRecord) -> Result<Option<Opened>, Fault> {
        let Some(mine) = &record.key else { return Ok(None) };
        let earlier =
            self.statements.of(BY_KEY)?.query_row(params![record.blueprint, mine.key], |row| {
                Ok((RunId::new(row.get_ref(0)?.as_str()?), row.get::<_, Vec<u8>>(1)?))
            });
        let Some((run, body)) = earlier.optional()? else { return Ok(None) };
        // Its texts are not needed to compare what it was asked to do.
        let earlier = stored::decode_record(&body, &mut |_| Ok(Vec::new())).map_err(|err| {
            Fault::Told(failure::damaged(format!("the record of run {run}: {err}")))
        })?;
        let is_same = earlier.key.is_some_and(|key| key.payload == mine.payload);
        Ok(Some(if is_same { Opened::Known(run) } else { Opened::Conflict(run) }))
    }

    fn claim(&mut self, run: &RunId, mailbox: &Mailbox) -> Result<Claimed, Fault> {
        let Some(found) = self.find(run)? else { return Ok(Claimed::Unknown) };
        if found.has_ended {
            return Ok(Claimed::Ended);
        }
        if self.is_worked_on(&found) {
            return Ok(Claimed::Busy);
        }
        let owner = self.owner().map_err(Fault::Told)?.to_owned();
        let fence = found.fence + 1;
        self.statements.of(CLAIM)?.execute(params![found.slot, owner, fence])?;
        let questions = self
            .statements
            .of(QUESTIONS)?
            .query_map([found.slot], |row| Ok(At { scope: row.get(0)?, block: row.get(1)? }))?
            .collect::<rusqlite::Result<BTreeSet<At>>>()?;
        let (slot, fence) = (found.slot.cast_unsigned(), fence.cast_unsigned());
        let lease = Lease { run: run.clone(), slot, fence };
        // Before the commit: a letter of the next moment must find it.
        self.shared.leases.insert(Live::new(
            lease.clone(),
            mailbox.clone(),
            found.chain,
            questions,
        ));
        Ok(Claimed::Yes(lease))
    }

    fn release(&mut self, lease: &Lease, rest: Rest) -> Result<(), Fault> {
        let (phase, wake) = match rest {
            Rest::Parked(wake) => ("waiting", wake),
            Rest::Ended | Rest::Abandoned => ("interrupted", None),
        };
        let owner = self.owner_so_far().to_owned();
        let (slot, fence) = (lease.slot.cast_signed(), lease.fence.cast_signed());
        let wake = wake.map(Timestamp::as_microsecond);
        let released =
            self.statements.of(RELEASE)?.execute(params![slot, fence, owner, phase, wake])?;
        if released == 0 { Err(Fault::Told(fenced(&lease.run))) } else { Ok(()) }
    }

    fn post(&mut self, run: &RunId, letter: &Letter) -> Result<Posted, Fault> {
        let Some(found) = self.find(run)? else { return Ok(Posted::Unknown) };
        if found.has_ended {
            return Ok(Posted::Ended);
        }
        letters::add(&mut self.statements, found.slot, letter)?;
        Ok(if self.is_worked_on(&found) { Posted::Delivered } else { Posted::Kept })
    }

    fn remove(&mut self, runs: &[RunId]) -> Result<u64, Fault> {
        let mut removed = 0;
        for run in runs {
            if let Some(found) = self.find(run)?
                && found.has_ended
            {
                self.forget(found.slot)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn forget(&mut self, slot: i64) -> rusqlite::Result<()> {
        self.statements.of(DROP_BLOBS)?.execute([slot])?;
        let (first, last) = (place(slot, 0), place(slot, u32::MAX.into()));
        for sql in [DROP_EVENTS, DROP_RECENT] {
            self.statements.of(sql)?.execute([first, last])?;
        }
        for sql in DROP_REST {
            self.statements.of(sql)?.execute([slot])?;
        }
        Ok(())
    }

    fn is_worked_on(&self, found: &Found) -> bool {
        let Some(owner) = &found.owner else { return false };
        owner == self.owner_so_far() || Alive::new(&self.shared.owners).is_alive(owner)
    }

    fn find(&mut self, run: &RunId) -> rusqlite::Result<Option<Found>> {
        let found = self.statements.of(BY_ID)?.query_row([run.as_str()], |row| {
            Ok(Found {
                slot: row.get(0)?,
                owner: row.get(1)?,
                has_ended: row.get(2)?,
                fence: row.get(3)?,
                chain: Chain {
                    events: row.get::<_, i64>(4)?.cast_unsigned(),
                    sum: row.get::<_, i64>(5)?.cast_unsigned(),
                },
            })
        });
        found.optional()
    }
}
