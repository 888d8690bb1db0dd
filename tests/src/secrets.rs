//! The vault of the suite: every key has a value that is obviously false.

use blueprint_engine::SecretNeed;
use blueprint_model::{
    Secret, SecretName, Secrets, Value,
    egress::{HostPattern, Place},
    journal::HandleTable,
    provider::Entry,
    secret::Policy,
};
use blueprint_vault::{LoadError, MemoryVault, Need, Vault};
use jiff::Timestamp;

/// Returns the value of a key: `example-api-key-7Qx2` for `API_KEY`, unless the case or the demo
/// gives one.
pub fn value_of(name: &str, given: &Value) -> String {
    let own = given[name]["value"].as_str();
    let demo = blueprint::demo::SECRETS.iter().find(|(known, _)| *known == name);
    match (own, demo) {
        (Some(own), _) => own.into(),
        (None, Some((_, value))) => (*value).into(),
        (None, None) => format!("example-{}-7Qx2", name.to_lowercase().replace('_', "-")),
    }
}

/// Loads what a run needs from a vault in memory, which has every key but those that begin with
/// `MISSING`. `given` holds values and policies that a case sets.
///
/// # Errors
///
/// Returns what the vault says about keys that are missing or expired.
pub fn load(needs: &[SecretNeed], given: &Value) -> Result<Secrets, LoadError> {
    vault(needs, given).load(&needs_of(needs), Timestamp::UNIX_EPOCH)
}

/// Loads what a run needs to go on in another process, with the handles it has.
///
/// # Errors
///
/// Returns what the vault says about keys that are missing or expired.
pub fn reload(
    needs: &[SecretNeed],
    given: &Value,
    handles: &HandleTable,
) -> Result<Secrets, LoadError> {
    vault(needs, given).reload(&needs_of(needs), Timestamp::UNIX_EPOCH, handles)
}

fn vault(needs: &[SecretNeed], given: &Value) -> Vault {
    let names = needs.iter().map(|need| &need.name);
    let present = names.filter(|name| !name.as_str().starts_with("MISSING"));
    let vault = present.fold(MemoryVault::new(), |vault, name| {
        let value = Secret::new(value_of(name.as_str(), given));
        vault.with(name.clone(), value, policy_of(&given[name.as_str()]))
    });
    Vault::new(vec![Box::new(vault)])
}

fn needs_of(needs: &[SecretNeed]) -> Vec<Need> {
    let need = |need: &SecretNeed| Need { name: need.name.clone(), is_optional: need.is_optional };
    needs.iter().map(need).collect()
}

/// Returns the entries of a vault that has these keys, to search texts for their values.
pub fn entries<'n>(names: impl Iterator<Item = &'n SecretName>, given: &Value) -> Vec<Entry> {
    let entry = |name: &SecretName| {
        let value = value_of(name.as_str(), given);
        Entry {
            name: name.clone(),
            version: 1,
            is_weak: blueprint_vault::weakness(&value).is_some(),
            value: Secret::new(value),
            policy: Policy::default(),
        }
    };
    names.map(entry).collect()
}

fn policy_of(given: &Value) -> Policy {
    let texts = |key: &str| {
        let list = given[key].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(|item| Some(item.as_str()?.to_owned())).collect::<Vec<_>>()
    };
    let expires = given["expires"].as_str();
    Policy {
        hosts: texts("hosts").iter().filter_map(|text| HostPattern::parse(text)).collect(),
        places: texts("places").iter().filter_map(|text| Place::parse(text)).collect(),
        blueprints: texts("blueprints"),
        may_reveal: given["reveal"] == true,
        expires: expires.and_then(|text| text.parse().ok()),
    }
}
