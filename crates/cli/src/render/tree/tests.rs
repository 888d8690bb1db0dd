//! Trees of small runs, told as events.

use std::{sync::Arc, time::Duration};

use blueprint_model::{
    BlockPath, Event, EventKind, RunId, Wish,
    block::ForEach,
    event::{At, CancelReason, Counts, RunError, RunStatus},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    render::{
        live::Live,
        plain,
        tree::{
            Tree,
            outline::{Known, Outline},
        },
    },
    terminal::{Paint, Terminal},
};

/// A run told step by step; places count up in the order in which blocks are named.
pub(in crate::render) struct Story {
    pub(in crate::render) tree: Tree,
    pub(in crate::render) events: Vec<Event>,
    now: Timestamp,
}

impl Story {
    pub(in crate::render) fn new(blocks: &[(&str, &str, &[&str])]) -> Self {
        let mut outline = Outline::default();
        for (path, kind, handles) in blocks {
            let handles = handles.iter().map(|outcome| (*outcome).into()).collect();
            outline.add(path, Known { kind: (*kind).into(), handles, attempts: 3 });
        }
        let now = "2026-11-24T07:00:00Z".parse().unwrap();
        let tree = Tree::new("blueprints/orders.yaml", outline, Paint::Plain);
        let mut story = Self { tree, events: Vec::new(), now };
        let (inputs, payload) = (Arc::default(), Arc::default());
        story.tell(0, EventKind::RunStarted { blueprint: "orders".into(), inputs, payload });
        story
    }

    pub(in crate::render) fn tell(&mut self, after_ms: u64, kind: EventKind) {
        self.now += Duration::from_millis(after_ms);
        let seq = self.events.len() as u64 + 1;
        let event = Event { run: RunId::new("0198-7f3k9a"), seq, time: self.now, kind };
        self.tree.apply(&event);
        self.events.push(event);
    }

    pub(in crate::render) fn start(&mut self, at: (u32, u32), path: &str) {
        let (at, block) = place(at, path);
        self.tell(0, EventKind::BlockStarted { at, block, attempt: 1 });
    }

    pub(in crate::render) fn end(&mut self, at: (u32, u32), path: &str, result: Value) {
        self.finish(at, path, "success", None, result);
    }

    pub(in crate::render) fn fail(&mut self, at: (u32, u32), path: &str, message: &str) {
        self.finish(at, path, "error", Some(message.into()), Value::Null);
    }

    fn finish(
        &mut self,
        at: (u32, u32),
        path: &str,
        outcome: &str,
        message: Option<String>,
        result: Value,
    ) {
        let (at, block) = place(at, path);
        let kind = EventKind::BlockFinished {
            at,
            block,
            attempt: 1,
            outcome: outcome.into(),
            result: Arc::new(result),
            message,
            is_return: false,
            duration_us: 412_000,
        };
        self.tell(412, kind);
    }

    pub(in crate::render) fn each(&mut self, at: (u32, u32), path: &str, items: usize) {
        let (at, block) = place(at, path);
        let items = (0..items).map(|n| (Value::from(n), Arc::new(Value::Null))).collect();
        let wish = Wish::Items(ForEach {
            items: Arc::new(items),
            name: None,
            concurrency: 8,
            stops_on_error: false,
        });
        self.tell(0, EventKind::BlockWaiting { at, block, wish });
    }

    #[track_caller]
    fn check(&self, height: usize, expected: &str) {
        let lines = self.tree.lines(100, height, self.now).join("\n");
        assert_eq!(lines, expected.trim_end(), "\n{lines}");
    }
}

/// Splits a path into scope and id after the last `.` or `/`.
fn place((scope, block): (u32, u32), path: &str) -> (At, BlockPath) {
    let at = path.rfind(['.', '/']).map_or(0, |at| at + 1);
    (At { scope, block }, BlockPath { scope: path[..at].into(), id: path[at..].into() })
}

