//! Kept runs as a table.

use blueprint_model::journal::{Phase, RunSummary};
use blueprint_project::text;
use jiff::Timestamp;

use crate::terminal::{Paint, Tone};

/// The widest name of a blueprint that is shown whole.
const MAX_NAME: usize = 32;

/// A run in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What the store says of it.
    pub summary: RunSummary,
    /// Blocks of it that wait for somebody outside.
    pub asks: Vec<String>,
}

/// Returns a line for each run, of at most `width` columns.
pub fn table(lines: &[Line], now: Timestamp, width: usize, paint: Paint) -> Vec<String> {
    let cells: Vec<[String; 5]> = lines.iter().map(|line| cells(line, now)).collect();
    let mut widths = [0; 5];
    for row in &cells {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = text::width(cell).max(*widest);
        }
    }
    widths[1] = widths[1].min(MAX_NAME);
    let of = |(line, row): (&Line, &[String; 5])| {
        let (sign, tone) = sign(line.summary.phase);
        let cell = |at: usize| text::pad(&text::fit(&row[at], widths[at]), widths[at]);
        let state = format!("{sign} {}", cell(2));
        let before = format!("{}  {}  ", cell(0), cell(1));
        let after = format!("  {}  {}  {}", cell(3), cell(4), note(line, now));
        let room = width.saturating_sub(text::width(&before) + text::width(&state));
        let after = text::fit(after.trim_end(), room);
        format!("{before}{}{after}", paint.paint(tone, &state))
    };
    lines.iter().zip(&cells).map(of).collect()
}

/// Returns the sign of a state, so that it is never told by colour alone.
pub fn sign(phase: Phase) -> (&'static str, Tone) {
    match phase {
        Phase::Running => ("▶", Tone::Note),
        Phase::Waiting => ("…", Tone::Note),
        Phase::Interrupted => ("!", Tone::Warn),
        Phase::Succeeded => ("✓", Tone::Good),
        Phase::Failed => ("✗", Tone::Bad),
        Phase::Cancelled => ("-", Tone::Warn),
    }
}

fn cells(line: &Line, now: Timestamp) -> [String; 5] {
    let summary = &line.summary;
    // How long a run took whose process is gone is not known.
    let took = match (summary.ended, summary.phase) {
        (Some(ended), _) => text::duration(text::us_between(summary.started, ended)),
        (None, Phase::Running) => text::duration(text::us_between(summary.started, now)),
        (None, _) => String::new(),
    };
    [
        summary.run.short().into(),
        summary.blueprint.clone(),
        summary.phase.as_str().into(),
        text::relative(summary.started, now),
        took,
    ]
}

fn note(line: &Line, now: Timestamp) -> String {
    let mut parts = Vec::new();
    if !line.asks.is_empty() {
        parts.push(format!("{} asks", line.asks.join(", ")));
    }
    match (line.summary.phase, line.summary.wake) {
        (Phase::Interrupted, _) => parts.push("its process is gone".into()),
        (_, Some(wake)) if wake <= now => parts.push("its time has come".into()),
        (_, Some(wake)) => parts.push(format!("wakes {}", text::relative(wake, now))),
        (_, None) => {}
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use blueprint_model::RunId;

    use super::*;

    fn line(id: &str, phase: Phase, ended: Option<&str>, wake: Option<&str>) -> Line {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let summary = RunSummary {
            run: RunId::new(id),
            blueprint: "invoice".into(),
            trigger: "cli".into(),
            phase,
            started: time("2026-11-24T11:57:00Z"),
            ended: ended.map(time),
            wake: wake.map(time),
            events: 3,
        };
        Line { summary, asks: Vec::new() }
    }

    #[test]
    fn a_state_has_a_sign_and_times_are_relative() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let mut asks = line("00-aaaaa3", Phase::Waiting, None, None);
        asks.asks = vec!["check".into()];
        let lines = [
            line("00-aaaaa1", Phase::Succeeded, Some("2026-11-24T11:57:01.3Z"), None),
            line("00-aaaaa2", Phase::Waiting, None, Some("2026-11-24T14:00:00Z")),
            asks,
            line("00-aaaaa4", Phase::Interrupted, None, None),
            line("00-aaaaa5", Phase::Running, None, None),
        ];
        assert_eq!(
            table(&lines, now, usize::MAX, Paint::Plain).join("\n"),
            "\
aaaaa1  invoice  ✓ succeeded    3 min ago  1.3 s
aaaaa2  invoice  … waiting      3 min ago            wakes in 2 h
aaaaa3  invoice  … waiting      3 min ago            check asks
aaaaa4  invoice  ! interrupted  3 min ago            its process is gone
aaaaa5  invoice  ▶ running      3 min ago  3 m 00 s"
        );
        let narrow = table(&lines, now, 40, Paint::Plain);
        assert!(narrow.iter().all(|line| text::width(line) <= 40), "{narrow:?}");
    }
}
