//! Two texts line by line: what is only in one of them, with a few lines around.

use crate::terminal::{Paint, Tone};

/// Lines that are the same and are shown before and after those that are not.
const AROUND: usize = 2;

/// The most pairs of lines that are compared; longer texts are shown whole, one after the other.
const MAX_PAIRS: usize = 4_000_000;

/// A line, and in which of the texts it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'t> {
    Both(&'t str),
    Old(&'t str),
    New(&'t str),
}

/// Returns the lines of both texts as a unified diff: `-` for the old one, `+` for the new one.
pub fn unified(old: &str, new: &str, paint: Paint) -> Vec<String> {
    let lines = align(&old.lines().collect::<Vec<_>>(), &new.lines().collect::<Vec<_>>());
    let is_near = |at: usize| {
        let (from, to) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(lines.len()));
        lines[from..to].iter().any(|line| !matches!(line, Line::Both(_)))
    };
    let mut shown = Vec::new();
    let mut is_gap = false;
    for (at, line) in lines.iter().enumerate() {
        if !is_near(at) {
            is_gap = true;
            continue;
        }
        if std::mem::take(&mut is_gap) {
            shown.push(paint.paint(Tone::Dim, "  …"));
        }
        shown.push(match line {
            Line::Both(text) => format!("  {text}"),
            Line::Old(text) => paint.paint(Tone::Bad, &format!("- {text}")),
            Line::New(text) => paint.paint(Tone::Good, &format!("+ {text}")),
        });
    }
    if is_gap {
        shown.push(paint.paint(Tone::Dim, "  …"));
    }
    shown
}

/// Aligns two lists of lines by their longest common subsequence.
fn align<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Line<'t>> {
    if old.len() * new.len() > MAX_PAIRS {
        let (old, new) = (old.iter().map(|line| Line::Old(line)), new.iter());
        return old.chain(new.map(|line| Line::New(line))).collect();
    }
    // `best[i][j]` is the length of the longest common subsequence of what follows.
    let width = new.len() + 1;
    let mut best = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            best[i * width + j] = match old[i] == new[j] {
                true => best[(i + 1) * width + j + 1] + 1,
                false => best[(i + 1) * width + j].max(best[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Both(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len()
            && (j == new.len() || best[(i + 1) * width + j] >= best[i * width + j + 1])
        {
            lines.push(Line::Old(old[i]));
            i += 1;
        } else {
            lines.push(Line::New(new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, expected: &[&str]) {
        assert_eq!(unified(old, new, Paint::Plain), expected);
    }

    #[test]
    fn what_differs_is_shown_with_lines_around() {
        check("a", "a", &["  …"]);
        check("a\nb\nc", "a\nx\nc", &["  a", "- b", "+ x", "  c"]);
        check("", "a", &["+ a"]);
        check(
            "1\n2\n3\n4\n5\n6\n7\n8",
            "1\n2\n3\n4\n5\n6\nx\n7\n8",
            &["  …", "  5", "  6", "+ x", "  7", "  8"],
        );
        check(
            "1\nx\n2\n3\n4\n5\n6\n7",
            "1\n2\n3\n4\n5\n6",
            &["  1", "- x", "  2", "  3", "  …", "  5", "  6", "- 7"],
        );
    }
}
