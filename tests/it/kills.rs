//! The real program, ended by SIGKILL at random moments, under load, with real HTTP: nothing is lost,
//! nothing that was acknowledged is, and only what was in flight is done again.
//!
//! `KILLS=5000 SEED=7 cargo test -p tests kills` tries harder, or the same again.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use blueprint_journal::{Flush, SqliteJournal};
use blueprint_model::{
    EventKind, Journal, RunId, Value, format,
    journal::{History, Phase, RunFilter},
};
use tempfile::TempDir;
use tests::{random::Random, server::Server};

/// Kills in a test run.
const KILLS: usize = 1_000;
/// How many processes are at work on the store at once.
const WORKERS: usize = 3;
/// No process lives longer before it is killed, in microseconds.
const MAX_LIFE_US: usize = 200_000;

const LOAD: &str = "\
name: load
state: {seen: []}
concurrency: 4
blocks:
  begin:
    type: http_request
    method: POST
    url: http://api.load.example/json?begin
    headers: {x-key: '@{run.key}'}
    retry: {attempts: 3, delay: 2ms}
    next: {success: each}
  each:
    type: for_each
    items: [0, 1, 2, 3, 4, 5]
    concurrency: 3
    do:
      ask:
        type: http_request
        method: POST
        url: 'http://api.load.example/json?ask=@{item}'
        headers: {x-key: '@{run.key}'}
        next: {success: keep}
      keep: {type: code, code: 'state.seen.push(item); item'}
    next: {success: pause}
  pause: {type: wait, duration: 5ms, next: {success: again}}
  again:
    type: repeat
    until: round >= 2
    max_iterations: 3
    delay: 1ms
    do:
      call: {type: run_blueprint, blueprint: inner, payload: {round: '@{round}'}}
    next: {success: once}
  once:
    type: http_request
    method: POST
    url: http://api.load.example/json?once
    headers: {x-key: '@{run.key}'}
    on_resume: fail
    next: {success: end, connection_error: end}
  end:
    type: http_request
    method: POST
    url: http://api.load.example/json?end
    headers: {x-key: '@{run.key}'}
    next: {success: answer}
  answer: {type: code, code: 'let seen = state.seen; seen.sort(); seen'}
";

const INNER: &str = "\
name: inner
blocks:
  ask:
    type: http_request
    method: POST
    url: http://api.load.example/json?inner
    headers: {x-key: '@{run.key}'}
    next: {success: done}
  done: {type: return_value, value: '@{payload.round}'}
";

/// A project, and what was seen of its runs.
struct Load {
    folder: TempDir,
    kills: AtomicUsize,
    wanted: usize,
    /// Events that the program has shown, as it showed them, by run and number.
    shown: Mutex<BTreeMap<(String, u64), Value>>,
}

fn variable(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a knob of the test suite")]
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

impl Load {
    fn new(server: &Server, wanted: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let mocks = format!("network: {{mocks: {{api.load.example: '{}'}}}}\n", server.address);
        write("project.yaml", &mocks);
        write("blueprints/load.yaml", LOAD);
        write("blueprints/inner.yaml", INNER);
        Self { folder, kills: AtomicUsize::new(0), wanted, shown: Mutex::default() }
    }

    fn store(&self) -> SqliteJournal {
        SqliteJournal::open(&self.folder.path().join(".blueprint/runs.db"), Flush::Full).unwrap()
    }

    fn spawn(&self, args: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_blueprint-under-test"))
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs the program until it ends, or for as long as `life` says. Takes down what it shows.
    fn run(&self, args: &[&str], life: Option<Duration>) {
        let mut child = self.spawn(args);
        let (sender, ended) = mpsc::channel();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut line = String::new();
                // A line without its end was not shown.
                while stdout.read_line(&mut line).is_ok_and(|len| len > 0) && line.ends_with('\n') {
                    self.take_down(&line);
                    line.clear();
                }
                let _ = sender.send(());
            });
            let story = scope.spawn(move || {
                let mut text = String::new();
                drop(std::io::Read::read_to_string(&mut stderr, &mut text));
                text
            });
            // A random moment is a time, whatever happens meanwhile.
            if life.is_some_and(|life| ended.recv_timeout(life).is_err()) {
                child.kill().unwrap();
                self.kills.fetch_add(1, Ordering::Relaxed);
            }
            let status = child.wait().unwrap();
            let story = story.join().unwrap();
            assert!(!story.contains("panicked"), "{story}");
            let is_fine = status.success() || status.code().is_none();
            assert!(is_fine, "{args:?}: {status}\n{story}");
        });
    }

    fn take_down(&self, line: &str) {
        if let Ok(event @ Value::Object(_)) = serde_json::from_str::<Value>(line)
            && let (Some(run), Some(seq)) = (event["run"].as_str(), event["seq"].as_u64())
        {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.insert((run.to_owned(), seq), event);
        }
    }

    /// Starts runs, and goes on with those that were ended, until there were enough kills.
    fn work(&self, worker: usize, seed: u64) {
        let mut random = Random::new(seed ^ worker as u64);
        for number in 0.. {
            if self.kills.load(Ordering::Relaxed) >= self.wanted {
                break;
            }
            let mut life = || Some(Duration::from_micros(random.below(MAX_LIFE_US) as u64));
            let key = format!("{worker}-{number}");
            self.run(&["run", "load", "--output", "ndjson", "--key", &key], life());
            if number % 2 == 0 {
                self.run(&["run", "load", "--output", "ndjson", "--key", &key], life());
            } else {
                self.run(&["runs", "resume", "--all"], life());
            }
        }
    }
}

