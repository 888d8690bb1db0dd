//! The format on disk: each version that was ever released stays readable.
//!
//! `UPDATE=1 cargo test -p blueprint-journal` writes the file of today's version anew. Once a version
//! is released, its file never changes again.

use std::{fmt::Write as _, fs, path::PathBuf};

use blueprint_model::{
    EventKind, Journal, RunRecord,
    event::At,
    journal::{Claimed, Letter, Phase, QuestionFilter, QuestionKind, Rest, RunFilter},
};
use rusqlite::{Connection, types::ValueRef};
use serde_json::{Value, json};

use crate::sample::{
    AT, Inbox, Place, add, answer, asks, events, every_kind_with, full_record, open, record, run,
    time, wait,
};

const VERSION: u32 = 3;
const LONG: usize = 70_000;

fn fixture(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}.sql"))
}

fn kinds() -> Vec<EventKind> {
    every_kind_with(json!({ "a": [1, 2.5, "é", null, true] }), &"x".repeat(LONG))
}

fn parked() -> RunRecord {
    RunRecord { blueprint: "mails".into(), trigger: "cron".into(), ..record() }
}

fn parked_kinds() -> Vec<EventKind> {
    let at = |block| At { scope: 2, block };
    vec![asks(at(1), QuestionKind::Event, "paid"), asks(at(2), QuestionKind::Approval, "ok?")]
}

/// Fills a store with all that one can hold.
async fn fill(journal: &dyn Journal) {
    let lease = open(journal, &run("ended"), &full_record()).await;
    add(journal, &lease, 1, kinds()).await;
    journal.release(lease, Rest::Ended).await.expect("it is written");
    let lease = open(journal, &run("parked"), &parked()).await;
    add(journal, &lease, 1, parked_kinds()).await;
    journal.release(lease, Rest::Parked(Some(time(99)))).await.expect("it is written");
    journal.post(&run("parked"), &answer(AT)).await.expect("it is written");
    journal.post(&run("parked"), &Letter::Cancel).await.expect("it is written");
    let lease = open(journal, &run("abandoned"), &record()).await;
    journal.release(lease, Rest::Abandoned).await.expect("it is written");
    journal.put_note("schedules/nightly", Some(&note())).await.expect("it is written");
}

fn note() -> Value {
    json!({ "fired": "2023-11-14T22:13:20Z", "é": [null, 1.5] })
}

/// Returns SQL that makes the same file.
fn dump(place: &Place) -> String {
    let connection = Connection::open(place.path()).expect("it is there");
    let number = |pragma: &str| -> i64 {
        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).expect("SQL")
    };
    let mut text = format!(
        "PRAGMA application_id = {};\nPRAGMA user_version = {};\n",
        number("application_id"),
        number("user_version")
    );
    let mut statement = connection
        .prepare("SELECT name, type, sql FROM sqlite_schema WHERE sql NOT NULL AND name NOT LIKE 'sqlite%'")
        .expect("SQL");
    let objects: Vec<(String, String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect)
        .expect("SQL");
    for (_, _, sql) in &objects {
        writeln!(text, "{sql};").expect("a text has room");
    }
    for (name, _, _) in objects.iter().filter(|(_, kind, _)| kind == "table") {
        rows(&connection, name, &mut text);
    }
    text
}

fn rows(connection: &Connection, table: &str, text: &mut String) {
    let mut statement =
        connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).expect("SQL");
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect("SQL");
    while let Some(row) = rows.next().expect("SQL") {
        let values = (0..columns).map(|at| literal(row.get_ref(at).expect("a column")));
        let values: Vec<String> = values.collect();
        writeln!(text, "INSERT INTO {table} VALUES ({});", values.join(", "))
            .expect("a text has room");
    }
}

fn literal(value: ValueRef<'_>) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => quoted(std::str::from_utf8(text).expect("text")),
        ValueRef::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.len() == LONG + 2 => {
                format!("CAST('\"' || printf('%.*c', {LONG}, 'x') || '\"' AS BLOB)")
            }
            Ok(text) if !text.contains(|c: char| c.is_control() && c != '\n') => {
                format!("CAST({} AS BLOB)", quoted(text))
            }
            _ => {
                format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
        },
    }
}

