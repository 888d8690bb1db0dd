//! Parked runs, and the host that goes on with them, in virtual time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use blueprint_engine::{
    Clock, Engine, Halt, Host, Ids, Library, News, Origin, Plan, Rebuild, Rebuilt, RunHandle,
    StartRun,
};
use blueprint_journal::MemoryJournal;
use blueprint_model::{
    EventKind, Journal, Limits, RunId, RunRecord, Secrets, Value,
    event::{CancelReason, RunStatus},
    journal::{Letter, Phase, Posted, RunFilter},
};
use jiff::Timestamp;
use tokio::{runtime::Builder, time::Instant};

const WAITS: &str = "\
name: waits
blocks:
  hold: {type: wait, duration: 1h, next: [end, tidy]}
  end: {type: code, code: '7', next: {success: done}}
  tidy: {type: log_message, join: always, message: tidied}
  done: {type: return_value, value: '@{result}'}
";

/// What a test works with.
struct Place {
    journal: Arc<MemoryJournal>,
    engine: Engine,
    plan: Arc<Plan>,
}

impl Place {
    fn new(text: &str) -> Self {
        let registry = blueprint_project::wiring::registry();
        let (blueprint, faults) = blueprint_syntax::parse("it.yaml", text);
        assert!(faults.is_empty(), "{faults:?}");
        let plan = Plan::build(&blueprint, &registry).plan.expect("it has no fault");
        let epoch: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let clock = Clock::Runtime { epoch, start: Instant::now() };
        let journal = Arc::new(MemoryJournal::keeping());
        let engine = Engine::new(journal.clone(), clock, Ids::counted(), Limits::default());
        Self { journal, engine: engine.parking(Duration::from_secs(1)), plan }
    }

    async fn start(&self) -> RunHandle {
        let start = StartRun {
            plan: self.plan.clone(),
            library: Arc::default(),
            inputs: Value::Null,
            payload: Value::Null,
            secrets: Secrets::none(),
            env: Arc::default(),
            timeout: None,
            origin: Origin::default(),
        };
        self.engine.start(start).await.unwrap()
    }

    async fn park(&self) -> (RunId, Option<Timestamp>) {
        let handle = self.start().await;
        let run = handle.id().clone();
        match handle.halted().await.unwrap() {
            Halt::Parked(wake) => (run, wake),
            Halt::Ended(end) => panic!("it was to wait: {end:?}"),
        }
    }

    fn rebuild(&self) -> Arc<Rebuild> {
        let plan = self.plan.clone();
        Arc::new(move |_: &RunRecord| {
            let library = Arc::<Library>::default();
            let (plan, env) = (plan.clone(), Arc::default());
            Ok(Rebuilt { plan, library, secrets: Secrets::none(), env })
        })
    }

    fn host(&self) -> Host {
        Host::new(self.engine.clone(), self.rebuild(), 100)
    }

    async fn phases(&self) -> Vec<Phase> {
        let runs = self.journal.list(&RunFilter::default()).await.unwrap();
        runs.into_iter().map(|run| run.phase).collect()
    }
}

fn in_virtual_time<T>(test: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// Sweeps until so many runs have ended.
async fn sweep(host: &mut Host, ends: usize) -> Vec<News> {
    let done = tokio::sync::Notify::new();
    let mut all = Vec::new();
    let mut ended = 0;
    let tell = |news: News| {
        ended += usize::from(matches!(news, News::Halted(_, Ok(Halt::Ended(_)))));
        all.push(news);
        if ended == ends {
            done.notify_one();
        }
    };
    tokio::select! {
        swept = host.sweep(tell) => swept.unwrap(),
        () = done.notified() => {}
    }
    all
}

#[test]
fn a_parked_run_wakes_at_its_time() {
    in_virtual_time(async {
        let place = Place::new(WAITS);
        let (run, wake) = place.park().await;
        assert_eq!(wake.unwrap().to_string(), "2026-11-24T13:00:00Z");
        assert_eq!(place.phases().await, [Phase::Waiting]);
        sweep(&mut place.host(), 1).await;
        let history = place.journal.read(&run).await.unwrap().unwrap();
        assert_eq!(history.summary.phase, Phase::Succeeded);
        let resumed =
            history.events.iter().find(|it| matches!(it.kind, EventKind::RunResumed { .. }));
        let late = resumed.unwrap().time.duration_since(wake.unwrap());
        assert!(!late.is_negative() && late.as_millis() <= 50, "{late}");
        let last = &history.events.last().unwrap().kind;
        assert!(matches!(last, EventKind::RunFinished { value, .. } if value.as_i64() == Some(7)));
    });
}

#[test]
fn a_cancel_wakes_a_parked_run_and_its_always_blocks_run() {
    in_virtual_time(async {
        let place = Place::new(WAITS);
        let (run, _) = place.park().await;
        assert_eq!(place.journal.post(&run, &Letter::Cancel).await.unwrap(), Posted::Kept);
        let news = sweep(&mut place.host(), 1).await;
        let Some(News::Halted(_, Ok(Halt::Ended(end)))) = news.last() else { panic!("{news:?}") };
        assert_eq!(
            (end.status, end.cancelled),
            (RunStatus::Cancelled, Some(CancelReason::Requested))
        );
        let events = place.journal.read(&run).await.unwrap().unwrap().events;
        assert!(
            events
                .iter()
                .any(|it| matches!(&it.kind, EventKind::Log { text, .. } if text == "tidied"))
        );
    });
}

#[test]
fn two_hosts_never_work_on_the_same_run() {
    in_virtual_time(async {
        let place = Place::new(WAITS);
        let mut runs = Vec::new();
        for _ in 0..50 {
            runs.push(place.park().await.0);
        }
        let (mut one, mut other) = (place.host(), place.host());
        let mut ended: BTreeMap<RunId, usize> = BTreeMap::new();
        tokio::time::sleep(Duration::from_secs(3_700)).await;
        let (mut news, mut more) = (Vec::new(), Vec::new());
        let (first, second) =
            tokio::join!(one.sweep_once(|it| news.push(it)), other.sweep_once(|it| more.push(it)));
        assert_eq!(first.unwrap() + second.unwrap(), 50);
        for it in news.into_iter().chain(more) {
            if let News::Halted(run, Ok(Halt::Ended(_))) = it {
                *ended.entry(run).or_default() += 1;
            }
        }
        assert!(runs.iter().all(|run| ended.get(run) == Some(&1)), "{ended:?}");
    });
}

#[test]
fn a_run_that_cannot_be_set_up_is_left_alone_for_a_while() {
    in_virtual_time(async {
        let place = Place::new(WAITS);
        place.park().await;
        place.park().await;
        tokio::time::sleep(Duration::from_secs(3_700)).await;
        let tries = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (count, rebuild) = (tries.clone(), place.rebuild());
        let fails_first = move |record: &RunRecord| match count
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        {
            0 => Err("the vault is locked".into()),
            _ => rebuild(record),
        };
        let mut host = Host::new(place.engine.clone(), Arc::new(fails_first), 100);
        let began = Instant::now();
        let news = sweep(&mut host, 2).await;
        assert!(
            news.iter().any(|it| matches!(it, News::Refused(_, why) if why.contains("locked")))
        );
        assert!(began.elapsed() >= Duration::from_secs(10), "it was tried again at once");
        assert_eq!(place.phases().await, [Phase::Succeeded, Phase::Succeeded]);
    });
}
