//! Which block fields use which secret, and which secrets are missing or unused.

use std::collections::BTreeMap;

use blueprint_engine::{Goes, Plan, PlannedUse};
use blueprint_vault::vault::Listing;

/// A place in a blueprint that uses a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The blueprint's name.
    pub blueprint: String,
    /// Which block, which field, what for.
    pub planned: PlannedUse,
}

/// What blueprints do with the secrets that there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Every use.
    pub uses: Vec<Use>,
    /// Names that are used and are nowhere, each with whether a run needs it.
    pub missing: Vec<(String, bool)>,
    /// Names that are there and nobody uses.
    pub unused: Vec<String>,
    /// What sources did not tell, in sentences.
    pub silent: Vec<String>,
}

impl Usage {
    /// Returns what comes of these uses where these secrets are there.
    pub fn of(uses: Vec<Use>, listing: &Listing) -> Self {
        let mut used: BTreeMap<String, bool> = BTreeMap::new();
        for Use { planned, .. } in &uses {
            *used.entry(planned.key.as_str().into()).or_default() |= !planned.is_optional;
        }
        let unused = listing.keys.iter().filter(|row| !row.is_shadowed);
        let unused = unused.map(|row| row.listed.name.as_str().to_owned());
        let unused = unused.filter(|name| !used.contains_key(name)).collect();
        let is_there = |key: &str| listing.keys.iter().any(|row| row.listed.name.as_str() == key);
        // A source that cannot tell what it has may have it.
        let is_certain = listing.unlisted.is_empty() && listing.failures.is_empty();
        let missing = used.into_iter().filter(|(key, _)| is_certain && !is_there(key)).collect();
        let failures = listing.failures.iter();
        let failures =
            failures.map(|(name, err)| format!("provider `{name}` gave no answer: {err}"));
        let unlisted = listing.unlisted.iter();
        let unlisted = unlisted.map(|name| format!("provider `{name}` cannot tell what it has"));
        Self { uses, missing, unused, silent: failures.chain(unlisted).collect() }
    }
}

/// Returns where a plan uses secrets.
pub fn uses_of(plan: &Plan) -> Vec<Use> {
    let found = plan.secret_uses().into_iter().map(|planned| Use {
        file: plan.source.file.to_string(),
        line: plan.source.position(planned.at).0,
        blueprint: plan.name.clone(),
        planned,
    });
    found.collect()
}

/// Says which field of which block uses a secret, and what for.
pub fn sentence(planned: &PlannedUse) -> String {
    let field = match &planned.part {
        Some(part) => format!("{}.{part}", planned.field),
        None => planned.field.to_owned(),
    };
    let goes = match &planned.goes {
        Goes::Out { host: Some(host), place } => format!("to {host}, {place}"),
        Goes::Out { host: None, place } => format!("to a computed host, {place}"),
        Goes::Script => "its handle, in a script".into(),
        Goes::Revealed => "REVEALED to the script".into(),
        Goes::Listed => "may be named by a computed name".into(),
        Goes::Handle => "its handle only".into(),
    };
    format!("{}.{field}: {goes}", planned.block)
}
