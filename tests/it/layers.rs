//! Who may depend on whom, and which outside crate belongs to whom.

use std::collections::BTreeMap;

use tests::workspace;

/// Crates of this workspace, each with those it may depend on. A new arrow is a decision: see
/// `docs/decisions/`.
const LAYERS: [(&str, &[&str]); 11] = [
    ("blueprint-model", &[]),
    ("blueprint-syntax", &["blueprint-model"]),
    ("blueprint-engine", &["blueprint-model"]),
    ("blueprint-blocks", &["blueprint-model"]),
    ("blueprint-script", &["blueprint-model"]),
    ("blueprint-vault", &["blueprint-model"]),
    ("blueprint-journal", &["blueprint-model"]),
    ("blueprint-project", LEAVES),
    (
        "blueprint-server",
        &["blueprint-model", "blueprint-engine", "blueprint-vault", "blueprint-project"],
    ),
    ("blueprint", &["*"]),
    ("benches", &["*"]),
];

/// What a project on disk joins.
const LEAVES: &[&str] = &[
    "blueprint-model",
    "blueprint-syntax",
    "blueprint-engine",
    "blueprint-blocks",
    "blueprint-script",
    "blueprint-vault",
    "blueprint-journal",
];

/// Outside crates that belong to one world each, with the packages that may use them. `tests` and
/// `benches` are no part of the product.
const OWNERS: [(&str, &[&str]); 16] = [
    ("saphyr-parser", &["blueprint-syntax"]),
    ("serde_yaml", &["blueprint-syntax"]),
    ("petgraph", &["blueprint-engine"]),
    ("rhai", &["blueprint-script"]),
    ("reqwest", &["blueprint-blocks"]),
    ("rustls", &["blueprint-blocks", "blueprint-vault"]),
    ("clap", &["blueprint"]),
    ("clap_complete", &["blueprint"]),
    ("rpassword", &["blueprint"]),
    ("chacha20poly1305", &["blueprint-vault"]),
    ("argon2", &["blueprint-vault"]),
    ("rusqlite", &["blueprint-journal"]),
    ("axum", &["blueprint-server"]),
    ("maud", &["blueprint-server"]),
    ("utoipa", &["blueprint-server"]),
    ("anyhow", &["blueprint", "blueprint-project", "blueprint-server"]),
];

/// The packages of the workspace, with the dependencies that are part of the product.
fn packages() -> BTreeMap<String, Vec<String>> {
    let files = workspace::files(&workspace::root().join("crates"), "Cargo.toml");
    let packages = files.iter().map(|file| package(&workspace::read(file)));
    packages.collect()
}

/// Reads the name and the dependencies of a `Cargo.toml`, which has one to a line here.
fn package(text: &str) -> (String, Vec<String>) {
    let mut name = String::new();
    let mut dependencies = Vec::new();
    let mut section = "";
    for line in text.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.split('.').next().unwrap_or(key).trim();
        match section {
            "package" if key == "name" => name = value.trim().trim_matches('"').into(),
            "dependencies" | "build-dependencies" => dependencies.push(key.into()),
            _ if section.ends_with(".dependencies") => dependencies.push(key.into()),
            _ => {}
        }
    }
    (name, dependencies)
}

#[test]
fn a_crate_depends_on_those_below_it_only() {
    let packages = packages();
    for (name, dependencies) in &packages {
        let layer = LAYERS.iter().find(|(known, _)| known == name);
        let (_, allowed) = layer.unwrap_or_else(|| panic!("`{name}` is in no layer"));
        let own = dependencies.iter().filter(|name| packages.contains_key(name.as_str()));
        for dependency in own {
            assert!(
                allowed.contains(&"*") || allowed.contains(&dependency.as_str()),
                "`{name}` may not depend on `{dependency}`"
            );
        }
    }
}

#[test]
fn an_outside_crate_has_one_owner() {
    for (name, dependencies) in packages() {
        for (outside, owners) in OWNERS {
            let uses = dependencies.iter().any(|dependency| dependency == outside);
            assert!(!uses || owners.contains(&name.as_str()), "`{name}` may not use `{outside}`");
        }
    }
}

#[test]
fn the_model_does_no_io_and_knows_no_runtime() {
    let packages = packages();
    let model = &packages["blueprint-model"];
    for outside in ["tokio", "hyper", "reqwest", "tracing", "uuid", "getrandom"] {
        assert!(!model.iter().any(|name| name == outside), "the model may not use `{outside}`");
    }
    for file in workspace::files(&workspace::root().join("crates/model/src"), ".rs") {
        let text = workspace::read(&file);
        for word in ["std::fs", "std::net::Tcp", "std::process", "SystemTime", "std::env"] {
            assert!(!text.contains(word), "{} uses `{word}`", workspace::relative(&file));
        }
    }
}
