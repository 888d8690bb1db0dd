//! The lines of a tree.

use blueprint_model::{
    event::{At, CancelReason, RunStatus},
    journal::QuestionKind,
    units,
};
use blueprint_project::text;
use jiff::Timestamp;

use crate::{
    render::tree::{Node, State, Tree, Wait},
    terminal::Tone,
};

const MAX_NAME: usize = 36;
const MAX_WORD: usize = 20;

/// What is dropped last when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Failed,
    Active,
    Ended,
}

struct Row {
    rank: Rank,
    sign: &'static str,
    tone: Tone,
    name: String,
    kind: String,
    word: String,
    time: String,
    detail: String,
}

impl Tree {
    /// Returns the lines to show now: at most `height` of at most `width` columns.
    ///
    /// Where there is no room, blocks that have ended give way first, those that failed last.
    pub fn lines(&self, width: usize, height: usize, now: Timestamp) -> Vec<String> {
        let mut rows = Vec::new();
        self.collect(0, 1, now, &mut rows);
        let end = self.end_line();
        let room = height.saturating_sub(1 + usize::from(end.is_some()));
        let hidden = drop_rows(&mut rows, room);
        let mut lines = vec![self.header()];
        lines.extend(self.rows(&rows));
        if hidden > 0 {
            let more = format!("  … {} more", text::count(hidden, "block"));
            lines.push(vec![(Tone::Dim, more)]);
        }
        lines.extend(end);
        lines.truncate(height);
        lines.into_iter().map(|line| self.finish(line, width)).collect()
    }

    /// Returns a line for each block, of at most `width` columns.
    pub fn block_lines(&self, width: usize, now: Timestamp) -> Vec<String> {
        let mut rows = Vec::new();
        self.collect(0, 1, now, &mut rows);
        self.rows(&rows).into_iter().map(|line| self.finish(line, width)).collect()
    }

    fn header(&self) -> Vec<(Tone, String)> {
        vec![
            (Tone::Strong, self.blueprint.clone()),
            (Tone::Dim, format!("  run {}  {}", self.run, self.file)),
        ]
    }

    fn end_line(&self) -> Option<Vec<(Tone, String)>> {
        let end = self.end.as_ref()?;
        let tone = match end.status {
            RunStatus::Succeeded => Tone::Good,
            RunStatus::Failed => Tone::Bad,
            RunStatus::Cancelled => Tone::Warn,
        };
        let counts = end.counts;
        let mut about = format!("  {}  {} ran", text::duration(end.duration_us), counts.ran);
        for (n, word) in [(counts.skipped, "skipped"), (counts.cancelled, "cancelled")] {
            if n > 0 {
                text::add(&mut about, format_args!(", {n} {word}"));
            }
        }
        if let Some(error) = &end.error {
            text::add(&mut about, format_args!("  {}: {}", error.block, error.message));
        }
        Some(vec![(tone, end.status.as_str().into()), (Tone::Plain, about)])
    }

    fn rows(&self, rows: &[Row]) -> Vec<Vec<(Tone, String)>> {
        let longest = |of: &dyn Fn(&Row) -> &str, most: usize| {
            rows.iter().map(|row| text::width(of(row))).max().unwrap_or(0).min(most)
        };
        let name = longest(&|row| &row.name, MAX_NAME);
        let kind = longest(&|row| &row.kind, MAX_WORD);
        let word = longest(&|row| &row.word, MAX_WORD);
        let time = longest(&|row| &row.time, MAX_WORD);
        let cell = |text: &str, columns: usize| text::pad(&text::fit(text, columns), columns);
        let line = |row: &Row| {
            let blanks = row.name.len() - row.name.trim_start().len();
            let name = cell(&row.name, name);
            vec![
                (Tone::Plain, " ".repeat(blanks)),
                (row.tone, row.sign.into()),
                (Tone::Plain, format!(" {}  ", &name[blanks..])),
                (Tone::Dim, format!("{}  ", cell(&row.kind, kind))),
                (row.tone, cell(&row.word, word)),
                (Tone::Plain, format!("  {:>time$}   ", row.time)),
                (Tone::Plain, row.detail.clone()),
            ]
        };
        rows.iter().map(line).collect()
    }

    /// Cuts a line to the width and colours it.
    fn finish(&self, line: Vec<(Tone, String)>, width: usize) -> String {
        let mut left = width;
        let mut finished = String::new();
        let last = line.iter().rposition(|(_, part)| !part.trim().is_empty()).unwrap_or(0);
        for (at, (tone, part)) in line.into_iter().take(last + 1).enumerate() {
            let part = if at == last { part.trim_end() } else { &part };
            let part = text::fit(part, left);
            left -= text::width(&part);
            finished.push_str(&self.paint.paint(tone, &part));
        }
        finished
    }

    fn collect(&self, scope: u32, depth: usize, now: Timestamp, rows: &mut Vec<Row>) {
        let (first, last) = (At { scope, block: 0 }, At { scope, block: u32::MAX });
        for (_, node) in self.nodes.range(first..=last) {
            self.collect_node(node, &node.id, depth, now, rows);
        }
    }

    fn collect_node(
        &self,
        node: &Node,
        name: &str,
        depth: usize,
        now: Timestamp,
        rows: &mut Vec<Row>,
    ) {
        rows.push(self.row(node, &format!("{:blanks$}{name}", "", blanks = 4 * depth - 2), now));
        let is_loop = matches!(node.wait, Some(Wait::Items(_)));
        for number in &node.scopes {
            let Some(scope) = self.scopes.get(number) else { continue };
            match scope.failed_at.and_then(|at| self.nodes.get(&at)) {
                Some(failed) if is_loop => {
                    let name = format!("[{}] {}", scope.label, failed.id);
                    self.collect_node(failed, &name, depth + 1, now, rows);
                }
                _ if is_loop => {}
                _ => self.collect(*number, depth + 1, now, rows),
            }
        }
    }

