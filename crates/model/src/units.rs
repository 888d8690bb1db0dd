//! Durations, sizes and the bounds that hold everywhere.

use std::time::Duration;

/// The deepest nesting of a value, a document or a template.
pub const MAX_DEPTH: usize = 128;

/// Reads a duration such as `250ms`, `10s`, `5m`, `1h` or `2d`; several parts add up (`1m30s`).
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let unit_len = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_len);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = next.trim_start();
    }
    Some(total)
}

/// Returns a duration in the largest units that keep it short: `412ms`, `1.3s`, `2m05s`.
pub fn format_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{:.1}s", duration.as_secs_f64()),
        _ => format!("{}m{:02}s", ms / 60_000, ms / 1_000 % 60),
    }
}

/// Reads a size such as `64KiB`, `10MB` or `512B`, in bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text.trim())?;
    let factor: f64 = match unit.trim() {
        "" | "B" => 1.0,
        "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1_024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        _ => return None,
    };
    let bytes = number * factor;
    // Sizes beyond 2^53 would lose bytes in the conversion; nothing here is that large.
    (0.0..9e15).contains(&bytes).then_some(bytes as u64)
}

/// Returns a size for people: `18.2 KB`.
pub fn format_size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn split_number(text: &str) -> Option<(f64, &str)> {
    let len = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(len);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_duration(text: &str, ms: Option<u64>) {
        assert_eq!(parse_duration(text), ms.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn durations_need_a_unit() {
        check_duration("250ms", Some(250));
        check_duration("1.5s", Some(1_500));
        check_duration("1m30s", Some(90_000));
        check_duration("2d", Some(172_800_000));
        check_duration("10", None);
        check_duration("", None);
        check_duration("-1s", None);
        check_duration("1 s", None);
        check_duration("1e400s", None);
    }

    #[test]
    fn sizes_know_both_kinds_of_units() {
        assert_eq!(parse_size("64KiB"), Some(65_536));
        assert_eq!(parse_size("10MB"), Some(10_000_000));
        assert_eq!(parse_size("12"), Some(12));
        assert_eq!(parse_size("12 parsecs"), None);
    }

    #[test]
    fn durations_are_shown_short() {
        assert_eq!(format_duration(Duration::from_millis(412)), "412ms");
        assert_eq!(format_duration(Duration::from_millis(1_300)), "1.3s");
        assert_eq!(format_duration(Duration::from_secs(125)), "2m05s");
    }
}
