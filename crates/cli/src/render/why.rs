//! Why a block ran, or did not, in lines for a terminal.

use blueprint_engine::why::{Ended, Stands, Why};
use blueprint_model::journal::Phase;
use blueprint_project::{text, why};

use crate::terminal::{Paint, Tone};

/// Returns the lines that say why; `phase` is where the run stands.
pub fn lines(why: &Why, phase: Phase, paint: Paint) -> Vec<String> {
    let name = paint.paint(Tone::Strong, &text::safe(&why.block));
    let word = text::fit(&why::verdict(&why.stands, phase), usize::MAX);
    let word = paint.paint(tone(&why.stands, phase), &word);
    let mut lines = vec![format!("{name}  {}  {word}", why.kind)];
    let sentences = why::sentences(why, phase);
    lines.extend(sentences.iter().map(|line| text::fit(&format!("  {line}"), usize::MAX)));
    lines
}

fn tone(stands: &Stands, phase: Phase) -> Tone {
    match stands {
        Stands::Running { .. } if phase == Phase::Interrupted => Tone::Warn,
        Stands::Retrying { .. } | Stands::Ended(Ended::Cancelled { .. }) => Tone::Warn,
        Stands::Pending
        | Stands::Due
        | Stands::LeftOut
        | Stands::Running { .. }
        | Stands::Looping { .. }
        | Stands::Round { .. }
        | Stands::Calling { .. }
        | Stands::Sleeping { .. }
        | Stands::Asking { .. } => Tone::Note,
        Stands::Ended(Ended::With { message: Some(_), .. }) => Tone::Bad,
        Stands::Ended(Ended::With { message: None, .. }) => Tone::Good,
        Stands::Ended(Ended::Skipped { .. }) => Tone::Plain,
    }
}
