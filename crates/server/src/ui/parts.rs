//! Small parts of pages: states, times, durations, forms, what to say where there is nothing.

use blueprint_model::{
    RunId,
    journal::{Phase, RunSummary},
};
use blueprint_project::text;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::access::Visitor;

/// How something stands: a sign, a word and a colour, so that none of them has to be seen alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// The word.
    pub(crate) word: &'static str,
    /// The sign.
    pub(crate) sign: &'static str,
    /// The class of the colour: `s-good`, `s-bad`, `s-warn`, `s-live`, `s-wait` or `s-mute`.
    pub(crate) class: &'static str,
}

/// Ended well.
pub(crate) const SUCCEEDED: State = State { word: "succeeded", sign: "✓", class: "s-good" };
/// Ended badly.
pub(crate) const FAILED: State = State { word: "failed", sign: "✕", class: "s-bad" };
/// At work.
pub(crate) const RUNNING: State = State { word: "running", sign: "●", class: "s-live" };
/// Waits for a time, a person or an event.
pub(crate) const WAITING: State = State { word: "waiting", sign: "◔", class: "s-wait" };
/// Its process is gone.
pub(crate) const INTERRUPTED: State = State { word: "interrupted", sign: "!", class: "s-warn" };
/// Stopped.
pub(crate) const CANCELLED: State = State { word: "cancelled", sign: "⊘", class: "s-mute" };

/// Returns how a run stands.
pub(crate) fn phase(phase: Phase) -> State {
    match phase {
        Phase::Running => RUNNING,
        Phase::Waiting => WAITING,
        Phase::Interrupted => INTERRUPTED,
        Phase::Succeeded => SUCCEEDED,
        Phase::Failed => FAILED,
        Phase::Cancelled => CANCELLED,
    }
}

impl State {
    /// Returns it as text in its colour.
    pub(crate) fn text(self) -> Markup {
        html! {
            span.state.(self.class) { span.sign aria-hidden="true" { (self.sign) } (self.word) }
        }
    }

    /// Returns it on a ground in its colour.
    pub(crate) fn pill(self) -> Markup {
        html! {
            span.state.pill.(self.class) { span.sign aria-hidden="true" { (self.sign) } (self.word) }
        }
    }
}

/// Returns a time as seen from now, with the moment where the pointer rests.
pub(crate) fn time(time: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(time) title=(text::moment(time)) data-ago[time <= now] {
            (text::relative(time, now))
        }
    }
}

/// Returns a duration for people.
pub(crate) fn duration(us: u64) -> Markup {
    html! { span.nowrap title={ (us) " µs" } { (text::duration(us)) } }
}

/// Returns a link to a run.
pub(crate) fn run_link(run: &RunId) -> Markup {
    html! { a.mono.nowrap href={ "/runs/" (run) } title=(run) { (run.short()) } }
}

/// Shows runs as a table; with their blueprints unless all are of one.
pub(crate) fn runs_table(runs: &[RunSummary], now: Timestamp, with_blueprints: bool) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "State" } th { "Run" }
                @if with_blueprints { th { "Blueprint" } }
                th.wide-only { "Trigger" } th { "Started" } th.num { "Took" }
            } }
            tbody { @for run in runs { tr {
                td.fit { (phase(run.phase).text()) }
                td.fit { (run_link(&run.run)) }
                @if with_blueprints { td { (blueprint_link(&run.blueprint)) } }
                td.fit.soft.wide-only { (run.trigger) }
                td.fit { (time(run.started, now)) }
                td.fit.num { (took(run, now)) }
            } } }
        } }
    }
}

/// Says how long a run took, or takes so far; or when it wakes.
pub(crate) fn took(run: &RunSummary, now: Timestamp) -> Markup {
    match (run.ended, run.wake) {
        (Some(ended), _) => duration(text::us_between(run.started, ended)),
        (None, Some(wake)) => html! { span.soft { "wakes " (time(wake, now)) } },
        (None, None) => html! { span.soft { (duration(text::us_between(run.started, now))) } },
    }
}

/// Returns a link to a blueprint.
pub(crate) fn blueprint_link(name: &str) -> Markup {
    html! { a href={ "/blueprints/" (segment(name)) } { (name) } }
}

/// Returns what to say where there is nothing, with the command that changes that, if there is one.
pub(crate) fn empty(text: &str, command: Option<&str>) -> Markup {
    html! {
        div.empty {
            p { (text) }
            @if let Some(command) = command { p { code { (command) } } }
        }
    }
}

/// Returns a sentence in which names stand in backticks as such.
pub(crate) fn prose(text: &str) -> Markup {
    html! {
        @for (n, part) in text.split('`').enumerate() {
            @if n % 2 == 1 { code.prose-code { (part) } } @else { (part) }
        }
    }
}

/// Returns a form that sends `body` to `action`, known to be ours.
#[expect(clippy::needless_pass_by_value, reason = "as `html!` gives it")]
pub(crate) fn form(visitor: &Visitor, action: &str, body: Markup) -> Markup {
    html! { form method="post" action=(action) { (csrf(visitor)) (body) } }
}

/// Returns the hidden field by which a form is known to be ours.
pub(crate) fn csrf(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="_csrf" value=(visitor.csrf()); }
}

/// Returns a button that copies a text.
pub(crate) fn copy(label: &str, text: &str) -> Markup {
    html! { button.small.js-only type="button" data-copy=(text) { (label) } }
}

/// Returns a number with its digits in groups: `10,000`.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a text as one segment of a path, or one value of a query.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            text::add(&mut out, format_args!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_cannot_leave_their_place() {
        assert_eq!(segment("a b/../c?d=é"), "a%20b%2F..%2Fc%3Fd%3D%C3%A9");
    }

    #[test]
    fn states_have_a_sign_a_word_and_a_colour() {
        let shown = FAILED.pill().into_string();
        assert!(shown.contains("✕") && shown.contains("failed") && shown.contains("s-bad"));
    }

    #[test]
    fn texts_cannot_break_out() {
        let evil = "\"><script>alert(1)</script>";
        let shown = html! { (blueprint_link(evil)) (empty(evil, Some(evil))) (copy(evil, evil)) };
        assert!(!shown.into_string().contains("<script>"));
    }
}
