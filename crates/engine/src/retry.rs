//! Whether a block is tried again, and when.

use std::time::Duration;

use blueprint_model::{
    Value,
    block::End,
    blueprint::{Backoff, Retry},
};

/// Returns the pause before the next attempt, or `None` if this one was the last.
///
/// `attempt` counts from 1; `chance` is from 0 up to 1 and spreads pauses between half and all of
/// their length. What the other side asks for is respected up to `max_delay`.
pub(crate) fn pause(retry: &Retry, attempt: u32, end: &End, chance: f64) -> Option<Duration> {
    if attempt >= retry.attempts || !is_wanted(retry, end) {
        return None;
    }
    let doubled = match retry.backoff {
        Backoff::Fixed => 1,
        Backoff::Exponential => 1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX),
    };
    let full = retry.delay.saturating_mul(doubled).min(retry.max_delay);
    let spread = if retry.has_jitter { full.mul_f64(0.5 + chance / 2.0) } else { full };
    Some(spread.max(end.retry_after.unwrap_or_default().min(retry.max_delay)))
}

fn is_wanted(retry: &Retry, end: &End) -> bool {
    if !retry.outcomes.is_empty() {
        return retry.outcomes.iter().any(|outcome| *outcome.value == *end.outcome);
    }
    let status = end.result.get("status_code").and_then(Value::as_u64);
    match status {
        Some(status) if !retry.statuses.is_empty() => {
            retry.statuses.iter().any(|wanted| is_status(wanted, status))
        }
        Some(_) | None => end.is_transient,
    }
}

/// Returns whether `wanted`, as in `429` or `5xx`, means `status`.
fn is_status(wanted: &str, status: u64) -> bool {
    let status = status.to_string();
    wanted.len() == status.len()
        && wanted.chars().zip(status.chars()).all(|(w, s)| w == s || w.eq_ignore_ascii_case(&'x'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(status: u64) -> End {
        End { is_transient: true, ..End::new("response_error", json!({"status_code": status})) }
    }

    #[track_caller]
    fn check(retry: &Retry, attempt: u32, end: &End, expected_ms: Option<u64>) {
        assert_eq!(pause(retry, attempt, end, 1.0), expected_ms.map(Duration::from_millis));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry { attempts: 9, ..Retry::default() };
        check(&retry, 1, &failed(503), Some(500));
        check(&retry, 2, &failed(503), Some(1_000));
        check(&retry, 8, &failed(503), Some(30_000));
        check(&retry, 9, &failed(503), None);
    }

    #[test]
    fn the_other_side_is_heard() {
        let retry = Retry { attempts: 3, ..Retry::default() };
        let end = End { retry_after: Some(Duration::from_secs(7)), ..failed(429) };
        check(&retry, 1, &end, Some(7_000));
        let end = End { retry_after: Some(Duration::from_secs(7_000)), ..failed(429) };
        check(&retry, 1, &end, Some(30_000));
    }

    #[test]
    fn only_wanted_failures_are_tried_again() {
        let retry = Retry { attempts: 3, statuses: vec!["5xx".into()], ..Retry::default() };
        check(&retry, 1, &failed(429), None);
        check(&retry, 1, &failed(502), Some(500));
        let end = End { is_transient: false, ..End::new("error", json!(null)) };
        check(&Retry { attempts: 3, ..Retry::default() }, 1, &end, None);
    }
}
