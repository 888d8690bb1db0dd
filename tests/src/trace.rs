//! What happened, as text that reads like a specification and does not depend on timing.
//!
//! ```text
//! run succeeded ran=3 skipped=1 cancelled=0
//! value {"warmest":"Paris"}
//!
//! fetch success attempt=2 GET https://api.acme.example/json 200 {"name":"Ann"}
//!   attempt 1 response_error: GET `api.acme.example` answered 503 Service Unavailable
//!   secret API_KEY v1 swap api.acme.example header:authorization
//! each success [1,2]
//!   [0]
//!     double success 1
//! alert skipped fetch.response_error
//! ```
//!
//! Blocks stand in file order, what they did under them, items by their index.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use blueprint_model::{
    Diagnostic, Event, EventKind, Source, Value,
    event::{At, RunStatus},
};

use crate::{run::Ran, server::Received};

/// Longer results are cut.
const MAX_RESULT: usize = 160;
const MAX_VALUE: usize = 2_000;

/// Returns the findings of a check, short: place, severity, code and message, then what helps.
pub fn of_diagnostics(source: &Source, diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let (line, column) = source.position(diagnostic.span.start);
        let severity = diagnostic.severity.as_str();
        let Diagnostic { code, message, .. } = diagnostic;
        line_of(&mut text, 0, &format!("{line}:{column}: {severity}[{code}]: {message}"));
        if let Some(hint) = &diagnostic.hint {
            line_of(&mut text, 1, &format!("help: {hint}"));
        }
        for label in &diagnostic.related {
            let (line, column) = source.position(label.span.start);
            line_of(&mut text, 1, &format!("see {line}:{column}: {}", label.text));
        }
    }
    text
}

/// Returns what a server received, in order of arrival.
pub fn of_received(received: &[Received]) -> String {
    let mut text = String::from("\nreceived\n");
    for request in received {
        line_of(&mut text, 1, &format!("{} at {}", request.line, request.host));
        for header in &request.headers {
            line_of(&mut text, 2, header);
        }
        if !request.body.is_empty() {
            line_of(&mut text, 2, &format!("body {}", request.body));
        }
    }
    text
}

/// Returns the trace of a run.
pub fn of_run(ran: &Ran) -> String {
    let end = &ran.end;
    let counts = end.counts;
    let mut text = String::new();
    let reason = end.cancelled.filter(|_| end.status == RunStatus::Cancelled);
    let reason = reason.map_or(String::new(), |reason| format!(" ({})", reason.as_str()));
    let head = format!(
        "run {}{reason} ran={} skipped={} cancelled={}",
        end.status.as_str(),
        counts.ran,
        counts.skipped,
        counts.cancelled
    );
    line_of(&mut text, 0, &head);
    line_of(&mut text, 0, &format!("value {}", compact(&end.value, MAX_VALUE)));
    if let Some(error) = &end.error {
        let place = if error.block.is_empty() { "run" } else { error.block.as_str() };
        line_of(&mut text, 0, &format!("error {place}.{}: {}", error.outcome, error.message));
    }
    text.push('\n');
    Scopes::of(&ran.events).write(0, 0, &mut text);
    text
}

/// The events of one block.
#[derive(Default)]
struct Block {
    id: String,
    end: Option<Arc<Event>>,
    notes: Vec<String>,
    /// The scopes that worked for it, in the order in which they were opened.
    scopes: Vec<u32>,
}

/// The blocks of all scopes, in file order.
#[derive(Default)]
struct Scopes {
    blocks: BTreeMap<At, Block>,
    /// What each scope is to its block: `[0]`, or `/` for a callee.
    labels: BTreeMap<u32, String>,
}

impl Scopes {
    fn of(events: &[Arc<Event>]) -> Self {
        let mut scopes = Self::default();
        // Blocks that wait, by path: the last one with that path owns scopes that open now.
        let mut waiting: BTreeMap<String, At> = BTreeMap::new();
        for event in events {
            let Some((at, path)) = event.kind.block() else { continue };
            if at.scope > 0 && !scopes.labels.contains_key(&at.scope) {
                let (owner, label) = owner_of(&path.scope, &waiting);
                scopes.labels.insert(at.scope, label);
                scopes.blocks.entry(owner).or_default().scopes.push(at.scope);
            }
            if let EventKind::BlockWaiting { .. } = event.kind {
                waiting.insert(path.to_string(), at);
            }
            let block = scopes.blocks.entry(at).or_default();
            block.id = path.id.to_string();
            match note(&event.kind) {
                Some(note) => block.notes.extend(note),
                None => block.end = Some(event.clone()),
            }
        }
        scopes
    }

