//! Where a plan names secrets, and where each would go: what a person wants to know before a run.

use std::collections::{BTreeMap, BTreeSet};

use blueprint_model::{
    SecretName,
    block::{FieldKind, Reach},
};

use super::{
    Compiled, Part, Place, Plan, Ref, Root, SecretNeed, Step, compile::SecretSite, secrets,
};

/// A place that names a secret, as checked.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Graph and block.
    pub at: (u32, u32),
    pub need: SecretNeed,
    pub site: SecretSite,
}

/// A place where a plan names a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedUse {
    /// The block, by its path without items.
    pub block: String,
    /// The block's type.
    pub kind: &'static str,
    /// The field, or the block's list: `headers`, `code`, `secrets`, `reveal`.
    pub field: &'static str,
    /// The key inside the field, where it is an object.
    pub part: Option<String>,
    /// The secret.
    pub key: SecretName,
    /// Whether a run may start without it.
    pub is_optional: bool,
    /// What becomes of it.
    pub goes: Goes,
    /// Blocks that reach outside and get what this block made of it, each with its host where that
    /// is literal. Empty where the value leaves right here.
    pub on_to: Vec<(String, Option<String>)>,
    /// Where the blueprint lets it go; empty says nothing.
    pub hosts: Vec<String>,
    /// Where it stands in the file, in bytes.
    pub at: usize,
}

/// What becomes of a secret where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goes {
    /// It leaves the process.
    Out {
        /// Where to; `None` where that is computed.
        host: Option<String>,
        /// Where in what leaves: `header:authorization`, `query`, `body` …
        place: String,
    },
    /// A script computes with its handle.
    Script,
    /// A script sees its value.
    Revealed,
    /// The block may name it by a computed name.
    Listed,
    /// It stays a handle: this field does not leave the process.
    Handle,
}

impl Plan {
    /// Returns every place that names a secret, in file order.
    pub fn secret_uses(&self) -> Vec<PlannedUse> {
        let prefixes = self.prefixes();
        let mut uses: Vec<PlannedUse> =
            self.sites.iter().map(|site| self.planned(site, &prefixes)).collect();
        uses.sort_by_key(|planned| planned.at);
        uses
    }

    fn planned(&self, site: &Site, prefixes: &[String]) -> PlannedUse {
        let graph = &self.graphs[site.at.0 as usize];
        let step = &graph.steps[site.at.1 as usize];
        let goes = goes(step, site);
        let on_to = match goes {
            Goes::Out { .. } | Goes::Handle => Vec::new(),
            Goes::Script | Goes::Revealed | Goes::Listed => self.readers_outside(site.at, prefixes),
        };
        PlannedUse {
            block: format!("{}{}", prefixes[site.at.0 as usize], step.id),
            kind: step.kind.kind,
            field: site.site.field,
            part: site.site.part.clone(),
            key: site.need.name.clone(),
            is_optional: site.need.is_optional,
            goes,
            on_to,
            hosts: site.need.grant.hosts.iter().map(ToString::to_string).collect(),
            at: site.site.span.start,
        }
    }

    /// Blocks of the same graph that reach outside and read this block's result, through others too.
    fn readers_outside(
        &self,
        (graph, block): (u32, u32),
        prefixes: &[String],
    ) -> Vec<(String, Option<String>)> {
        let steps = &self.graphs[graph as usize].steps;
        let mut reached = BTreeSet::from([block]);
        let mut work = vec![block];
        while let Some(read) = work.pop() {
            for (reader, step) in steps.iter().enumerate() {
                let reader = super::names::index(reader);
                if step.reads.contains(&read) && reached.insert(reader) {
                    work.push(reader);
                }
            }
        }
        let mut found = Vec::new();
        for at in reached.iter().filter(|at| **at != block) {
            self.collect_outside(graph, &steps[*at as usize], prefixes, &mut found);
        }
        found
    }

    /// Adds a block if it reaches outside, and those in its body: a body reads through its owner.
    fn collect_outside(
        &self,
        graph: u32,
        step: &Step,
        prefixes: &[String],
        found: &mut Vec<(String, Option<String>)>,
    ) {
        if step.kind.reach == Reach::Outside {
            found.push((format!("{}{}", prefixes[graph as usize], step.id), host(step)));
        }
        // Bodies are as deep as the reader lets a file be.
        if let Some(body) = step.body {
            for step in &self.graphs[body as usize].steps {
                self.collect_outside(body, step, prefixes, found);
            }
        }
    }
}

/// Returns what a run must load for these places.
pub(crate) fn needs(sites: &[Site]) -> Vec<SecretNeed> {
    let mut needs: BTreeMap<SecretName, SecretNeed> = BTreeMap::new();
    for Site { need, .. } in sites {
        needs
            .entry(need.name.clone())
            .and_modify(|known| known.is_optional &= need.is_optional)
            .or_insert_with(|| need.clone());
    }
    needs.into_values().collect()
}

fn goes(step: &Step, site: &Site) -> Goes {
    match site.site.field {
        "reveal" => return Goes::Revealed,
        "secrets" => return Goes::Listed,
        _ => {}
    }
    let Some(field) = step.kind.field(site.site.field) else { return Goes::Handle };
    match field.kind {
        FieldKind::Code | FieldKind::Expression | FieldKind::Cases => Goes::Script,
        _ if field.is_egress => Goes::Out { host: host(step), place: place(step, site) },
        _ => Goes::Handle,
    }
}

/// Returns the literal host that a block sends to.
fn host(step: &Step) -> Option<String> {
    let (_, url) = step.fields.iter().find(|(name, _)| *name == "url")?;
    let to = match url {
        Compiled::Literal(value) => secrets::destination(value.as_str()?, true),
        Compiled::Text(parts) => match parts.first()? {
            Part::Text(start) => secrets::destination(start, false),
            Part::Ref(_) => None,
        },
        _ => None,
    };
    to.map(|to| to.to_string())
}

fn place(step: &Step, site: &Site) -> String {
    match (site.site.field, &site.site.part) {
        ("headers", Some(name)) => format!("header:{}", name.to_ascii_lowercase()),
        ("url", _) => if is_in_query(step, site) { "query" } else { "path" }.into(),
        (field, _) => field.into(),
    }
}

/// Returns whether a secret stands behind the `?` of a URL.
fn is_in_query(step: &Step, site: &Site) -> bool {
    let url = step.fields.iter().find(|(name, _)| *name == "url");
    let Some((_, Compiled::Text(parts))) = url else { return false };
    let named = |reference: &Ref| {
        reference.root == Root::Vault
            && matches!(reference.path.first(), Some(Place::Key(key)) if key == site.need.name.as_str())
    };
    let before = parts.iter().take_while(|part| !matches!(part, Part::Ref(it) if named(it)));
    before.into_iter().any(|part| matches!(part, Part::Text(text) if text.contains('?')))
}
