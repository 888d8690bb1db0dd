//! A worker process, from the side of the pool: one call at a time, and no trust in what it says.

use std::{
    collections::BTreeSet,
    io::{self, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::Arc,
    time::{Duration, Instant},
};

use blueprint_model::{
    block::Cancel,
    script::{ScriptEnd, ScriptError, ScriptScope, ScriptStop},
};
use zeroize::Zeroize;

use super::{
    Size,
    janitor::{Janitor, Seat},
    pooled::Parcel,
    protocol::{self, Answer, Load},
    wire::{self, Unfit},
};
use crate::{
    guard::{self, Stop},
    keys::{self, Question, Reply},
    lockdown::{self, Measure},
};

/// How long a worker may take to be ready.
const START_TIME: Duration = Duration::from_secs(10);
/// How long it may take to compile what was compiled here before.
const LOAD_TIME: Duration = Duration::from_secs(10);
/// How long after its deadline a script may still be answered for.
const GRACE: Duration = Duration::from_millis(100);
/// Most calls of a worker.
const MOST_CALLS: u32 = 10_000;
/// Most time that a worker works in all; its own bound on processor time is twice that.
pub(super) const MOST_WORK: Duration = Duration::from_secs(60);
/// Most source that a worker keeps, in bytes.
const MOST_SOURCE: usize = 4 << 20;
/// What a question costs beside its texts.
const QUESTION_COST: u64 = 128;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// It met a bound, or somebody cancelled it.
    Stopped(Stop),
    /// The worker ended.
    Dead,
    /// The worker said something that makes no sense.
    Nonsense,
}

impl From<io::Error> for Broken {
    fn from(err: io::Error) -> Self {
        if err.kind() == io::ErrorKind::InvalidData { Self::Nonsense } else { Self::Dead }
    }
}

/// What a script ended with.
type End = Result<ScriptEnd, ScriptError>;

/// A worker.
pub(super) struct Process {
    pub(super) seat: Arc<Seat>,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    frame: Vec<u8>,
    size: Size,
    loaded: BTreeSet<u64>,
    loaded_source: usize,
    calls: u32,
    work: Duration,
    /// Which measures hold there; `None` before it is ready.
    measures: Option<u64>,
    /// Whether it must not be given another script.
    is_spent: bool,
}

impl Process {
    /// Takes over a process that was just started.
    pub(super) fn new(
        seat: Arc<Seat>,
        to: ChildStdin,
        from: BufReader<ChildStdout>,
        size: Size,
    ) -> Self {
        Self {
            seat,
            to,
            from,
            frame: Vec::new(),
            size,
            loaded: BTreeSet::new(),
            loaded_source: 0,
            calls: 0,
            work: Duration::ZERO,
            measures: None,
            is_spent: false,
        }
    }

    /// Returns whether it can take a script that needs this much.
    pub(super) fn suits(&self, size: Size) -> bool {
        !self.is_spent && self.size.holds(size) && self.seat.is_alive()
    }

    /// Returns whether it is worth keeping.
    pub(super) fn is_fresh(&self) -> bool {
        !self.is_spent && self.calls < MOST_CALLS && self.work < MOST_WORK
    }

    /// Returns which measures hold in it.
    pub(super) fn measures(
        &mut self,
        janitor: &Janitor,
        cancel: &Cancel,
    ) -> Result<Vec<Measure>, Broken> {
        self.get_ready(janitor, cancel)?;
        self.measures.and_then(lockdown::measures).ok_or(Broken::Nonsense)
    }

    /// Runs a script. Whatever goes wrong, it is the last one of this worker.
    pub(super) fn run(
        &mut self,
        janitor: &Janitor,
        parcel: &Parcel,
        scope: &ScriptScope<'_>,
    ) -> Result<End, Broken> {
        let started = guard::now();
        let mut end = self.run_watched(janitor, parcel, scope);
        if let Some(stop) = self.seat.rest() {
            end = Err(Broken::Stopped(stop));
        }
        self.note(started, &end);
        end
    }

    fn note(&mut self, started: Instant, end: &Result<End, Broken>) {
        self.calls += 1;
        self.work += guard::now().duration_since(started);
        let is_clean = match end {
            Ok(Ok(_)) => true,
            // What met a bound may have left a thread or much memory behind.
            Ok(Err(err)) => err.reason == ScriptStop::Failed,
            Err(_) => false,
        };
        self.is_spent |= !is_clean;
    }

