//! What secrets cost a run of requests: the second net and the audit, as shares of its time.
//!
//! Every request carries a secret to a server of this machine, which answers at once: nowhere is the
//! share of either larger. All of the run is on one thread, the server on another.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use benches::{
    harness::{Effort, Table},
    server::serve,
};
use blueprint::bench::{
    harness::{Spread, time},
    table::ns,
};
use blueprint_engine::{Clock, Engine, Ids, Library, Origin, Plan, StartRun};
use blueprint_journal::MemoryJournal;
use blueprint_model::{
    Limits, Secret, SecretName, Secrets, Value,
    audit::{Audit, no_audit},
    event::RunStatus,
    provider::Entry,
    secret::{Policy, Tools},
};
use blueprint_vault::{AuditFile, derivations, net};
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many secrets are loaded.
const SECRETS: usize = 100;

/// Nanoseconds that were spent, without those that looking at the clock takes: an answer has hundreds
/// of texts, and the net is done with most of them in less.
struct Spent {
    total: AtomicU64,
    looks: AtomicU64,
    a_look: f64,
}

impl Spent {
    fn new() -> Self {
        const LOOKS: u32 = 500;
        let spent = Self { total: AtomicU64::new(0), looks: AtomicU64::new(0), a_look: 0.0 };
        // The least of many: what is counted for the clock was not spent by the net.
        let many = (0..50).map(|_| {
            (0..LOOKS).for_each(|_| spent.on(|| ()));
            spent.take() / f64::from(LOOKS)
        });
        let a_look = many.fold(f64::INFINITY, f64::min);
        Self { a_look, ..spent }
    }

    fn on<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut result = None;
        let took = time(|| result = Some(work()));
        self.total.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        self.looks.fetch_add(1, Ordering::Relaxed);
        result.expect("the work was done")
    }

    fn take(&self) -> f64 {
        let looks = self.looks.swap(0, Ordering::Relaxed) as f64;
        (self.total.swap(0, Ordering::Relaxed) as f64 - looks * self.a_look).max(0.0)
    }
}

fn main() {
    let effort = Effort::of_process();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut table = Table::new(&[
        "answer",
        "requests",
        "a request",
        "the net",
        "share",
        "the audit",
        "share",
        "×",
    ]);
    for answer_bytes in [200, 2_000, 20_000] {
        let address = serve(answer_bytes);
        let requests = effort.size(2_000, SECRETS);
        table.row(&row(effort, &runtime, folder.path(), (answer_bytes, requests, address)));
    }
    table.print();
}

fn row(
    effort: Effort,
    runtime: &Runtime,
    folder: &Path,
    (answer_bytes, requests, address): (usize, usize, SocketAddr),
) -> Vec<String> {
    let plan = plan(requests, address);
    let journal = Arc::new(MemoryJournal::forgetful());
    let engine = Engine::new(journal, Clock::System, Ids::Random, Limits::default());
    let (net_time, audit_time) = (Arc::new(Spent::new()), Arc::new(Spent::new()));
    let file = Arc::new(AuditFile::new(folder.join("audit.jsonl"), None, now));
    let (sink, spent) = (file.sink(), audit_time.clone());
    let audit: Audit = Arc::new(move |audited| spent.on(|| sink(audited)));
    let run_all = |audit: &Audit| {
        let secrets = secrets(audit, &net_time);
        let took = time(|| run(runtime, &engine, &plan, secrets)).as_nanos() as f64;
        (took, net_time.take(), audit_time.take())
    };
    let (mut times, mut nets, mut audits, mut ratios) = (vec![], vec![], vec![], vec![]);
    for _ in 0..effort.rounds() {
        let (without, ..) = run_all(&no_audit());
        let (took, net, audit) = run_all(&audit);
        times.push(took / requests as f64);
        nets.push(net / took);
        audits.push(audit / took);
        ratios.push(took / without);
    }
    let [times, nets, audits, ratios] = [times, nets, audits, ratios].map(Spread::of);
    let percent = |share: Spread| format!("{:.1} %", share.median * 100.0);
    vec![
        format!("{answer_bytes} bytes"),
        requests.to_string(),
        ns(times.median),
        ns(times.median * nets.median),
        percent(nets),
        ns(times.median * audits.median),
        percent(audits),
        format!("{:.2} ({:.2}–{:.2})", ratios.median, ratios.p10, ratios.p90),
    ]
}

#[expect(clippy::disallowed_methods, reason = "the audit of a real run has the real time")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn plan(requests: usize, address: SocketAddr) -> Arc<Plan> {
    let mut text = String::from("name: bench\nblocks:\n");
    for at in 0..requests {
        let next = if at + 1 < requests { format!(", next: b{}", at + 1) } else { String::new() };
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  b{at}: {{type: http_request, url: \"http://{address}/v1/items/{at}\", headers: \
             {{Authorization: \"Bearer @{{vault.KEY_{}}}\"}}{next}}}",
            at % SECRETS
        );
    }
    let checked = blueprint_project::project::check_bytes(
        "bench.yaml",
        text.as_bytes(),
        &blueprint_project::wiring::registry(),
    );
    checked.plan.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

/// Returns as many secrets as a big project has, with the net that takes note of its time.
fn secrets(audit: &Audit, spent: &Arc<Spent>) -> Secrets {
    let entries: Vec<Entry> = (0..SECRETS)
        .map(|at| Entry {
            name: SecretName::parse(&format!("KEY_{at}")).expect("a name"),
            version: 1,
            is_weak: false,
            value: Secret::new(format!(
                "sk-live-{:032x}",
                (at as u128 + 1) * 0x9e37_79b9_7f4a_7c15
            )),
            policy: Policy::default(),
        })
        .collect();
    let (search, spent) = (net::over(&entries), spent.clone());
    // A run pays for the making of the net too, once.
    let net = Arc::new(move |text: &str| spent.on(|| search(text)));
    let tools = Tools {
        seed: [7; 32],
        derivations: derivations(),
        keyed_hash,
        net,
        search: net::over_values,
        audit: audit.clone(),
    };
    Secrets::new(entries, tools)
}

/// No hash to trust, and as different for different texts as tokens have to be.
fn keyed_hash(key: &[u8; 32], text: &str) -> [u8; 32] {
    let mut hash = *key;
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for (at, byte) in text.bytes().chain([0; 32]).enumerate() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        hash[at % 32] ^= (state >> 32) as u8;
    }
    hash
}

fn run(runtime: &Runtime, engine: &Engine, plan: &Arc<Plan>, secrets: Secrets) {
    let start = StartRun {
        plan: plan.clone(),
        library: Arc::new(Library::default()),
        inputs: Value::Null,
        payload: Value::Null,
        secrets,
        env: Arc::default(),
        timeout: None,
        origin: Origin::default(),
    };
    let end = runtime.block_on(async {
        let mut handle = engine.start(start).await.expect("there are no inputs to be wrong");
        drop(handle.events());
        handle.finished().await.expect("a journal in memory takes all")
    });
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.error);
}