    fn row(&self, node: &Node, name: &str, now: Timestamp) -> Row {
        let since = |start: Option<Timestamp>| start.map_or(0, |start| us_between(start, now));
        let (rank, sign, tone, word, time) = match &node.state {
            State::Running if self.rest.is_some() => {
                let waits = matches!(node.wait, Some(Wait::Sleep(_) | Wait::Answer(_)));
                let word = if waits { "waiting" } else { self.rest.unwrap_or_default() };
                (Rank::Active, "…", Tone::Note, word, String::new())
            }
            State::Running => {
                let frame = now.as_millisecond().unsigned_abs() / 100 % text::SPINNER.len() as u64;
                let time = text::duration(since(node.started_at));
                (Rank::Active, text::SPINNER[frame as usize], Tone::Note, "running", time)
            }
            State::Retrying { .. } => {
                let time = text::duration(since(node.started_at));
                (Rank::Active, "↻", Tone::Warn, "retrying", time)
            }
            State::Finished { outcome, duration_us, message, .. } => {
                let time = text::duration(*duration_us);
                match message {
                    Some(_) => (Rank::Failed, "✗", Tone::Bad, outcome.as_str(), time),
                    None => (Rank::Ended, "✓", Tone::Good, outcome.as_str(), time),
                }
            }
            State::Skipped { .. } => (Rank::Ended, "-", Tone::Dim, "skipped", String::new()),
            State::Cancelled { .. } => (Rank::Ended, "-", Tone::Warn, "cancelled", String::new()),
        };
        let known = self.outline.get(&node.static_path);
        Row {
            rank,
            sign,
            tone,
            name: name.into(),
            kind: known.map_or(String::new(), |known| known.kind.clone()),
            word: word.into(),
            time,
            detail: detail(node, known.map(|known| known.attempts), now),
        }
    }
}

fn detail(node: &Node, attempts: Option<u32>, now: Timestamp) -> String {
    let of = attempts.map_or(String::new(), |attempts| format!(" of {attempts}"));
    let mut parts = Vec::new();
    match &node.state {
        State::Retrying { at, message } => {
            let left = text::duration(us_between(now, *at));
            parts.push(format!("attempt {}{of}, next in {left}", node.attempt + 1));
            parts.push(message.clone());
        }
        State::Skipped { edge } => parts.push(format!("{edge} not taken")),
        State::Cancelled { reason } => parts.push(reason_text(*reason).into()),
        State::Running if node.attempt > 1 => parts.push(format!("attempt {}{of}", node.attempt)),
        State::Running => {}
        State::Finished { answer, .. } => {
            parts.extend(
                answer.map(|it| format!("{}, {}", it.status, units::format_size(it.bytes))),
            );
            if node.attempt > 1 {
                parts.push(format!("attempt {}", node.attempt));
            }
        }
    }
    let is_running = matches!(node.state, State::Running);
    parts.extend(node.wait.as_ref().map_or_else(Vec::new, |wait| wait_parts(wait, is_running)));
    if let State::Finished { message: Some(message), .. } = &node.state {
        parts.push(message.clone());
    }
    parts.join(" · ")
}

fn wait_parts(wait: &Wait, is_running: bool) -> Vec<String> {
    match wait {
        Wait::Items(progress) => {
            let mut parts = vec![format!("{}/{}", progress.done, progress.total)];
            if is_running && progress.concurrency > 1 {
                parts.push(format!("{} at a time", progress.concurrency));
            }
            if progress.failed > 0 {
                parts.push(format!("{} failed", progress.failed));
            }
            parts
        }
        Wait::Round(round) if is_running => vec![format!("round {round}")],
        Wait::Round(rounds) => vec![text::count(usize::try_from(*rounds).unwrap_or(0), "round")],
        Wait::Call(blueprint) => vec![blueprint.clone()],
        Wait::Sleep(until) if is_running => {
            vec![format!("until {}", until.strftime("%Y-%m-%d %H:%M:%S UTC"))]
        }
        Wait::Answer(question) if is_running => match question.kind {
            QuestionKind::Approval => {
                vec!["decide: blueprint runs approve".into(), question.name.clone()]
            }
            QuestionKind::Event => vec![format!("waits for event {}", question.name)],
        },
        Wait::Sleep(_) | Wait::Answer(_) => Vec::new(),
    }
}

/// Returns why a block was cancelled, for people.
pub(crate) fn reason_text(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Returned => "another block returned",
        CancelReason::Failed => "another block failed",
        CancelReason::Requested => "on request",
        CancelReason::Deadline => "the run's time was up",
        CancelReason::Timeout => "the block's time was up",
    }
}

/// Removes rows until they fit, with a line for their number; returns how many were removed.
fn drop_rows(rows: &mut Vec<Row>, room: usize) -> usize {
    if rows.len() <= room {
        return 0;
    }
    let room = room.saturating_sub(1);
    let mut by_rank: Vec<usize> = (0..rows.len()).collect();
    // Among equals the newest are kept: what ended long ago matters least.
    by_rank.sort_by_key(|at| (rows[*at].rank, usize::MAX - at));
    let dropped: Vec<usize> = by_rank.split_off(room.min(by_rank.len()));
    let mut is_kept = vec![true; rows.len()];
    dropped.iter().for_each(|at| is_kept[*at] = false);
    let mut kept = is_kept.into_iter();
    rows.retain(|_| kept.next().unwrap_or(true));
    dropped.len()
}

fn us_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_micros()).unwrap_or(0)
}