#[test]
fn the_format_of_today_is_that_of_its_file() {
    let place = Place::new();
    let journal = place.open();
    wait(fill(&journal));
    drop(journal);
    let today = dump(&place);
    #[expect(clippy::disallowed_methods, reason = "asks whether to write the file anew")]
    if std::env::var("UPDATE").is_ok() {
        fs::create_dir_all(fixture(VERSION).parent().unwrap()).unwrap();
        fs::write(fixture(VERSION), &today).unwrap();
    }
    let file = fs::read_to_string(fixture(VERSION)).unwrap();
    assert!(today == file, "what is written is no longer version {VERSION}: add a version");
}

#[test]
fn every_version_can_be_read() {
    for version in 1..=VERSION {
        let place = of_version(version);
        let journal = place.open();
        wait(read(&journal));
        let expected = (version >= 3).then(note);
        assert_eq!(wait(journal.note("schedules/nightly")), Ok(expected), "{version}");
    }
}

/// Returns a store as a program of this version left it.
fn of_version(version: u32) -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().expect("a folder")).expect("a folder of our own");
    let connection = Connection::open(place.path()).expect("a folder of our own");
    let file = fs::read_to_string(fixture(version)).expect("it is there");
    connection.execute_batch(&file).expect("SQL");
    place
}

#[test]
fn every_version_becomes_that_of_today() {
    let tables = |place: &Place| {
        let connection = Connection::open(place.path()).expect("it is there");
        let version: u32 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("SQL");
        assert_eq!(version, VERSION);
        let mut statement =
            connection.prepare("SELECT sql FROM sqlite_schema ORDER BY name").expect("SQL");
        let tables = statement.query_map([], |row| row.get::<_, Option<String>>(0));
        tables.and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>).expect("SQL")
    };
    let new = Place::new();
    drop(new.open());
    for version in 1..=VERSION {
        let place = of_version(version);
        let journal = place.open();
        wait(async {
            let listed = journal.list(&RunFilter::default()).await.unwrap();
            let names: Vec<&str> = listed.iter().map(|it| it.run.as_str()).collect();
            assert_eq!(names, ["parked", "ended", "abandoned"]);
            let after = journal.events(&run("ended"), 1, kinds().len()).await.unwrap();
            assert!(after == events(&run("ended"), 2, kinds()));
            journal.put_note("new", Some(&json!(version))).await.unwrap();
        });
        drop(journal);
        assert_eq!(wait(place.open().note("new")), Ok(Some(json!(version))));
        assert_eq!(place.open().verify().unwrap().damage, [""; 0]);
        assert_eq!(tables(&place), tables(&new), "{version}");
    }
}

async fn read(journal: &dyn Journal) {
    let read = async |name: &str| {
        let history = journal.read(&run(name)).await.expect("it is whole");
        history.expect("it is there")
    };
    let history = read("ended").await;
    assert_eq!(history.summary.phase, Phase::Failed);
    assert_eq!(history.record, full_record());
    assert!(history.events[1..] == events(&run("ended"), 2, kinds()));
    let history = read("parked").await;
    assert_eq!((history.summary.phase, history.summary.wake), (Phase::Waiting, Some(time(99))));
    assert_eq!(history.record, parked());
    assert!(history.events[1..] == events(&run("parked"), 2, parked_kinds()));
    assert_eq!(read("abandoned").await.summary.phase, Phase::Interrupted);
    let questions = journal.questions(&QuestionFilter::default()).await.expect("it is whole");
    let names: Vec<&str> = questions.iter().map(|it| &*it.question.name).collect();
    assert_eq!(names, ["paid", "ok?"]);
    assert_eq!(questions[0].question.details, Value::into(json!({ "form": ["amount"] })));
    let inbox = Inbox::default();
    let claimed = journal.claim(&run("parked"), inbox.mailbox()).await.expect("it is written");
    assert!(matches!(claimed, Claimed::Yes(_)));
    assert_eq!(inbox.letters(), [answer(AT), Letter::Cancel]);
}
