//! `blueprint vault policy`: what may be done with a secret, shown and set.

use anyhow::Result;
use blueprint_model::{Value, egress::Place, secret::Policy, units};
use blueprint_vault::{FileError, FileVault};
use clap::ValueEnum;
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde_json::json;

use super::act::{parse_host, parse_name};
use crate::{app::App, exit::Exit};
use blueprint_project::secrets::{self, file_failure};
use blueprint_project::{failure::Failure, project::Project};

/// Shows what may be done with a secret, or changes it. Value and version stay.
///
/// It stands above every blueprint: a blueprint can narrow it and never widen it. A list is given
/// whole, with commas between; the word any clears it. What is not given stays.
/// Next: blueprint vault usage KEY, to see who uses it.
///
/// Examples:
///   blueprint vault policy ACME_KEY
///   blueprint vault policy ACME_KEY --hosts api.acme.example,*.acme.example:8443
///   blueprint vault policy ACME_KEY --places header:Authorization,body --blueprints city-weather
///   blueprint vault policy ACME_KEY --reveal allow
///   blueprint vault policy ACME_KEY --expires 2027-01-31
///   blueprint vault policy ACME_KEY --hosts any --expires never
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct PolicyArgs {
    /// The name
    pub key: String,
    /// Hosts that it may go to, or any
    #[arg(long, value_name = "HOST,…", value_delimiter = ',')]
    pub hosts: Option<Vec<String>>,
    /// Places that it may stand in, or any: header, header:NAME, query, path, body, password, stdin,
    /// variable, variable:NAME
    #[arg(long, value_name = "PLACE,…", value_delimiter = ',')]
    pub places: Option<Vec<String>>,
    /// Blueprints that may use it, or any
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub blueprints: Option<Vec<String>>,
    /// Whether scripts may see the value, where their block asks for it
    #[arg(long, value_enum)]
    pub reveal: Option<Reveal>,
    /// When it stops being used: a date, a time, a span from now such as 90d, or never
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Whether scripts may see a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reveal {
    /// Where their block asks for it.
    Allow,
    /// Never.
    Deny,
}

pub(super) fn run(args: &PolicyArgs, project: &Project, app: &mut App) -> Result<Exit> {
    let name = parse_name(&args.key)?;
    let vault = secrets::file_vault(project, &app.environment);
    let old = policy_of(&vault, &name)?;
    let new = changed(args, old.clone(), secrets::now())?;
    if new != old {
        vault.set_policy(&name, &new).map_err(file_failure)?;
        app.err.line(&format!("changed the policy of {name}"))?;
    }
    if args.json {
        let mut shown = json(&new);
        shown["name"] = json!(name.as_str());
        app.out.line(&format!("{shown:#}"))?;
    } else {
        for (word, value) in rows(&new) {
            app.out.line(&format!("{word:10}  {value}"))?;
        }
    }
    Ok(Exit::Fine)
}

fn policy_of(vault: &FileVault, name: &blueprint_model::SecretName) -> Result<Policy> {
    vault.policy(name).map_err(|err| match err {
        FileError::NotFound { .. } => Failure::wrong(format!("the vault file has no `{name}`"))
            .help("policies are kept in the vault file; see what is there: blueprint vault list")
            .into(),
        err => file_failure(err),
    })
}

/// Returns the policy with everything that was asked for.
fn changed(args: &PolicyArgs, mut policy: Policy, now: Timestamp) -> Result<Policy> {
    if let Some(hosts) = listed(args.hosts.as_ref()) {
        policy.hosts = hosts.iter().map(|host| parse_host(host)).collect::<Result<_>>()?;
    }
    if let Some(places) = listed(args.places.as_ref()) {
        policy.places = places.iter().map(|place| parse_place(place)).collect::<Result<_>>()?;
    }
    if let Some(blueprints) = listed(args.blueprints.as_ref()) {
        if let Some(bad) = blueprints.iter().find(|it| !blueprint_model::id::is_blueprint_name(it))
        {
            let failure = Failure::wrong(format!("`{bad}` cannot be the name of a blueprint"));
            return Err(failure.help("the `name` in its file, as in city-weather").into());
        }
        policy.blueprints = blueprints;
    }
    if let Some(reveal) = args.reveal {
        policy.may_reveal = reveal == Reveal::Allow;
    }
    if let Some(text) = &args.expires {
        policy.expires = parse_expires(text, now)?;
    }
    Ok(policy)
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

/// Returns a policy in words.
pub(super) fn rows(policy: &Policy) -> [(&'static str, String); 5] {
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

/// Returns a policy as JSON: empty lists allow any.
pub(super) fn json(policy: &Policy) -> Value {
    json!({
        "hosts": policy.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "places": policy.places.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "blueprints": policy.blueprints,
        "reveal": if policy.may_reveal { "allow" } else { "deny" },
        "expires": policy.expires.map(|at| format!("{at:.0}")),
    })
}
