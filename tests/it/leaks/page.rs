//! The page `docs/security.md` says what is true: its table of fields, and the tests that it names.

use std::collections::BTreeSet;

use blueprint_project::wiring;
use tests::workspace;

fn page() -> String {
    workspace::read(&workspace::root().join("docs/security.md"))
}

/// The rows of the table below a heading, as cells.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = page();
    let below = page.split(&format!("## {heading}\n")).nth(1).expect("the heading");
    let section = below.split("\n## ").next().unwrap_or(below);
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    lines.skip(2).map(cells).collect()
}

/// Returns what stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

#[test]
fn the_table_of_fields_is_that_of_the_block_types() {
    let names = |list: Vec<&str>| -> Vec<String> { list.into_iter().map(Into::into).collect() };
    let expected: Vec<Vec<Vec<String>>> = wiring::catalogue()
        .iter()
        .map(|spec| {
            let side = |is_egress| {
                let fields = spec.fields.iter().filter(|field| field.is_egress == is_egress);
                names(fields.map(|field| field.name).collect())
            };
            vec![names(vec![spec.kind]), side(true), side(false)]
        })
        .collect();
    let seen: Vec<Vec<Vec<String>>> = rows("Where a value may leave")
        .iter()
        .map(|row| row.iter().map(|cell| quoted(cell)).collect())
        .collect();
    for (seen, expected) in seen.iter().zip(&expected) {
        assert_eq!(seen, expected, "docs/security.md");
    }
    assert_eq!(seen.len(), expected.len(), "docs/security.md has a row per block type");
}

/// Returns the names of all functions of the workspace, tests among them.
fn functions() -> BTreeSet<String> {
    let root = workspace::root();
    let mut sources = workspace::files(&root.join("crates"), ".rs");
    sources.extend(workspace::files(&root.join("tests"), ".rs"));
    sources
        .iter()
        .flat_map(|path| {
            let text = workspace::read(path);
            let names = text.split("\n").filter_map(|line| {
                let name = line.trim_start().trim_start_matches("async ").strip_prefix("fn ")?;
                Some(name.split('(').next()?.to_owned())
            });
            names.collect::<Vec<_>>()
        })
        .collect()
}

/// A name of several words in backticks is a test, or a case of the suite with its area.
#[test]
fn every_test_that_the_page_names_is_there() {
    let tests = functions();
    let mut named = 0;
    for name in quoted(&page()).iter().filter(|name| !name.contains(['…', '*'])) {
        let is_case = name.starts_with("secrets/")
            || name.starts_with("blocks/")
            || name.starts_with("check/");
        let is_test = name.matches('_').count() >= 3
            && wiring::catalogue().iter().all(|spec| spec.kind != name)
            && !name.contains([' ', '(', '$'])
            && *name == name.to_lowercase();
        if is_case {
            assert!(workspace::suite().join(format!("{name}.yaml")).is_file(), "{name}");
        } else if is_test {
            assert!(tests.contains(name), "there is no test `{name}`");
        }
        named += usize::from(is_case || is_test);
    }
    assert!(named > 40, "the page names {named} tests");
}

/// Every scenario of the study has one row in the table of `leaks.rs`, and its test is there.
#[test]
fn every_scenario_has_a_test_or_a_reason() {
    let tests = functions();
    let mut numbers = Vec::new();
    let table = include_str!("../leaks.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    for row in table.skip(1) {
        let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        let [scenarios, _, held] = cells[..] else { panic!("{row}") };
        for range in scenarios.split(", ") {
            let (first, last) = range.split_once('–').unwrap_or((range, range));
            numbers.extend(first.parse::<u32>().unwrap()..=last.parse().unwrap());
        }
        let name = held.trim_matches('`');
        assert!(name == held || tests.contains(name) || name.starts_with("not "), "{row}");
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=96).collect::<Vec<_>>());
}
