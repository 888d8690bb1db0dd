//! All that is kept of a run, as a page.

use blueprint_model::{EventKind, Value, Wish, journal::QuestionKind};
use blueprint_project::{
    history::{End, Entry, Kept},
    text,
};
use jiff::Timestamp;

use crate::{
    render::runs,
    terminal::{Paint, Tone},
};

/// How many lines a part of the page has at most, unless everything is wanted.
const MAX_LINES: usize = 40;

/// A run to show.
pub struct Page<'p> {
    /// The run.
    pub kept: &'p Kept,
    /// Its blocks.
    pub entries: &'p [Entry],
    /// The state that it left, where that is known.
    pub state: Option<&'p Value>,
    /// The time.
    pub now: Timestamp,
    /// Whether values are shown whole.
    pub is_full: bool,
    /// How wide a line may be.
    pub width: usize,
    /// How it is coloured.
    pub paint: Paint,
}

impl Page<'_> {
    /// Returns the lines of the page; `blocks` are those of the tree.
    pub fn lines(&self, blocks: &[String]) -> Vec<String> {
        let mut lines = self.head();
        self.part(&mut lines, "inputs", self.members(&self.kept.inputs()));
        self.part(&mut lines, "blocks", blocks.to_vec());
        self.part(&mut lines, "waits for", self.waits());
        self.part(&mut lines, "attempts that failed", self.attempts());
        self.part(&mut lines, "results", self.results());
        if let Some(state) = self.state {
            self.part(&mut lines, "state", self.members(state));
        }
        self.part(&mut lines, "secrets used", self.secrets());
        self.part(&mut lines, "log", self.log());
        match self.kept.ending() {
            Some((_, Some(error))) => {
                let of = if error.block.is_empty() { "the run" } else { &error.block };
                let what = format!("`{}` of `{of}`: {}", error.outcome, error.message);
                self.part(&mut lines, "error", vec![self.one("", &what)]);
            }
            Some((value, None)) if !value.is_null() => {
                self.part(&mut lines, "value", self.value("", value));
            }
            Some(_) | None => {}
        }
        lines
    }

    fn head(&self) -> Vec<String> {
        let (summary, record) = (&self.kept.history.summary, &self.kept.history.record);
        let (sign, tone) = runs::sign(summary.phase);
        let state = self.paint.paint(tone, &format!("{sign} {}", summary.phase.as_str()));
        let name = self.paint.paint(Tone::Strong, &text::safe(&summary.blueprint));
        let mut lines = vec![format!("{name}  {state}")];
        let mut row = |name: &str, what: String| {
            lines.push(self.one(&format!("{name:<9}"), &what));
        };
        row("run", summary.run.to_string());
        row("file", self.kept.file().into());
        row("trigger", summary.trigger.clone());
        if let Some(key) = &record.key {
            row("key", key.key.clone());
        }
        if let Some(of) = self.kept.retry_of() {
            row("retry of", of.into());
        }
        let ago = text::relative(summary.started, self.now);
        row("started", format!("{}, {ago}", text::moment(summary.started)));
        if let Some(ended) = summary.ended {
            row("took", text::duration(text::us_between(summary.started, ended)));
        }
        if let Some(deadline) = record.deadline.filter(|_| summary.ended.is_none()) {
            let left = text::relative(deadline, self.now);
            row("deadline", format!("{}, {left}", text::moment(deadline)));
        }
        if let Some(wake) = summary.wake.filter(|_| summary.ended.is_none()) {
            let left = text::relative(wake, self.now);
            row("wakes", format!("{}, {left}", text::moment(wake)));
        }
        if self.kept.resumed() > 0 {
            row("resumed", text::count(self.kept.resumed(), "time"));
        }
        lines
    }

    fn part(&self, lines: &mut Vec<String>, title: &str, mut part: Vec<String>) {
        if part.is_empty() {
            return;
        }
        if part.len() > MAX_LINES && !self.is_full && title != "blocks" {
            let more = part.len() - MAX_LINES;
            part.truncate(MAX_LINES);
            part.push(self.one("", &format!("… {} more; all: --full", text::count(more, "line"))));
        }
        lines.push(String::new());
        lines.push(self.paint.paint(Tone::Strong, title));
        lines.extend(part);
    }

    /// Returns a line that begins with a name, cut to the width.
    fn one(&self, name: &str, what: &str) -> String {
        let gap = if name.is_empty() { "" } else { "  " };
        let line = format!("  {name}{gap}{what}");
        text::fit(&line, if self.is_full { usize::MAX } else { self.width })
    }

    fn members(&self, value: &Value) -> Vec<String> {
        match value {
            Value::Object(map) => {
                let longest = map.keys().map(|key| text::width(key)).max().unwrap_or(0).min(24);
                let line =
                    |(key, value): (&String, &Value)| self.value(&text::pad(key, longest), value);
                map.iter().flat_map(line).collect()
            }
            Value::Null => Vec::new(),
            other => self.value("", other),
        }
    }

    /// Returns a value: on one line, cut, or whole on several.
    fn value(&self, name: &str, value: &Value) -> Vec<String> {
        let compact = value.to_string();
        let is_long = text::width(&compact) + text::width(name) + 4 > self.width;
        if !self.is_full || !is_long {
            return vec![self.one(name, &compact)];
        }
        let pretty = format!("{value:#}");
        let mut lines = pretty.lines();
        let first = lines.next().unwrap_or("");
        let mut whole = vec![self.one(name, first)];
        whole.extend(lines.map(|line| self.one("", line)));
        whole
    }

    fn waits(&self) -> Vec<String> {
        if self.kept.history.summary.phase.is_ended() {
            return Vec::new();
        }
        let open = self.entries.iter().filter(|entry| entry.end.is_none());
        open.filter_map(|entry| {
            let what = match entry.wish.as_ref()? {
                Wish::Sleep { until } => {
                    format!("{}, {}", text::moment(*until), text::relative(*until, self.now))
                }
                Wish::Answer(question) => {
                    let what = match question.kind {
                        QuestionKind::Approval => format!("a decision: {}", question.name),
                        QuestionKind::Event => format!("event {}", question.name),
                    };
                    let until = question.until.map(|it| format!(", until {}", text::moment(it)));
                    format!("{what}{}", until.unwrap_or_default())
                }
                Wish::Round { not_before: Some(until), .. } => {
                    format!("its next round, {}", text::relative(*until, self.now))
                }
                // Their blocks say more.
                Wish::Items(_) | Wish::Round { .. } | Wish::Call { .. } => return None,
            };
            Some(self.one(&entry.path, &what))
        })
        .collect()
    }

    fn attempts(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in self.entries {
            for failed in &entry.failed {
                let time = failed.time.strftime("%H:%M:%S%.3f");
                let (n, outcome) = (failed.attempt, &failed.outcome);
                let what = format!("{time} attempt {n}: {outcome}: {}", failed.message);
                lines.push(self.one(&entry.path, &what));
            }
        }
        lines
    }

    fn results(&self) -> Vec<String> {
        let mut results = Vec::new();
        for entry in self.entries {
            if let Some(End::With { result, .. }) = &entry.end
                && !result.is_null()
            {
                results.push((&entry.path, result));
            }
        }
        let longest = results.iter().map(|(path, _)| text::width(path)).max().unwrap_or(0).min(24);
        let lines = results.into_iter().map(|(path, it)| self.value(&text::pad(path, longest), it));
        lines.flatten().collect()
    }

    fn secrets(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for event in &self.kept.events {
            let EventKind::SecretUsed { block, key, version, action, destination, .. } =
                &event.kind
            else {
                continue;
            };
            let line = self.one(key, &format!("v{version} → {destination}  {action} by {block}"));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    fn log(&self) -> Vec<String> {
        let of = |event: &blueprint_model::Event| match &event.kind {
            EventKind::Log { block, level, text, .. } => {
                let time = event.time.strftime("%H:%M:%S%.3f");
                Some(self.one("", &format!("{time} {block} {}: {text}", level.as_str())))
            }
            _ => None,
        };
        self.kept.events.iter().filter_map(of).collect()
    }
}
