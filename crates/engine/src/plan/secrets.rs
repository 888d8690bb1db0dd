//! Which block may use which secret, and whether it would go where it may.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{
    Blueprint, Diagnostic, SecretName, Span,
    block::Reach,
    blueprint::{FieldValue, SecretRule, Trigger, TriggerKind},
    code,
    diagnostic::{is_full, suggest},
    egress::{Destination, HostPattern, Permit, SecretGrant},
    secret::SecretOutput,
    template::{Segment, Template},
};

use super::{
    SecretNeed,
    compile::{Cx, Parts, SecretSite},
    names::{DraftNode, index},
    uses::Site,
};

/// Judges every use of a secret and gives each block its permit; returns what a run must load, and
/// every place that names a secret.
pub(crate) fn judge(
    cx: &Cx<'_>,
    parts: &mut Parts,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<SecretNeed>, Vec<Site>) {
    let mut needs: BTreeMap<SecretName, SecretNeed> = BTreeMap::new();
    let mut used = Vec::new();
    let listed = listed(cx.blueprint);
    for (graph, blocks) in parts.blocks.iter_mut().enumerate() {
        for (block, parts) in blocks.iter_mut().enumerate() {
            if is_full(diagnostics) {
                break;
            }
            let node = &cx.draft.graphs[graph].nodes[block];
            let sites = sites_of(node, std::mem::take(&mut parts.secrets), diagnostics);
            let keys: Vec<(SecretName, SecretGrant)> = sites
                .iter()
                .filter_map(|site| Some((site, judge_site(cx.blueprint, node, site, diagnostics)?)))
                .map(|(site, need)| {
                    let at = (index(graph), index(block));
                    used.push(Site { at, need: need.clone(), site: site.clone() });
                    needs
                        .entry(need.name.clone())
                        .and_modify(|known| known.is_optional &= need.is_optional)
                        .or_insert_with(|| need.clone());
                    (need.name, need.grant)
                })
                .collect();
            let reveal = names(&node.node.reveal, diagnostics);
            let outputs = outputs(&node.node.secret_outputs, diagnostics);
            // Handles reach a block from others too, so all that send have a permit.
            let sends = node.spec().is_some_and(|spec| spec.reach == Reach::Outside);
            if sends || !keys.is_empty() || !reveal.is_empty() || !outputs.is_empty() {
                let (blueprint, listed) = (cx.blueprint.name.value.clone(), listed.clone());
                let permit = Permit { blueprint, keys, reveal, listed, outputs };
                parts.permit = Some(Arc::new(permit));
            }
        }
    }
    if diagnostics.iter().all(|diagnostic| !diagnostic.is_error()) {
        unused(cx.blueprint, &needs, diagnostics);
    }
    (needs.into_values().collect(), used)
}

