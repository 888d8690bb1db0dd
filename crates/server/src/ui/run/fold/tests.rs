//! What folds say of runs that were made up.

use blueprint_engine::{Outline, OutlineNode};
use blueprint_model::{BlockPath, RunId, Value, block::ForEach};

use super::*;

fn node(id: &str, handled: &[&str], body: Option<Outline>) -> OutlineNode {
    OutlineNode {
        id: id.into(),
        title: None,
        kind: "code",
        uses_secrets: false,
        secrets: Vec::new(),
        reveals: Vec::new(),
        reaches_outside: false,
        handled: handled.iter().map(|it| (*it).to_owned()).collect(),
        errors: vec!["error".into()],
        unhandled: Vec::new(),
        attempts: 1,
        calls: None,
        body,
        place: (1, 1),
    }
}

/// A loop `each` with a block `work` in it, and a block `end` after it.
fn example() -> Fold {
    let body = Outline { nodes: vec![node("work", &[], None)], edges: Vec::new() };
    let nodes = vec![node("each", &[], Some(body)), node("end", &["error"], None)];
    Fold::new(Arc::new(Shape::of_outline("a", Outline { nodes, edges: Vec::new() })))
}

fn tell(fold: &mut Fold, kind: EventKind) {
    let seq = fold.seq + 1;
    let time = Timestamp::from_millisecond(i64::try_from(seq).unwrap()).unwrap();
    fold.take(&Event { run: RunId::new("r"), seq, time, kind });
}

fn begin(scope: u32, path: &str) -> EventKind {
    let (at, block) = (At { scope, block: 0 }, BlockPath::parse(path));
    EventKind::BlockStarted { at, block, attempt: 1 }
}

fn end(scope: u32, path: &str, message: Option<&str>) -> EventKind {
    EventKind::BlockFinished {
        at: At { scope, block: 0 },
        block: BlockPath::parse(path),
        attempt: 1,
        outcome: if message.is_some() { "error".into() } else { "success".into() },
        result: Arc::default(),
        message: message.map(str::to_owned),
        is_return: false,
        duration_us: 5,
    }
}

fn items(n: usize) -> EventKind {
    let items = (0..n).map(|n| (Value::from(n), Arc::default())).collect();
    let each =
        ForEach { items: Arc::new(items), name: None, concurrency: 1, stops_on_error: false };
    let (at, block) = (At { scope: 0, block: 0 }, BlockPath::parse("each"));
    EventKind::BlockWaiting { at, block, wish: Wish::Items(each) }
}

#[test]
fn items_are_counted_and_what_is_over_takes_no_memory() {
    let mut fold = example();
    tell(&mut fold, begin(0, "each"));
    tell(&mut fold, items(1000));
    for n in 1..=1000 {
        let path = format!("each[{}].work", n - 1);
        tell(&mut fold, begin(n, &path));
        tell(&mut fold, end(n, &path, (n % 10 == 0).then_some("no")));
    }
    let each = fold.row("each").unwrap();
    let expected = Items { all: Some(1000), begun: 1000, done: 1000, bad: 100 };
    assert_eq!(each.items, expected);
    let work = fold.row("each.work").unwrap();
    assert_eq!((work.counts.good, work.counts.bad, work.instances), (900, 100, 1000));
    assert!(fold.scopes.is_empty() && fold.live.len() == 1 && fold.rows.len() == 3);
}

#[test]
fn an_error_that_an_edge_handles_is_no_failure() {
    let mut fold = example();
    tell(&mut fold, begin(0, "end"));
    tell(&mut fold, end(0, "end", Some("no")));
    assert_eq!(fold.row("end").unwrap().counts, Counts { handled: 1, ..Counts::default() });
}

#[test]
fn another_attempt_is_another_bar_and_the_same_block() {
    let mut fold = example();
    tell(&mut fold, begin(0, "end"));
    tell(
        &mut fold,
        EventKind::AttemptFailed {
            at: At { scope: 0, block: 0 },
            block: BlockPath::parse("end"),
            attempt: 1,
            outcome: "error".into(),
            message: "no".into(),
            retry_at: Timestamp::UNIX_EPOCH,
        },
    );
    assert_eq!(fold.row("end").unwrap().counts.retrying, 1);
    tell(&mut fold, begin(0, "end"));
    tell(&mut fold, end(0, "end", None));
    let row = fold.row("end").unwrap();
    assert_eq!((row.instances, row.bars.len(), row.bars[0].what), (1, 2, Piece::Failed));
}

#[test]
fn blocks_that_the_graph_does_not_have_get_rows() {
    let mut fold = example();
    tell(&mut fold, begin(7, "end/inner"));
    assert_eq!(fold.row("end/inner").unwrap().counts.running, 1);
    assert_eq!(fold.row("end/inner").unwrap().changed, 1);
}

#[test]
fn items_go_out_of_paths_whatever_their_keys_are() {
    let check = |path: &str, expected: &str| assert_eq!(without_items(path), expected);
    check("each[12].fetch", "each.fetch");
    check("each[a.b/c].call/inner", "each.call/inner");
    check("a[0].b[x[1]", "a.b");
    check("a[0]", "a");
    check("a[0].b[1].", "a.b.");
}