#[test]
fn nothing_is_lost_when_the_process_is_killed() {
    let wanted = variable("KILLS").map_or(KILLS, |n| usize::try_from(n).unwrap());
    let seed = variable("SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start()).unwrap();
    let load = Arc::new(Load::new(&server, wanted));
    println!("{wanted} kills, SEED={seed}");
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let load = load.clone();
            scope.spawn(move || load.work(worker, seed));
        }
    });
    // Now nobody kills any more.
    load.run(&["runs", "resume", "--all"], None);
    let store = load.store();
    let runs = runtime.block_on(store.list(&RunFilter::default())).unwrap();
    assert!(!runs.is_empty(), "SEED={seed}");
    let mut judged = Judged::default();
    for run in &runs {
        assert_eq!(run.phase, Phase::Succeeded, "{} is lost, SEED={seed}", run.run);
        let history = runtime.block_on(store.read(&run.run)).unwrap().unwrap();
        judged.judge(&history);
    }
    judged.requests(&server);
    let shown = load.shown.lock().unwrap();
    for ((run, seq), event) in shown.iter() {
        let kept = judged.events.get(&(run.clone(), *seq));
        assert_eq!(kept, Some(event), "an acknowledged event is lost, SEED={seed}");
    }
    println!(
        "{} kills, {} runs, {} events shown, {} blocks done again, none lost",
        load.kills.load(Ordering::Relaxed),
        runs.len(),
        shown.len(),
        judged.again
    );
    assert!(judged.again > 0 || wanted < 50, "no block was ever in flight: the test sees nothing");
}

/// What the journals say.
#[derive(Default)]
struct Judged {
    events: BTreeMap<(String, u64), Value>,
    /// By key of the block: how often an attempt of it began.
    begun: BTreeMap<String, usize>,
    again: usize,
}

impl Judged {
    /// Holds a journal against the rules: no gap, no end twice, no attempt again but of what was in
    /// flight when a process ended.
    fn judge(&mut self, history: &History) {
        let run = &history.summary.run;
        let mut in_flight = BTreeSet::new();
        let mut interrupted = BTreeSet::new();
        let mut ended = BTreeSet::new();
        for (event, seq) in history.events.iter().zip(1..) {
            assert_eq!(event.seq, seq, "{run}: a gap");
            let block = event.kind.block().map(|(_, path)| path.to_string()).unwrap_or_default();
            match &event.kind {
                EventKind::BlockStarted { .. } => {
                    assert!(!ended.contains(&block), "{run}: {block} runs after its end");
                    assert!(in_flight.insert(block.clone()), "{run}: {block} runs twice at once");
                    self.again += usize::from(interrupted.remove(&block));
                    *self.begun.entry(format!("{run}/{block}")).or_default() += 1;
                }
                EventKind::AttemptFailed { .. } => {
                    in_flight.remove(&block);
                }
                EventKind::BlockFinished { .. } => {
                    assert!(ended.insert(block.clone()), "{run}: {block} ended twice");
                    in_flight.remove(&block);
                    interrupted.remove(&block);
                }
                EventKind::RunResumed { .. } => interrupted.append(&mut in_flight),
                EventKind::RunFinished { value, .. } => {
                    assert_eq!(value.to_string(), "[0,1,2,3,4,5]", "{run}: {value}");
                }
                _ => {}
            }
            self.events.insert((run.to_string(), event.seq), format::to_json(event));
        }
        assert!(in_flight.is_empty() && interrupted.is_empty(), "{run}: {in_flight:?}");
        assert_eq!(self.begun.get(&key(run, "once")).copied(), Some(1), "{run}: `on_resume: fail`");
    }

    /// Holds what the server got against the journals: nothing was sent that no journal knows.
    fn requests(&self, server: &Server) {
        let mut asked: BTreeMap<String, usize> = BTreeMap::new();
        for request in server.received() {
            let key = request.headers.iter().find_map(|header| header.strip_prefix("x-key: "));
            *asked.entry(key.expect("each request has its key").into()).or_default() += 1;
        }
        for (key, times) in &asked {
            let begun = self.begun.get(key).copied().unwrap_or(0);
            assert!(*times <= begun, "{key} was sent {times} times and began {begun} times");
        }
        for key in self.begun.keys().filter(|key| !key.ends_with("/once")) {
            assert!(asked.contains_key(key), "{key} was never sent");
        }
    }
}

fn key(run: &RunId, block: &str) -> String {
    format!("{run}/{block}")
}
