//! `blueprint vault policy`: what may be done with a secret, shown and set.

use anyhow::Result;
use blueprint_model::{Value, secret::Policy};
use blueprint_project::secrets::{self, file_failure};
use blueprint_vault::{FileError, FileVault};
use clap::ValueEnum;
use serde_json::json;

use super::act::parse_name;
use crate::{app::App, exit::Exit};
use blueprint_project::{
    failure::Failure,
    project::Project,
    vault::{PolicyChange, policy_rows},
};

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
    let new = change_of(args).of(old.clone(), secrets::now())?;
    if new != old {
        vault.set_policy(&name, &new).map_err(file_failure)?;
        app.err.line(&format!("changed the policy of {name}"))?;
    }
    if args.json {
        let mut shown = json(&new);
        shown["name"] = json!(name.as_str());
        app.out.line(&format!("{shown:#}"))?;
    } else {
        for (word, value) in policy_rows(&new) {
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

fn change_of(args: &PolicyArgs) -> PolicyChange {
    PolicyChange {
        hosts: args.hosts.clone(),
        places: args.places.clone(),
        blueprints: args.blueprints.clone(),
        may_reveal: args.reveal.map(|reveal| reveal == Reveal::Allow),
        expires: args.expires.clone(),
    }
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
