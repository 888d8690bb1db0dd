//! Input that means harm, or none: nothing panics, bounds hold, places stay inside of the file.

use crate::{apply_fixes, decode, parse, rng::Rng, value_of};

const EXAMPLE: &str = include_str!("example.yaml");

/// Pieces that meet badly.
const PARTS: &[&str] = &[
    "@{",
    "@<",
    "}",
    ">",
    "a",
    "b.c",
    "[",
    "]",
    "{",
    ",",
    ": ",
    ":",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "'",
    "\"",
    "\\",
    "\\@{",
    "|\n",
    ">\n",
    "#",
    " #",
    "\t",
    "é",
    "🦀",
    "&x ",
    "*x",
    "!!t ",
    "? ",
    "---\n",
    "%",
    "`",
    "??",
    "?",
    "\r\n",
    "\r",
    "\u{feff}",
    "\0",
    "name: x\n",
    "blocks:\n",
    "type: code\n",
    "next: ",
    "<<: ",
    ".inf",
    "1e999",
    "inputs:\n",
    "~",
];

/// Reads a text in every way; checks what must hold for any text.
#[track_caller]
fn survive(text: &str) -> Vec<&'static str> {
    let (blueprint, faults) = parse("t.yaml", text);
    for fault in &faults {
        assert!(text.get(fault.span.range()).is_some(), "{text:?}: {fault:?}");
        assert!(fault.message.len() < 400, "{fault:?}");
        for label in &fault.related {
            assert!(text.get(label.span.range()).is_some(), "{text:?}: {fault:?}");
        }
        if let Some(fix) = &fault.fix {
            assert!(text.get(fix.span.range()).is_some(), "{text:?}: {fault:?}");
        }
    }
    assert!(faults.is_sorted_by_key(|fault| fault.span.start));
    for node in blueprint.graph.nodes.values() {
        assert!(text.get(node.span.range()).is_some(), "{text:?}: {node:?}");
        for field in node.fields.values() {
            field.value.visit_texts(&mut |found, span| {
                assert!(text.get(span.range()).is_some(), "{text:?}: {found:?}");
                assert_eq!(found.lines.len(), found.raw.split('\n').count());
                assert!(found.lines.iter().all(|byte| text.is_char_boundary(*byte)), "{text:?}");
                for reference in found.template.references() {
                    let written = text.get(reference.span.range());
                    assert!(written.is_some(), "{text:?}: {reference:?}");
                }
            });
        }
    }
    let fixed = apply_fixes(text, &faults);
    assert!(fixed.len() < text.len() * 3 + 1_000);
    assert!(value_of(text).is_ok() || !faults.is_empty());
    faults.iter().map(|fault| fault.code.as_str()).collect()
}

#[track_caller]
fn check(text: &str, code: &str) {
    assert_eq!(survive(text), [code]);
}

#[test]
fn random_bytes_do_no_harm() {
    let mut rng = Rng::new(1);
    for _ in 0..3_000 {
        let bytes: Vec<u8> = (0..rng.below(60)).map(|_| rng.below(256) as u8).collect();
        if let Ok(text) = decode(&bytes) {
            survive(&text);
        }
        survive(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn random_pieces_do_no_harm() {
    let mut rng = Rng::new(2);
    for _ in 0..4_000 {
        let text: String = (0..rng.below(30)).map(|_| rng.pick(PARTS)).collect();
        survive(&text);
        survive(&format!("name: x\nblocks:\n  a:\n    type: t\n    k: {text}\n"));
    }
}

#[test]
fn mutations_of_the_example_do_no_harm() {
    let mut rng = Rng::new(3);
    for _ in 0..1_000 {
        let mut text = EXAMPLE.to_owned();
        for _ in 0..=rng.below(3) {
            let at = rng.below(text.len());
            let end = (at + rng.below(12)).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                text.replace_range(at..end, rng.pick(PARTS));
            }
        }
        survive(&text);
    }
    for end in (0..EXAMPLE.len()).step_by(5) {
        survive(&EXAMPLE[..end]);
    }
}

#[test]
fn windows_line_ends_mean_the_same() {
    let text = EXAMPLE.replace('\n', "\r\n");
    let (blueprint, faults) = parse("t.yaml", &text);
    assert_eq!(faults, []);
    assert_eq!(blueprint.graph.nodes.len(), 3);
    let marked = format!("\u{feff}{text}");
    assert_eq!(survive(&marked), [] as [&str; 0]);
}

#[test]
fn depth_is_bounded() {
    for depth in [129, 300, 10_000, 200_000] {
        check(&"[".repeat(depth), "BP0109");
        check(&format!("a: {}", "[".repeat(depth)), "BP0109");
        check(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)), "BP0109");
        check(&"{a: ".repeat(depth), "BP0109");
        check(&"- ".repeat(depth), "BP0109");
        check(&"? ".repeat(depth), "BP0109");
    }
    let stairs: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check(&stairs, "BP0109");
    let bodies: String = (0..60)
        .map(|depth| format!("{}do:\n{0}  a:\n{0}    type: t\n", " ".repeat(4 + depth * 4)))
        .collect();
    let deep = format!("name: x\nblocks:\n  a:\n    type: t\n{bodies}");
    assert_eq!(survive(&deep), [] as [&str; 0]);
    let deep = format!("name: x\ninputs: {{a: {}{}}}", "{items: ".repeat(120), "}".repeat(120));
    assert_eq!(survive(&deep), [] as [&str; 0]);
    let deep = format!("name: x\nstate: {{a: {}1{}}}\n", "[".repeat(126), "]".repeat(126));
    assert_eq!(survive(&deep), [] as [&str; 0]);
}

