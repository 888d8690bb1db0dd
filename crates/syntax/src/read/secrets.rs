//! The list of vault keys that a blueprint may use.

use blueprint_model::{
    Diagnostic, SecretName, Spanned, blueprint::SecretRule, code, egress::HostPattern,
};
use indexmap::IndexMap;

use crate::{
    read::reader::{self, Reader},
    yaml::{Data, Entry},
};

const KEYS: &[&str] = &["hosts", "optional", "description"];

/// Reads `secrets` of a blueprint; `None` where it says nothing that can be used.
pub(crate) fn secrets(
    reader: &mut Reader<'_>,
    entry: &Entry,
) -> Option<IndexMap<String, SecretRule>> {
    if entry.value.is_null() {
        return Some(IndexMap::new());
    }
    let Data::Map(map) = &entry.value.data else {
        let fault = reader::wrong_type("secrets", "an object", entry);
        reader.report(fault.help("write `{ACME_API_KEY: {hosts: [api.acme.example]}}`"));
        return None;
    };
    let mut rules = IndexMap::new();
    for (name, entry) in map {
        if reader.is_full() {
            break;
        }
        if SecretName::parse(name).is_none() {
            let message = format!("`{}` cannot be the name of a secret", reader::short(name));
            let fault = Diagnostic::error(code::BAD_VALUE, entry.key_span, message);
            reader.report(fault.help("a name is made of letters, digits, `_` and `-`"));
            continue;
        }
        rules.insert(name.clone(), rule(reader, name, entry));
    }
    Some(rules)
}

fn rule(reader: &mut Reader<'_>, name: &str, entry: &Entry) -> SecretRule {
    let mut rule = SecretRule { span: entry.key_span, ..SecretRule::default() };
    if entry.value.is_null() {
        return rule;
    }
    let Some(map) = reader.object(name, entry) else { return rule };
    reader.unknown_keys(map, KEYS, "a secret");
    if let Some(entry) = map.get("hosts") {
        let hosts = reader.texts("hosts", entry);
        rule.hosts = hosts.into_iter().filter(|host| is_host(reader, host)).collect();
    }
    if let Some(entry) = map.get("optional") {
        rule.is_optional = reader.boolean("optional", entry).unwrap_or(false);
    }
    if let Some(entry) = map.get("description") {
        rule.description = reader.text("description", entry).map(|text| text.value);
    }
    rule
}

fn is_host(reader: &mut Reader<'_>, host: &Spanned<String>) -> bool {
    if HostPattern::parse(&host.value).is_some() {
        return true;
    }
    let message = format!("`{}` is no host", reader::short(&host.value));
    let fault = Diagnostic::error(code::BAD_VALUE, host.span, message);
    let name = host.value.trim_start_matches("https://").split(['/', '?']).next().unwrap_or("");
    let is_better = !name.is_empty() && HostPattern::parse(name).is_some();
    reader.report(if is_better {
        fault.help(format!("write `{}`: a host has no path", reader::short(name)))
    } else {
        fault.help("write `api.acme.example`, `*.acme.example` or `http://127.0.0.1:8080`")
    });
    false
}
