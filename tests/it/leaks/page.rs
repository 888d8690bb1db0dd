//! The page `docs/security.md` says what is true: its table of fields, and the tests that it names.

use std::collections::BTreeSet;

use blueprint::wiring;
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

/// A name of several words in backticks is a test, or a case of the suite with its area.
#[test]
fn every_test_that_the_page_names_is_there() {
    let root = workspace::root();
    let mut sources = workspace::files(&root.join("crates"), ".rs");
    sources.extend(workspace::files(&root.join("tests"), ".rs"));
    let tests: BTreeSet<String> = sources
        .iter()
        .flat_map(|path| {
            let text = workspace::read(path);
            let names = text.split("\n").filter_map(|line| {
                let name = line.trim_start().trim_start_matches("async ").strip_prefix("fn ")?;
                Some(name.split('(').next()?.to_owned())
            });
            names.collect::<Vec<_>>()
        })
        .collect();
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