#[test]
fn size_is_bounded() {
    check(&"a".repeat(10_000_001), "BP0109");
    check(&format!("a: [{}]", "1,".repeat(1_000_001)), "BP0109");
    check(&"-\n".repeat(1_000_001), "BP0109");
    check(&"%TAG !a! tag:x\n".repeat(101), "BP0109");
}

/// A file has many bytes for each value; where it has few it was made to cost.
#[test]
fn dense_files_are_refused() {
    let list = |unit: &str| format!("name: x\nstate: {{a: [{}]}}\n", unit.repeat(100_000));
    for unit in ["[],", "{},", "1,", "[[[[1]]]],"] {
        check(&list(unit), "BP0109");
    }
    assert_eq!(survive(&list("a value of ten bytes and more,")), [] as [&str; 0]);
}

#[test]
fn faults_are_bounded() {
    for (head, unit, tail) in [
        ("name: x\n", "k§: 1\n", ""),
        ("name: x\nstate:\n", "  a: 1\n", ""),
        ("name: x\nstate: [", "!!str x,", "]"),
        ("", "!!str ", ""),
        ("name: x\ninputs:\n", "  k§: {typ: x}\n", ""),
        ("name: x\nsecrets:\n", "  k§: {host: x}\n", ""),
        ("name: x\ntriggers:\n", "  - {type: schedul}\n", ""),
        ("name: x\nblocks:\n", "  a§:\n", ""),
    ] {
        let units: String = (0..2_000).map(|n| unit.replace('§', &n.to_string())).collect();
        let codes = survive(&format!("{head}{units}{tail}"));
        assert!((200..250).contains(&codes.len()), "{unit}: {}", codes.len());
    }
    let text = format!("name: x\nblocks:\n  a: {{type: t, k: \"{}\"}}\n", "@{a b} ".repeat(2_000));
    let (blueprint, _) = parse("t.yaml", &text);
    blueprint.graph.nodes["a"].fields["k"].value.visit_texts(&mut |text, _| {
        assert_eq!(text.faults.len(), 200);
    });
}

#[test]
fn repairs_are_bounded() {
    let list = |count: usize| format!("name: x\nstate:\n  a:\n{}", "  - @{x}\n".repeat(count));
    let codes = survive(&list(200));
    assert_eq!(codes.iter().filter(|code| **code == "BP0101").count(), 200);
    let (_, faults) = parse("t.yaml", &list(300));
    assert_eq!(faults.len(), 201);
    assert!(faults[200].is_error());
}

#[test]
fn a_valid_file_is_never_repaired() {
    let text = "name: x\nblocks:\n  a:\n    type: t\n    u: x@{y} z\n    c: |\n      x: @{y}\n      - @{z}\n    \
                q: '@{a}'\n    # k: @{z}\n";
    assert_eq!(survive(text), [] as [&str; 0]);
}

#[track_caller]
fn check_bound(text: &str, code: &str, message: &str) {
    let (_, faults) = parse("t.yaml", text);
    let fault = faults.iter().find(|fault| fault.code.as_str() == code);
    let fault = fault.unwrap_or_else(|| panic!("no {code} in {faults:?}"));
    assert!(fault.message.contains(message), "{fault:?}");
}

#[test]
fn no_part_of_a_blueprint_is_all_of_it() {
    let numbers = "1,".repeat(50_001);
    let pairs: String = (0..25_001).map(|n| format!("k{n}: 1,")).collect();
    for (before, data) in [
        ("state: {a: [", &numbers),
        ("state: {", &pairs),
        ("blocks:\n  a: {type: return_value, value: [", &numbers),
    ] {
        let end = if before.ends_with("{") { "}" } else { "]}" };
        check_bound(&format!("name: x\n{before}{data}{end}\n"), "BP0109", "one part of the file");
        assert_eq!(value_of(&format!("{before}{data}{end}\n")).err(), None, "only of blueprints");
    }
    let block = |n: usize| format!("  a{n}: {{type: log_message, message: x}}\n");
    let blocks: String = (0..20_000).map(block).collect();
    let (blueprint, faults) = parse("t.yaml", &format!("name: x\nblocks:\n{blocks}"));
    assert_eq!((blueprint.graph.nodes.len(), faults), (20_000, vec![]));
    let inner = blocks.replace("  a", "        a");
    let text = format!("name: x\nblocks:\n  l:\n      type: repeat\n      do:\n{inner}");
    let (blueprint, faults) = parse("t.yaml", &text);
    let body = blueprint.graph.nodes["l"].body.as_ref().map(|body| body.nodes.len());
    assert_eq!((body, faults), (Some(20_000), vec![]));
}

#[test]
fn a_file_of_no_blocks_is_read_as_far_as_its_faults_are_told() {
    for block in ["  A§: {type: x}\n", "  a§:\n", "  a§: {kind: x}\n", "  a§: x\n"] {
        let blocks: String = (0..5_000).map(|n| block.replace('§', &n.to_string())).collect();
        let (blueprint, faults) = parse("t.yaml", &format!("name: x\nblocks:\n{blocks}"));
        assert!((200..400).contains(&faults.len()), "{block}: {}", faults.len());
        assert!(blueprint.graph.nodes.len() < 400);
    }
}