/// The keys that a block names: literally, or in its lists.
fn sites_of(
    node: &DraftNode<'_>,
    found: Vec<SecretSite>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<SecretSite> {
    let listed = node.node.secrets.iter().map(|name| ("secrets", name));
    let revealed = node.node.reveal.iter().map(|name| ("reveal", name));
    let mut sites: Vec<SecretSite> = listed
        .chain(revealed)
        .map(|(field, name)| SecretSite {
            key: Some(name.value.clone()),
            is_optional: false,
            field,
            part: None,
            span: name.span,
        })
        .collect();
    for site in found {
        if site.key.is_some() {
            sites.push(site);
        } else if node.node.secrets.is_empty() {
            let message = format!("block `{}` computes the name of a secret", node.id);
            diagnostics.push(
                Diagnostic::error(code::COMPUTED_SECRET, site.span, message)
                    .help("name it literally, or list what it may be: `secrets: [KEY_A, KEY_B]`"),
            );
        }
    }
    sites
}

/// Every key that the blueprint lists; `None` where it has no list.
fn listed(blueprint: &Blueprint) -> Option<Arc<Vec<(SecretName, SecretGrant)>>> {
    let rules = blueprint.secrets.as_ref()?.iter();
    let grants = rules.filter_map(|(key, rule)| {
        Some((SecretName::parse(key)?, SecretGrant { hosts: hosts_of(rule) }))
    });
    Some(Arc::new(grants.collect()))
}

/// The parts of a block's result that become secrets.
fn outputs(
    paths: &[blueprint_model::Spanned<String>],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<SecretOutput> {
    let mut outputs = Vec::new();
    for path in paths {
        match SecretOutput::parse(&path.value) {
            Some(output) => outputs.push(output),
            None => diagnostics.push(
                Diagnostic::error(
                    code::BAD_VALUE,
                    path.span,
                    format!("`{}` is no path into a result", path.value),
                )
                .help("keys with dots between them, as in `body.access_token`"),
            ),
        }
    }
    outputs
}

fn names(
    listed: &[blueprint_model::Spanned<String>],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<SecretName> {
    listed.iter().filter_map(|name| parse_name(&name.value, name.span, diagnostics)).collect()
}

fn parse_name(text: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Option<SecretName> {
    let parsed = SecretName::parse(text);
    if parsed.is_none() {
        diagnostics.push(
            Diagnostic::error(code::BAD_VALUE, span, format!("`{text}` is no name of a secret"))
                .help("letters, digits, `_` and `-`, as in `ACME_API_KEY`"),
        );
    }
    parsed
}

fn judge_site(
    blueprint: &Blueprint,
    node: &DraftNode<'_>,
    site: &SecretSite,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SecretNeed> {
    let key = site.key.as_deref()?;
    let name = parse_name(key, site.span, diagnostics)?;
    let rule = match &blueprint.secrets {
        None => None,
        Some(rules) => match rules.get(key) {
            Some(rule) => Some(rule),
            None => {
                let message = format!("secret `{key}` is not among `secrets` of this blueprint");
                let hint = suggest(key, rules.keys().map(String::as_str))
                    .filter(|hint| hint.starts_with("did"))
                    .or_else(|| Some(format!("add `{key}: {{hosts: […]}}` to `secrets`")));
                diagnostics.push(
                    Diagnostic::error(code::UNDECLARED_SECRET, site.span, message).maybe_help(hint),
                );
                return None;
            }
        },
    };
    let grant = SecretGrant { hosts: rule.map(hosts_of).unwrap_or_default() };
    judge_destination(node, site, key, &grant, diagnostics);
    let is_optional = site.is_optional || rule.is_some_and(|rule| rule.is_optional);
    Some(SecretNeed { name, is_optional, grant })
}

fn hosts_of(rule: &SecretRule) -> Vec<HostPattern> {
    rule.hosts.iter().filter_map(|host| HostPattern::parse(&host.value)).collect()
}

/// Judges where a key would go that stands in a field which leaves the process.
fn judge_destination(
    node: &DraftNode<'_>,
    site: &SecretSite,
    key: &str,
    grant: &SecretGrant,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let field = node.spec().and_then(|spec| spec.field(site.field));
    if !field.is_some_and(|field| field.is_egress) {
        return;
    }
    let Some(url) = node.node.fields.get("url") else { return };
    let FieldValue::Text(text) = &url.value.kind else { return };
    if site.field == "url" && stands_in_host(&text.template, site.span) {
        let message = format!("block `{}` puts secret `{key}` into a host name", node.id);
        diagnostics.push(
            Diagnostic::error(code::HOST_NOT_ALLOWED, site.span, message)
                .help("a host is looked up in the open; send the secret in a header"),
        );
        return;
    }
    let known = match text.template.segments.first() {
        Some(Segment::Text(start)) => destination(start, text.template.segments.len() == 1),
        Some(Segment::Reference(_)) | None => None,
    };
    match known {
        Some(to) if !grant.hosts.is_empty() && !grant.hosts.iter().any(|host| host.allows(&to)) => {
            let message = format!("block `{}` would send secret `{key}` to `{to}`", node.id);
            let hosts: Vec<String> = grant.hosts.iter().map(ToString::to_string).collect();
            diagnostics.push(
                Diagnostic::error(code::HOST_NOT_ALLOWED, site.span, message)
                    .at("this secret may not go there")
                    .related(url.value.span, "the host")
                    .help(format!("allowed by `secrets`: {}", hosts.join(", "))),
            );
        }
        None if grant.hosts.is_empty() => {
            let message = format!("block `{}` sends secret `{key}` to a computed host", node.id);
            diagnostics.push(
                Diagnostic::error(code::COMPUTED_HOST, site.span, message)
                    .related(url.value.span, "known only when it runs")
                    .help(format!(
                        "say where it may go: `secrets: {{{key}: {{hosts: [api.acme.example]}}}}`"
                    )),
            );
        }
        Some(_) | None => {}
    }
}

/// Returns whether a reference stands before the path of a URL.
fn stands_in_host(template: &Template, span: Span) -> bool {
    let mut url = String::new();
    for segment in &template.segments {
        match segment {
            Segment::Text(text) => url.push_str(text),
            Segment::Reference(reference) if reference.span == span => break,
            Segment::Reference(_) => url.push('x'),
        }
    }
    let url = url.trim_start();
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    !authority.contains(['/', '?', '#'])
}

/// Returns the destination of a URL that begins with `start`, if host and port are all in it.
pub(crate) fn destination(start: &str, is_whole: bool) -> Option<Destination> {
    let start = start.trim_start();
    let (scheme, rest) = start.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\']);
    let authority = match end {
        Some(end) => &rest[..end],
        None if is_whole => rest.trim_end(),
        None => return None,
    };
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, if scheme == "http" { 80 } else { 443 }),
    };
    (!host.is_empty()).then(|| Destination {
        scheme: scheme.to_ascii_lowercase(),
        host: host.to_ascii_lowercase(),
        port,
    })
}

/// Returns the secret that calls of a webhook are signed with.
fn signing_key(trigger: &Trigger) -> Option<&str> {
    match &trigger.kind {
        TriggerKind::Webhook { signing_key } => {
            signing_key.as_ref()?.template.as_whole()?.first_key()
        }
        TriggerKind::Api | TriggerKind::Cron { .. } | TriggerKind::Event { .. } => None,
    }
}

fn unused(
    blueprint: &Blueprint,
    needs: &BTreeMap<SecretName, SecretNeed>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let keys: Vec<&str> = blueprint.triggers.iter().filter_map(signing_key).collect();
    for (name, rule) in blueprint.secrets.iter().flatten() {
        let is_key = keys.contains(&name.as_str());
        if !is_key && !needs.keys().any(|known| known.as_str() == name) {
            diagnostics.push(
                Diagnostic::warning(
                    code::UNUSED_SECRET,
                    rule.span,
                    format!("secret `{name}` is declared and never used"),
                )
                .help("remove it, or use it: `@{vault.KEY}`"),
            );
        }
    }
}
