//! In what two runs differ, in lines for a terminal.

use blueprint_model::Value;
use blueprint_project::{
    compare::{Difference, has_same_text},
    history::Kept,
    text,
};

use crate::{
    render::runs,
    terminal::{Paint, Tone},
};

/// The most differences that are shown to people.
const MAX_SHOWN: usize = 50;

/// Returns the lines that say what differs.
pub fn lines(
    one: &Kept,
    other: &Kept,
    differences: &[Difference],
    width: usize,
    paint: Paint,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (sign, kept) in [("-", one), ("+", other)] {
        let summary = &kept.history.summary;
        let (mark, _) = runs::sign(summary.phase);
        let (run, name, state) = (summary.run.short(), &summary.blueprint, summary.phase.as_str());
        let started = text::moment(summary.started);
        let line = format!("{sign} {run}  {name}  {mark} {state}  {started}");
        lines.push(paint.paint(Tone::Strong, &text::fit(&line, width)));
    }
    if !has_same_text(one, other) {
        lines.push("the text of their blueprints differs".into());
    }
    if differences.is_empty() {
        lines.push("inputs, blocks, results and value do not differ".into());
    }
    for difference in differences.iter().take(MAX_SHOWN) {
        lines.push(String::new());
        lines.push(text::fit(&title(difference), width));
        for (sign, tone, value) in
            [("-", Tone::Bad, &difference.one), ("+", Tone::Good, &difference.other)]
        {
            let shown = match value {
                Value::String(text) if difference.aspect != "result" => text.clone(),
                value => value.to_string(),
            };
            lines.push(paint.paint(tone, &text::fit(&format!("  {sign} {shown}"), width)));
        }
    }
    if differences.len() > MAX_SHOWN {
        let more = text::count(differences.len() - MAX_SHOWN, "difference");
        lines.push(format!("… {more} more; all: --json"));
    }
    lines
}

fn title(difference: &Difference) -> String {
    let Difference { what, aspect, path, .. } = difference;
    let place = match (*aspect, path.as_str()) {
        ("", "") => String::new(),
        ("", path) => format!(" {path}"),
        (aspect, "") => format!("  {aspect}"),
        (aspect, path) => format!("  {aspect} {path}"),
    };
    format!("{what}{place}")
}