fn overdue_orders() -> Story {
    let mut story = Story::new(&[
        ("fetch", "http_request", &["success"]),
        ("parse", "parse_json", &["success"]),
        ("each_order", "for_each", &[]),
        ("each_order.price", "code", &["success"]),
        ("each_order.post", "http_request", &[]),
        ("alert", "log_message", &[]),
    ]);
    story.start((0, 0), "fetch");
    story.end((0, 0), "fetch", json!({"status_code": 200, "body": "x".repeat(18_200)}));
    let (at, block) = place((0, 3), "alert");
    story.tell(0, EventKind::BlockSkipped { at, block, edge: "route.else".into() });
    story.start((0, 1), "parse");
    story.end((0, 1), "parse", json!(1));
    story.start((0, 2), "each_order");
    story.each((0, 2), "each_order", 37);
    story.start((1, 0), "each_order[11].price");
    story.start((2, 0), "each_order[12].price");
    story.end((1, 0), "each_order[11].price", json!(1));
    story.start((1, 1), "each_order[11].post");
    story.fail((2, 0), "each_order[12].price", "division by zero, orders.yaml:74:30");
    story
}

#[test]
fn loops_show_progress_and_failed_items_only() {
    let mut story = overdue_orders();
    story.check(
        20,
        "
orders  run 7f3k9a  blueprints/orders.yaml
  ✓ fetch           http_request  success  412 ms   200, 18.2 KB
  ✓ parse           parse_json    success  412 ms
  ⠦ each_order      for_each      running  824 ms   0/37 · 8 at a time · 1 failed
      ✗ [12] price  code          error    412 ms   division by zero, orders.yaml:74:30
  - alert           log_message   skipped           route.else not taken
"
        .trim_start(),
    );
    story.end((1, 1), "each_order[11].post", json!({"status_code": 201, "body": null}));
    let (at, block) = place((2, 1), "each_order[12].post");
    story.tell(0, EventKind::BlockCancelled { at, block, reason: CancelReason::Failed });
    let progress = story.tree.progress(At { scope: 0, block: 2 }).unwrap();
    assert_eq!((progress.done, progress.failed), (2, 1));
    assert_eq!(story.tree.kind(At { scope: 2, block: 0 }), Some("code"));
}

#[test]
fn what_has_ended_gives_way_first() {
    overdue_orders().check(
        4,
        "
orders  run 7f3k9a  blueprints/orders.yaml
  ⠦ each_order      for_each  running  824 ms   0/37 · 8 at a time · 1 failed
      ✗ [12] price  code      error    412 ms   division by zero, orders.yaml:74:30
  … 3 blocks more
"
        .trim_start(),
    );
}

#[test]
fn nested_loops_and_nasty_keys_find_their_block() {
    let mut story = Story::new(&[
        ("outer", "for_each", &[]),
        ("outer.inner", "for_each", &[]),
        ("outer.inner.x", "code", &[]),
    ]);
    story.start((0, 0), "outer");
    story.each((0, 0), "outer", 2);
    story.start((1, 0), "outer[a].b[0].inner");
    let key = |id: &str| BlockPath { scope: "outer[a].b[0]/].".into(), id: id.into() };
    let at = At { scope: 2, block: 0 };
    story.tell(0, EventKind::BlockStarted { at, block: key("inner"), attempt: 1 });
    let items = Arc::new(vec![(Value::from(0), Arc::default())]);
    let wish = Wish::Items(ForEach { items, name: None, concurrency: 1, stops_on_error: true });
    story.tell(0, EventKind::BlockWaiting { at, block: key("inner"), wish });
    let block = BlockPath { scope: "outer[a].b[0]/].inner[0].".into(), id: "x".into() };
    let at = At { scope: 3, block: 0 };
    story.tell(0, EventKind::BlockStarted { at, block, attempt: 1 });
    assert_eq!(story.tree.kind(at), Some("code"));
}

