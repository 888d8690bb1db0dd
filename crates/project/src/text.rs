//! Text for terminals: how wide it is, what is safe to print, and how long things took.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The pictures of something that works, ten a second.
pub const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Returns the columns that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Returns the columns that a character takes.
pub fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Returns the text with everything replaced that could act on a terminal or reorder what a person
/// reads: control characters, and marks that change the direction of writing.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        text.chars().map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }).collect()
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns whether a character could act on a terminal or reorder what a person reads.
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the text on one safe line of at most `columns`, with `…` where it was cut.
pub fn fit(text: &str, columns: usize) -> String {
    let mut fitted = String::new();
    let mut taken = 0;
    // One character that stays free for the sign of a cut.
    let mut before_last = 0;
    for c in text.chars() {
        let c = if c == '\n' || c == '\t' { ' ' } else { c };
        let c = if is_unsafe(c) { '\u{fffd}' } else { c };
        if taken + char_width(c) > columns {
            fitted.truncate(before_last);
            if columns > 0 {
                fitted.push('…');
            }
            return fitted;
        }
        taken += char_width(c);
        fitted.push(c);
        if taken < columns {
            before_last = fitted.len();
        }
    }
    fitted
}

/// Returns the text with blanks up to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(width(text));
    format!("{text}{:blanks$}", "")
}

/// Returns a duration for people: `412 ms`, `1.3 s`, `2 m 05 s`.
pub fn duration(us: u64) -> String {
    let ms = us / 1_000;
    match ms {
        0 => "<1 ms".into(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms / 100 % 10),
        60_000..3_600_000 => format!("{} m {:02} s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{} h {:02} m", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// Returns a time as seen from now: `3 min ago`, `in 2 h`, `now`.
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs();
    let (n, unit) = match seconds.unsigned_abs() {
        0 => return "now".into(),
        n @ 1..60 => (n, "s"),
        n @ 60..3_600 => (n / 60, "min"),
        n @ 3_600..86_400 => (n / 3_600, "h"),
        n @ 86_400..172_800 => (n / 86_400, "day"),
        n => (n / 86_400, "days"),
    };
    if seconds > 0 { format!("{n} {unit} ago") } else { format!("in {n} {unit}") }
}

/// Returns a time for people: `2026-11-24 07:00:00 UTC`.
pub fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Returns the microseconds between two times; none if they are the wrong way round.
pub fn us_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_micros()).unwrap_or(0)
}

/// Adds formatted text to a text.
pub fn add(text: &mut String, addition: fmt::Arguments<'_>) {
    text.write_fmt(addition).expect("a String takes all text");
}

/// Returns a number with its noun: `1 error`, `2 errors`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Returns the text as it stands in XML: also what XML cannot hold is replaced.
pub fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if is_unsafe(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_fit(text: &str, columns: usize, expected: &str) {
        let fitted = fit(text, columns);
        assert_eq!(fitted, expected);
        assert!(width(&fitted) <= columns);
    }

    #[test]
    fn cut_text_says_so() {
        check_fit("abcdef", 6, "abcdef");
        check_fit("abcdef", 5, "abcd…");
        check_fit("abcdef", 1, "…");
        check_fit("abcdef", 0, "");
        check_fit("漢字漢字", 5, "漢字…");
        check_fit("漢字漢字", 4, "漢…");
        check_fit("a\nb\u{1b}[31m", 20, "a b\u{fffd}[31m");
    }

    #[test]
    fn nothing_acts_on_the_terminal() {
        assert_eq!(safe("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert!(matches!(safe("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn times_are_told_from_now() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let shown: Vec<_> = [0, 5, 200, 7_300, 90_000, 200_000, -30, -7_200]
            .into_iter()
            .map(|ago| relative(now - jiff::SignedDuration::from_secs(ago), now))
            .collect();
        let expected = [
            "now",
            "5 s ago",
            "3 min ago",
            "2 h ago",
            "1 day ago",
            "2 days ago",
            "in 30 s",
            "in 2 h",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn durations_have_units() {
        let shown: Vec<_> = [400, 1_000, 412_000, 1_345_000, 125_000_000, 7_500_000_000]
            .into_iter()
            .map(duration)
            .collect();
        assert_eq!(shown, ["<1 ms", "1 ms", "412 ms", "1.3 s", "2 m 05 s", "2 h 05 m"]);
    }
}
