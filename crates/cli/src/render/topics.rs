//! Pages of help that belong to no command.

use blueprint_project::{environment, text};

use crate::{exit::Exit, render::reference};

/// The topics with a line about each.
pub const ALL: [(&str, &str); 3] = [
    ("references", "how a field takes values from elsewhere: @{inputs.NAME}"),
    ("exit-codes", "how the process ends, and what that means"),
    ("environment", "process variables that this program reads"),
];

/// Returns the page of a topic.
pub fn page(topic: &str) -> Option<String> {
    match topic {
        "references" => Some(references()),
        "exit-codes" => Some(exit_codes()),
        "environment" => Some(environment()),
        _ => None,
    }
}

/// Returns what a reference means, given as written or by its first name.
pub fn reference(text: &str) -> Option<String> {
    let inner = text.trim().trim_start_matches(['@', '{', '<']).trim_end_matches(['}', '>', '?']);
    let root = inner.split(['.', '[', '?', ' ']).next()?;
    let (name, meaning) = ROOTS.iter().find(|(name, _)| is_root(name, root))?;
    let reading = reference::reading(text).map_or(String::new(), |lines| format!("\n{lines}"));
    Some(format!("{name}\n\n{meaning}\n{reading}\nSee `blueprint help references`.\n"))
}

/// Returns the first names of references.
pub fn roots() -> impl Iterator<Item = &'static str> {
    ROOTS.iter().flat_map(|(name, _)| name.split(", ")).map(first_name)
}

fn is_root(names: &str, root: &str) -> bool {
    names.split(", ").any(|name| first_name(name) == root)
}

fn first_name(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

const ROOTS: &[(&str, &str)] = &[
    (
        "vault.KEY",
        "A handle of a secret. It becomes the value only where it leaves for an allowed place.",
    ),
    ("inputs.NAME", "An input of the run, checked against the blueprint's `inputs`."),
    ("payload", "What the trigger brought, as it came."),
    ("state.NAME", "The state of the run, or of the session for event triggers."),
    (
        "result",
        "The result of the one block that led here. Where several edges can arrive together it is\n\
         ambiguous, and an error: name the block with `results.BLOCK`.",
    ),
    (
        "results.BLOCK",
        "The result of an earlier block of this graph or of one around it. The block must be sure\n\
         to have run on every path; else write `?` or `??`.",
    ),
    ("message", "Why the block before failed, on an edge of an error outcome."),
    (
        "item, item_id",
        "The item of the loop, and its index or key. With `as: city` also `city` and `city_id`.",
    ),
    (
        "run.id, run.blueprint, run.attempt, run.started_at, run.key",
        "Facts of this run. `run.key` is the idempotency key of this block: the same for every\n\
         attempt.",
    ),
    ("context, session", "What the trigger says about the event and its session."),
    ("env.NAME", "A process variable, only if `env` of project.yaml lists NAME."),
];

fn references() -> String {
    let mut page = String::from(
        "A reference takes a value from elsewhere into a field: @{inputs.NAME}.\n\
         Every text inside a block's fields may hold references, at any depth.\n\n  \
         @{path}            the value at the path; an error if it leads nowhere\n  \
         @<path>            the same; needs no quotes inside [ ] and { }\n  \
         @{path?}           null if the path leads nowhere, and empty inside text\n  \
         @{path ?? \"x\"}     the default if the path leads nowhere: JSON or another path\n  \
         @{list[0]}         an item; negative numbers count from the end\n  \
         @{object[\"a b\"]}   a key that is no plain name\n  \
         @{list[item_id]}   an item whose place is looked up\n  \
         \\@{x}              the text @{x}\n\n\
         A field that is one reference and nothing else keeps the value's type. Otherwise values\n\
         become text; lists and objects become JSON. YAML wants quotes around a value that begins\n\
         with @: write url: \"@{inputs.url}\". Code has no references, but variables of these names.\n\n",
    );
    for (names, meaning) in ROOTS {
        let meaning = meaning.replace('\n', " ");
        let first = meaning.split(". ").next().unwrap_or("").trim_end_matches('.');
        let names: Vec<String> = names.split(", ").map(|name| format!("@{{{name}}}")).collect();
        let names = names.join(" ");
        let gap = if names.len() > 18 { "\n                     " } else { "" };
        text::add(&mut page, format_args!("  {names:<18}{gap} {first}\n"));
    }
    page
}

fn exit_codes() -> String {
    let mut page = String::from("How the process ends:\n\n");
    for (exit, meaning) in Exit::ALL {
        text::add(&mut page, format_args!("  {:>3}  {meaning}\n", exit.code()));
    }
    page.push_str("\nDetails are in what `blueprint run --output json` prints.\n");
    page
}

fn environment() -> String {
    let mut page = String::from("Process variables that this program reads:\n\n");
    for (name, meaning) in environment::VARIABLES {
        text::add(&mut page, format_args!("  {name:<23} {meaning}\n"));
    }
    page.push_str("\nBlueprints see only the variables that `env` of project.yaml lists.\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_a_page() {
        for (topic, _) in ALL {
            let page = page(topic).unwrap();
            assert!(page.ends_with('\n') && page.lines().all(|line| line.len() <= 100), "{page}");
        }
    }

    #[test]
    fn references_are_known_by_their_first_name() {
        for text in ["@{result.body.x}", "@<result[0]>", "result", "@{result?}"] {
            assert!(reference(text).unwrap().starts_with("result\n"), "{text}");
        }
        assert!(reference("@{run.key}").unwrap().contains("idempotency"));
        assert_eq!(reference("@{nothing}"), None);
    }
}