    fn write(&self, scope: u32, depth: usize, text: &mut String) {
        let range = At { scope, block: 0 }..=At { scope, block: u32::MAX };
        for (_, block) in self.blocks.range(range) {
            line_of(text, depth, &format!("{} {}", block.id, ending(block)));
            for note in block.notes.iter().chain(&message(block)) {
                line_of(text, depth + 1, note);
            }
            let mut scopes = block.scopes.clone();
            scopes.sort_unstable();
            for inner in scopes {
                line_of(text, depth + 1, &self.labels[&inner]);
                self.write(inner, depth + 2, text);
            }
        }
    }
}

/// Finds the block that a scope works for, by the scope's prefix.
fn owner_of(prefix: &str, waiting: &BTreeMap<String, At>) -> (At, String) {
    let owners = waiting.iter().filter_map(|(path, at)| {
        let rest = prefix.strip_prefix(path.as_str())?;
        let label = rest.strip_suffix('.').filter(|rest| rest.starts_with('['));
        Some((*at, if rest == "/" { "/" } else { label? }.to_owned()))
    });
    let found = owners.max_by_key(|(at, _)| at.scope);
    found.unwrap_or_else(|| panic!("nobody waits for `{prefix}`"))
}

/// What a block did before it ended; `None` for its end.
fn note(kind: &EventKind) -> Option<Vec<String>> {
    let one = |note: String| Some(vec![note]);
    match kind {
        EventKind::AttemptFailed { attempt, outcome, message, .. } => {
            one(format!("attempt {attempt} {outcome}: {message}"))
        }
        EventKind::StateChanged { changes, .. } => {
            let changes = changes.iter().map(|change| {
                let path = change.path.join(".");
                match &change.value {
                    Some(value) => format!("state.{path} = {}", compact(value, MAX_RESULT)),
                    None => format!("state.{path} removed"),
                }
            });
            Some(changes.collect())
        }
        EventKind::SecretUsed { key, version, action, destination, .. } => {
            one(format!("secret {key} v{version} {action} {destination}"))
        }
        EventKind::Log { level, text, .. } => one(format!("log {}: {text}", level.as_str())),
        EventKind::BlockStarted { .. }
        | EventKind::BlockWaiting { .. }
        | EventKind::AnswerReceived { .. }
        | EventKind::SecretDerived { .. } => Some(Vec::new()),
        EventKind::BlockFinished { .. }
        | EventKind::BlockSkipped { .. }
        | EventKind::BlockCancelled { .. }
        | EventKind::RunStarted { .. }
        | EventKind::RunResumed { .. }
        | EventKind::CancelRequested { .. }
        | EventKind::RunFinished { .. } => None,
    }
}

fn ending(block: &Block) -> String {
    match block.end.as_deref().map(|event| &event.kind) {
        Some(EventKind::BlockFinished { attempt, outcome, result, is_return, message, .. }) => {
            let attempt = if *attempt > 1 { format!(" attempt={attempt}") } else { String::new() };
            let outcome = if *is_return { "returned" } else { outcome };
            if message.is_some() && result.is_null() {
                return format!("{outcome}{attempt}");
            }
            format!("{outcome}{attempt} {}", shown(result))
        }
        Some(EventKind::BlockSkipped { edge, .. }) => format!("skipped {edge}"),
        Some(EventKind::BlockCancelled { reason, .. }) => format!("cancelled {}", reason.as_str()),
        Some(_) | None => "did not end".into(),
    }
}

fn message(block: &Block) -> Option<String> {
    match block.end.as_deref().map(|event| &event.kind) {
        Some(EventKind::BlockFinished { message: Some(message), .. }) => {
            Some(format!("because {message}"))
        }
        _ => None,
    }
}

/// A result, cut; that of an HTTP request without its headers.
fn shown(result: &Value) -> String {
    let (Some(request), Some(status)) = (result.get("request"), result.get("status_code")) else {
        return compact(result, MAX_RESULT);
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (method, url) = (text(&request["method"]), text(&request["url"]));
    let body = compact(&result["body"], MAX_RESULT);
    if status.is_null() {
        format!("{method} {url}")
    } else {
        format!("{method} {url} {status} {body}")
    }
}

fn compact(value: &Value, max: usize) -> String {
    let text = value.to_string();
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Adds a line. What differs from run to run is replaced, line ends are shown.
fn line_of(text: &mut String, depth: usize, line: &str) {
    let line = without_times(line).replace('\r', "").replace('\n', "⏎");
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{:indent$}{line}", "", indent = depth * 2);
}

/// Puts `<time>` in place of every RFC 3339 time of this century.
fn without_times(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("20") {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        match time_len(from) {
            Some(len) => {
                text.push_str("<time>");
                rest = &from[len..];
            }
            None => {
                text.push_str("20");
                rest = &from[2..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// Returns the length of the time that a text begins with: `2026-11-24T12:00:00.123Z`.
fn time_len(text: &str) -> Option<usize> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == *other,
    };
    if text.len() <= SHAPE.len() || !text.bytes().zip(SHAPE).all(fits) {
        return None;
    }
    let rest = &text[SHAPE.len()..];
    let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
    rest[end..].starts_with('Z').then_some(SHAPE.len() + end + 1)
}