    fn run_watched(
        &mut self,
        janitor: &Janitor,
        parcel: &Parcel,
        scope: &ScriptScope<'_>,
    ) -> Result<End, Broken> {
        self.get_ready(janitor, scope.cancel)?;
        self.load(janitor, parcel, scope.cancel)?;
        let (limits, secrets) = (scope.limits, scope.egress.secrets());
        let mut writer =
            protocol::begin_run(&mut self.frame, parcel.id, limits, !secrets.is_empty());
        protocol::write_variables(&mut writer, &parcel.wants, scope.variables).map_err(refused)?;
        janitor.watch(&self.seat, limits.time.saturating_add(GRACE), scope.cancel);
        writer.send(&mut self.to)?;
        self.converse(scope)
    }

    fn get_ready(&mut self, janitor: &Janitor, cancel: &Cancel) -> Result<(), Broken> {
        if self.measures.is_some() {
            return Ok(());
        }
        janitor.watch(&self.seat, START_TIME, cancel);
        let answer = self.hear(64)?;
        let Answer::Ready(measures) = answer else { return Err(Broken::Nonsense) };
        self.measures = Some(measures);
        Ok(())
    }

    fn load(&mut self, janitor: &Janitor, parcel: &Parcel, cancel: &Cancel) -> Result<(), Broken> {
        if self.loaded.contains(&parcel.id) {
            return Ok(());
        }
        let is_first = self.loaded_source + parcel.source.len() > MOST_SOURCE;
        if is_first {
            self.loaded.clear();
            self.loaded_source = 0;
        }
        let (language, form) = (parcel.language, parcel.form);
        let load = Load { id: parcel.id, is_first, language, form, source: &parcel.source };
        janitor.watch(&self.seat, LOAD_TIME, cancel);
        protocol::write_load(&mut self.frame, &load).map_err(refused)?.send(&mut self.to)?;
        let Answer::Loaded = self.hear(64)? else { return Err(Broken::Nonsense) };
        self.loaded.insert(parcel.id);
        self.loaded_source += parcel.source.len();
        Ok(())
    }

    /// Answers what the script asks, until it ends.
    fn converse(&mut self, scope: &ScriptScope<'_>) -> Result<End, Broken> {
        let most = protocol::most_out(scope.limits);
        let mut asked = 0;
        loop {
            self.receive(most)?;
            let cost = QUESTION_COST + self.frame.len() as u64;
            let question = match protocol::read_answer(&self.frame, most).map_err(misread)? {
                Answer::Ask(question) => question,
                Answer::End(end) => return Ok(Ok(end)),
                Answer::Failed(err) => return Ok(Err(err)),
                Answer::Ready(_) | Answer::Loaded | Answer::Unloadable => {
                    return Err(Broken::Nonsense);
                }
            };
            // The run keeps what handles stand for, and the audit what was revealed.
            if let Question::Derive { .. } | Question::Name(_) = question {
                asked += cost;
            }
            let reply = if asked > scope.limits.memory {
                Reply::TooMuch
            } else {
                keys::answer(scope.egress, question)
            };
            self.tell(&reply)?;
        }
    }

    fn tell(&mut self, reply: &Reply) -> Result<(), Broken> {
        let writer = protocol::write_reply(&mut self.frame, reply).map_err(refused)?;
        writer.send(&mut self.to)?;
        if let Reply::Value(_) = reply {
            self.frame.zeroize();
            // A worker that knows a value knows it for ever.
            self.is_spent = true;
        }
        Ok(())
    }

    fn receive(&mut self, most: u64) -> Result<(), Broken> {
        wire::receive(&mut self.from, &mut self.frame, most)?;
        if self.frame.is_empty() { Err(Broken::Dead) } else { Ok(()) }
    }

    fn hear(&mut self, most: u64) -> Result<Answer<'_>, Broken> {
        self.receive(most)?;
        protocol::read_answer(&self.frame, most).map_err(misread)
    }
}

/// What we would say does not fit.
fn refused(unfit: Unfit) -> Broken {
    match unfit {
        Unfit::TooBig => Broken::Stopped(Stop::Memory),
        Unfit::TooDeep => Broken::Stopped(Stop::Depth),
        Unfit::Nonsense => Broken::Nonsense,
    }
}

/// What we are told does not fit.
fn misread(unfit: Unfit) -> Broken {
    match unfit {
        Unfit::TooBig => Broken::Stopped(Stop::Memory),
        Unfit::TooDeep | Unfit::Nonsense => Broken::Nonsense,
    }
}
