//! What may be done with a secret, changed as people write it.

use anyhow::Result;
use blueprint_model::{egress::Place, secret::Policy, units};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};

use super::parse_host;
use crate::failure::Failure;

/// What shall be different in a policy; `None` leaves a part as it is. A list is given whole; the word
/// `any` alone, or nothing in it, clears it.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    /// Hosts that a secret may go to.
    pub hosts: Option<Vec<String>>,
    /// Places that it may stand in.
    pub places: Option<Vec<String>>,
    /// Blueprints that may use it.
    pub blueprints: Option<Vec<String>>,
    /// Whether scripts may see the value, where their block asks for it.
    pub may_reveal: Option<bool>,
    /// When it stops being used: a date, a time, a span from now, or `never`.
    pub expires: Option<String>,
}

impl PolicyChange {
    /// Returns the policy with everything that was asked for.
    ///
    /// # Errors
    ///
    /// Returns a failure that names what cannot be read.
    pub fn of(&self, mut policy: Policy, now: Timestamp) -> Result<Policy> {
        if let Some(hosts) = listed(self.hosts.as_ref()) {
            policy.hosts = hosts.iter().map(|host| parse_host(host)).collect::<Result<_>>()?;
        }
        if let Some(places) = listed(self.places.as_ref()) {
            policy.places = places.iter().map(|place| parse_place(place)).collect::<Result<_>>()?;
        }
        if let Some(blueprints) = listed(self.blueprints.as_ref()) {
            if let Some(bad) =
                blueprints.iter().find(|it| !blueprint_model::id::is_blueprint_name(it))
            {
                let failure = Failure::wrong(format!("`{bad}` cannot be the name of a blueprint"));
                return Err(failure.help("the `name` in its file, as in city-weather").into());
            }
            policy.blueprints = blueprints;
        }
        if let Some(may_reveal) = self.may_reveal {
            policy.may_reveal = may_reveal;
        }
        if let Some(text) = &self.expires {
            policy.expires = parse_expires(text, now)?;
        }
        Ok(policy)
    }
}

/// Returns a policy in words.
pub fn policy_rows(policy: &Policy) -> [(&'static str, String); 5] {
    let any = |words: Vec<String>| {
        if words.is_empty() { "any".to_owned() } else { words.join(", ") }
    };
    [
        ("hosts", any(policy.hosts.iter().map(ToString::to_string).collect())),
        ("places", any(policy.places.iter().map(ToString::to_string).collect())),
        ("blueprints", any(policy.blueprints.clone())),
        ("reveal", if policy.may_reveal { "allow" } else { "deny" }.to_owned()),
        ("expires", policy.expires.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"))),
    ]
}

/// Returns a list as given, empty where it is cleared.
fn listed(given: Option<&Vec<String>>) -> Option<Vec<String>> {
    let words = given?.iter().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.collect();
    Some(if words == ["any"] { Vec::new() } else { words })
}

fn parse_place(text: &str) -> Result<Place> {
    Place::parse(text).ok_or_else(|| {
        Failure::wrong(format!("`{text}` is no place"))
            .help(
                "as in header:Authorization, header, query, path, body, password, stdin, variable",
            )
            .into()
    })
}

fn parse_expires(text: &str, now: Timestamp) -> Result<Option<Timestamp>> {
    if text == "never" {
        return Ok(None);
    }
    let at_midnight =
        |date: Date| TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok();
    let after = || {
        let span = units::parse_duration(text)?;
        now.checked_add(SignedDuration::try_from(span).ok()?).ok()
    };
    let at = text.parse::<Timestamp>().ok();
    let at = at.or_else(|| text.parse::<Date>().ok().and_then(at_midnight)).or_else(after);
    at.map(Some).ok_or_else(|| {
        Failure::wrong(format!("`{text}` is no time"))
            .help("as in 2027-01-31 (its beginning, UTC), 2027-01-31T12:00:00Z, 90d, never")
            .into()
    })
}
