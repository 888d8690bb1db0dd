//! What a worker process does: lock itself down, then run scripts for whoever holds its pipes.

use std::{collections::BTreeMap, env, io, process, sync::Arc};

use blueprint_model::{
    block::Cancel,
    script::{Program, ScriptEnd, ScriptError},
    secret::Derivation,
};

use super::{
    Size,
    protocol::{self, Load, Request, Run},
    wire::{self, Unfit, Writer},
};
use crate::{
    keys::{Keys, Question, Reply},
    kinds::{Inside, Kind},
    lockdown, threads,
};

/// The scripts that a worker has, each with the position of its language.
type Loaded = BTreeMap<u64, (usize, Program)>;

/// Does the work of a worker process and ends it when its pipe ends. The binary that a
/// [`Pool`](super::Pool) starts calls this before it reads anything else, where its first argument
/// is [`WORKER_WORD`](super::WORKER_WORD).
pub fn worker_main(derivations: &'static [Derivation]) -> ! {
    process::exit(match work(derivations) {
        Ok(()) => 0,
        Err(_) => 1,
    })
}

fn work(derivations: &'static [Derivation]) -> io::Result<()> {
    let size = Size::from_arguments(env::args().skip(2)).ok_or(io::ErrorKind::InvalidInput)?;
    let kinds = Kind::all(derivations);
    kinds.iter().for_each(Kind::warm);
    // A thread that could not be started is missed when a script needs it, and says so.
    let prepare = || drop(threads::prepare(size.memory));
    let measures = lockdown::lock_down(&size.to_bounds(), prepare);
    let mut frame = Vec::new();
    send(protocol::write_ready(&mut frame, measures))?;
    let mut loaded = Loaded::new();
    loop {
        wire::receive(&mut io::stdin().lock(), &mut frame, u64::MAX)?;
        if frame.is_empty() {
            return Ok(());
        }
        let writer = match protocol::read_request(&frame).map_err(broken)? {
            Request::Load(load) => {
                let is_loaded = keep(&mut loaded, &kinds, &load);
                protocol::write_loaded(&mut frame, is_loaded)
            }
            Request::Run(run) => {
                let end = run_one(&loaded, &kinds, run).ok_or(io::ErrorKind::InvalidInput)?;
                protocol::write_end(&mut frame, &end).map_err(broken)?
            }
        };
        send(writer)?;
    }
}

fn broken(unfit: Unfit) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{unfit:?}"))
}

fn send(writer: Writer<'_>) -> io::Result<()> {
    writer.send(&mut io::stdout().lock())
}

fn keep(loaded: &mut Loaded, kinds: &[Kind], load: &Load<'_>) -> bool {
    if load.is_first {
        loaded.clear();
    }
    let Some(at) = kinds.iter().position(|kind| kind.language().name() == load.language) else {
        return false;
    };
    let compiled = kinds[at].language().compile(load.source, load.form);
    compiled.is_ok_and(|compiled| {
        loaded.insert(load.id, (at, compiled.program));
        true
    })
}

fn run_one(loaded: &Loaded, kinds: &[Kind], run: Run) -> Option<Result<ScriptEnd, ScriptError>> {
    let (kind, program) = loaded.get(&run.id)?;
    let Run { limits, has_secrets, variables, .. } = run;
    let keys = Arc::new(Keys::lent(has_secrets, ask));
    // Whoever cancels ends this process.
    let cancel = Cancel::default();
    let (variables, limits) = (&variables, &limits);
    Some(kinds[*kind].run(program, Inside { variables, keys: &keys, cancel: &cancel, limits }))
}

/// Asks whoever holds the pipes, in the middle of a script.
fn ask(question: &Question<'_>) -> Reply {
    let mut frame = Vec::new();
    let asked = protocol::write_ask(&mut frame, question).map_err(broken).and_then(send);
    let heard = asked.and_then(|()| wire::receive(&mut io::stdin().lock(), &mut frame, u64::MAX));
    let reply = heard.and_then(|()| protocol::read_reply(&frame).map_err(broken));
    // Nobody is there any more.
    reply.unwrap_or_else(|_| process::exit(1))
}
