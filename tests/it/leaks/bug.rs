//! Bugs: a block type and a program that panic, and say the value of a secret.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use async_trait::async_trait;
use blueprint_engine::{Clock, Engine, Ids, Library, Origin, StartRun};
use blueprint_journal::MemoryJournal;
use blueprint_model::{
    Inputs, Limits, Registry, Value, block,
    block::{Block, BlockCx, BlockError, BlockSpec, Finish},
    egress::{Destination, Place},
    format,
};
use blueprint_project::{project::check_bytes, wiring};
use serde_json::json;
use tests::{canary::Canaries, oracle::Oracle, secrets};
use tokio::runtime::Builder;

static SPEC: BlockSpec = BlockSpec {
    kind: "bug",
    summary: "Panic",
    docs: "For tests.",
    fields: &[block::FieldSpec {
        name: "text",
        kind: block::FieldKind::Text,
        need: block::Need::Required,
        summary: "what to say",
        is_egress: true,
    }],
    outcomes: &[
        block::OutcomeSpec { name: "success", is_error: false, summary: "never" },
        block::OutcomeSpec { name: "error", is_error: true, summary: "always" },
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: block::Pace::Waiting,
    reach: block::Reach::Outside,
    result: "nothing",
    example: "{type: bug, text: x}",
};

struct Bug;

#[async_trait]
impl Block for Bug {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let to = Destination { scheme: "https".into(), host: "acme.example".into(), port: 443 };
        let text = inputs.text("text")?.unwrap_or_default();
        let (value, _) = cx.egress.send(&text, &to, &Place::Body, &str::to_owned)?;
        cx.log(block::Level::Error, format!("about to fail with {}", *value));
        panic!("{}", *value);
    }
}

#[test]
fn the_text_of_a_panic_is_in_no_event() {
    let mut canaries = Canaries::fresh();
    let canary = canaries.wild("KEY");
    let mut blocks = wiring::registry().blocks().to_vec();
    blocks.push(Arc::new(Bug));
    let languages = wiring::registry().languages().to_vec();
    let text = "name: buggy\nblocks:\n  bug: {type: bug, text: \"a @{vault.KEY} b\", next: {error: end}}\n  \
                end: {type: return_value, value: \"@{message}\"}\n";
    let checked = check_bytes("buggy", text.as_bytes(), &Registry::new(blocks, languages));
    let plan = checked.plan.expect("it has no error");
    let library = Arc::new(Library::link(vec![plan.clone()], &[]).library);
    let given = json!({"KEY": {"value": canary.value}});
    let secrets = secrets::load(&library.secrets(&plan), &given).expect("it is in the vault");
    let engine = Engine::new(
        Arc::new(MemoryJournal::keeping()),
        Clock::System,
        Ids::counted(),
        Limits::default(),
    );
    let start = StartRun {
        plan,
        library,
        inputs: json!({}),
        payload: Value::Null,
        secrets,
        env: Arc::default(),
        timeout: None,
        origin: Origin::default(),
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (end, events) = runtime.block_on(async {
        let mut handle = engine.start(start).await.expect("its inputs are right");
        let mut receiver = handle.events().expect("nobody has taken them");
        let follow = async {
            let mut events = String::new();
            while let Some(event) = receiver.recv().await {
                events.push_str(&format::to_json(&event).to_string());
            }
            events
        };
        tokio::join!(handle.finished(), follow)
    });
    let value = end.expect("memory takes everything").value.to_string();
    assert!(value.contains("has a bug"), "{value}");
    let oracle = Oracle::new(&[&canary], canaries.seed);
    oracle.check("the value", value.as_bytes());
    oracle.check("the events", events.as_bytes());
}

#[test]
fn a_panic_says_where_it_was_and_nothing_more() {
    let mut canaries = Canaries::fresh();
    let canary = canaries.wild("KEY");
    let mut child = Command::new(env!("CARGO_BIN_EXE_panics"))
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(canary.value.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(101), &b""[..]));
    Oracle::new(&[&canary], canaries.seed).check("stderr", &output.stderr);
    let told = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    for line in lines {
        assert!(line.starts_with("error: blueprint has a bug and panicked at "), "{told}");
        assert!(line.contains("panics.rs:") && line.ends_with("; please report it"), "{told}");
    }
}