#[test]
fn rounds_and_callees_show_the_graph_that_runs() {
    let mut story = Story::new(&[
        ("poll", "repeat", &[]),
        ("poll.ask", "http_request", &[]),
        ("call_it", "run_blueprint", &[]),
        ("call_it/inner", "code", &[]),
    ]);
    story.start((0, 0), "poll");
    for round in 1..=2 {
        let (at, block) = place((0, 0), "poll");
        let wish = Wish::Round { round, last: Arc::default(), not_before: None };
        story.tell(0, EventKind::BlockWaiting { at, block, wish });
        let scope = u32::try_from(round).unwrap();
        story.start((scope, 0), &format!("poll[{round}].ask"));
        if round == 1 {
            story.end((scope, 0), "poll[1].ask", json!(1));
        }
    }
    let (at, block) = place((2, 0), "poll[2].ask");
    let retry_at = "2026-11-24T07:00:03.412Z".parse().unwrap();
    let message = "status 503".into();
    let outcome = "response_error".into();
    story.tell(0, EventKind::AttemptFailed { at, block, attempt: 1, outcome, message, retry_at });
    story.start((0, 1), "call_it");
    let (at, block) = place((0, 1), "call_it");
    let wish = Wish::Call { blueprint: "other".into(), payload: Arc::default() };
    story.tell(0, EventKind::BlockWaiting { at, block, wish });
    story.start((3, 0), "call_it/inner");
    story.check(
        20,
        "
orders  run 7f3k9a  blueprints/orders.yaml
  ⠼ poll       repeat         running   412 ms   round 2
      ↻ ask    http_request   retrying   <1 ms   attempt 2 of 3, next in 3.0 s · status 503
  ⠼ call_it    run_blueprint  running    <1 ms   other
      ⠼ inner  code           running    <1 ms
"
        .trim_start(),
    );
    story.end((3, 0), "call_it/inner", json!(1));
    story.end((0, 1), "call_it", json!(1));
    assert!(!story.tree.lines(100, 20, Timestamp::UNIX_EPOCH).join("\n").contains("inner"));
}

#[test]
fn a_run_ends_with_its_status_and_counts() {
    let mut story = Story::new(&[("a", "code", &[])]);
    story.start((0, 0), "a");
    story.fail((0, 0), "a", "no");
    let error = RunError { block: "a".into(), outcome: "error".into(), message: "no".into() };
    story.tell(
        0,
        EventKind::RunFinished {
            status: RunStatus::Failed,
            value: Arc::default(),
            error: Some(error),
            counts: Counts { ran: 1, skipped: 2, cancelled: 0 },
            duration_us: 1_607_000,
        },
    );
    story.check(
        20,
        "
orders  run 7f3k9a  blueprints/orders.yaml
  ✗ a  code  error  412 ms   no
failed  1.6 s  1 ran, 2 skipped  a: no
"
        .trim_start(),
    );
}

#[test]
fn plain_lines_say_the_same() {
    let story = overdue_orders();
    let lines: Vec<String> =
        story.events.iter().filter_map(|event| plain::line(event, &story.tree)).collect();
    let expected = "\
07:00:00.000 run 7f3k9a of orders
07:00:00.412 fetch success 412ms status=200 bytes=18200
07:00:00.412 alert skipped: route.else not taken
07:00:00.824 parse success 412ms
07:00:01.236 each_order[11].price success 412ms
07:00:01.648 each_order[12].price error 412ms: division by zero, orders.yaml:74:30";
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn pictures_are_drawn_over_each_other_and_not_too_often() {
    let story = overdue_orders();
    let mut terminal = Terminal::memory();
    let outline = Outline::default();
    let mut live = Live::new(Tree::new("x.yaml", outline, Paint::Plain));
    for event in &story.events {
        live.apply(event, &mut terminal, event.time).unwrap();
    }
    let now = story.events.last().unwrap().time;
    live.finish(&mut terminal, now).unwrap();
    let text = terminal.text();
    assert_eq!(text.matches("orders  run").count(), 6, "one picture per 100 ms, and the last");
    assert!(text.ends_with("\u{1b}[K\n\u{1b}[J"));
    assert!(text.contains("\r\u{1b}[5A"), "{text:?}");
}
