//! A run again from its journal: what is the same goes the same way, what was changed is named.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_engine::{
    Clock, Divergence, Engine, Fate, Ids, Library, Origin, Plan, Replay, StartRun, first_difference,
};
use blueprint_journal::MemoryJournal;
use blueprint_model::{
    Event, EventKind, Journal, Limits, Secrets, Value, journal::History, limits::Network,
};
use blueprint_project::project;
use serde_json::json;
use tests::{replay, server::Server};

const ORDERS: &str = "\
name: orders
inputs: {ids: {type: array, default: [1, 2, 3]}}
state: {seen: []}
blocks:
  each:
    type: for_each
    items: '@{inputs.ids}'
    concurrency: 3
    do:
      fetch:
        type: http_request
        url: https://api.acme.example/json?n=@{item}
        next: note
      note: {type: add_to_state_list, path: seen, value: '@{item}', next: price}
      price: {type: code, code: item * 2}
    next: pause
  pause: {type: wait, duration: 1ms, next: many}
  many:
    type: if_else
    expression: state.seen.len() > 2
    next: {then: high, else: low}
  high: {type: return_value, value: '@{state.seen}'}
  low: {type: return_value, value: few}
";

fn plan_of(text: &str) -> Arc<Plan> {
    let registry = blueprint_project::wiring::registry();
    let checked = project::check_bytes("orders.yaml", text.as_bytes(), &registry);
    checked.plan.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

fn library_of(plan: &Arc<Plan>) -> Arc<Library> {
    Arc::new(Library::link(vec![plan.clone()], &[]).library)
}

/// Runs a blueprint against a server, and returns all that was recorded.
async fn record(text: &str) -> History {
    let server = Server::start().await.unwrap();
    let mocks = vec![("api.acme.example".to_owned(), server.address)];
    let network = Network { allows_private: true, allow: Vec::new(), mocks };
    let limits = Limits { network, ..Limits::default() };
    let plan = plan_of(text);
    let journal = Arc::new(MemoryJournal::keeping());
    let engine = Engine::new(journal.clone(), Clock::System, Ids::Random, limits);
    let start = StartRun {
        library: library_of(&plan),
        plan,
        inputs: json!({}),
        payload: json!({}),
        secrets: Secrets::none(),
        env: Arc::new(BTreeMap::new()),
        timeout: None,
        origin: Origin::default(),
    };
    let handle = engine.start(start).await.unwrap();
    let end = handle.finished().await.unwrap();
    journal.read(&end.run).await.unwrap().unwrap()
}

/// Replays a run against another text; there is no server any more.
async fn again(history: &History, text: &str) -> Replay {
    let plan = plan_of(text);
    let env = Arc::new(BTreeMap::new());
    replay::again(history, &plan, &library_of(&plan), env, Limits::default()).await
}

async fn check(change: (&str, &str), expected: &[(&str, Fate)]) -> Replay {
    let history = record(ORDERS).await;
    assert!(ORDERS.contains(change.0), "{change:?}");
    let replay = again(&history, &ORDERS.replace(change.0, change.1)).await;
    let others = replay.blocks.iter().filter(|block| block.fate != Fate::Same);
    let others: Vec<(String, Fate)> =
        others.map(|block| (block.block.to_string(), block.fate)).collect();
    let expected: Vec<(String, Fate)> =
        expected.iter().map(|(block, fate)| ((*block).to_owned(), *fate)).collect();
    assert_eq!(others, expected, "{replay:#?}");
    replay
}

#[tokio::test]
async fn what_is_the_same_goes_the_same_way() {
    let replay = check(("name", "name"), &[]).await;
    assert_eq!(replay.divergence, None);
    assert_eq!(replay.replayed, replay.recorded);
}

#[tokio::test]
async fn a_changed_block_is_named_with_both_values() {
    let all = ["each[0].price", "each[1].price", "each[2].price", "each"];
    let history = record(ORDERS).await;
    let replay = again(&history, &ORDERS.replace("item * 2", "item * 3")).await;
    let mut others: Vec<String> = replay
        .blocks
        .iter()
        .filter(|block| block.fate == Fate::Differs)
        .map(|block| block.block.to_string())
        .collect();
    others.sort();
    let mut expected = all.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(others, expected);
    let Some(Divergence::Block(first)) = replay.divergence else { panic!("{replay:#?}") };
    let block = &replay.blocks[first];
    assert!(block.block.to_string().ends_with("].price"), "{block:?}");
    let (then, now) = (block.recorded.as_ref().unwrap(), block.replayed.as_ref().unwrap());
    let difference = first_difference(&then.to_json(), &now.to_json()).unwrap();
    assert_eq!(difference.path, "result");
    let number = |value: Option<Value>| value.unwrap().as_i64().unwrap();
    assert_eq!(number(difference.first) / 2, number(difference.second) / 3);
}

#[tokio::test]
async fn another_way_shows_what_would_run_and_be_skipped() {
    let change = ("state.seen.len() > 2", "state.seen.len() > 3");
    let others = [("many", Fate::Differs), ("low", Fate::Differs), ("high", Fate::Differs)];
    let replay = check(change, &others).await;
    assert_eq!(replay.replayed.map(|verdict| (*verdict.value).clone()), Some(json!("few")));
}

#[tokio::test]
async fn an_answer_that_nobody_recorded_is_not_made_up() {
    let low = "low: {type: return_value, value: few}";
    let ask = "low: {type: http_request, url: 'https://api.acme.example/json', next: {response_error: few}}\n  \
               few: {type: return_value, value: few}";
    let text = ORDERS.replace("len() > 2", "len() > 3").replace(low, ask);
    let history = record(ORDERS).await;
    let replay = again(&history, &text).await;
    let low = replay.blocks.iter().find(|block| block.block.to_string() == "low").unwrap();
    assert_eq!(low.fate, Fate::Unanswered);
    assert_eq!(replay.replayed, None, "nobody knows how it would end");
}

#[tokio::test]
async fn a_run_that_was_ended_is_followed_as_far_as_it_came() {
    let history = record(ORDERS).await;
    let whole = history.events.len();
    for events in 1..whole {
        let cut = History { events: history.events[..events].to_vec(), ..history.clone() };
        let replay = again(&cut, ORDERS).await;
        assert_eq!(replay.divergence, None, "after {events} events: {replay:#?}");
        let ends = |event: &&Event| {
            matches!(event.kind, EventKind::BlockFinished { .. } | EventKind::BlockSkipped { .. })
        };
        let recorded = cut.events.iter().filter(ends).count();
        assert!(replay.blocks.len() >= recorded);
    }
}
