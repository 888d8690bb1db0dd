//! What a template's text means, and where its parts stand.

use blueprint_model::template::PathPart;
use serde_json::json;

use super::*;

/// Shows a template as a line: text in quotes, references with their fallback.
fn show(template: &Template) -> String {
    let show = |segment: &Segment| match segment {
        Segment::Text(text) => format!("{text:?}"),
        Segment::Reference(reference) => match &reference.fallback {
            Fallback::Error => reference.to_string(),
            Fallback::Null => format!("{reference} ?"),
            Fallback::Literal(value) => format!("{reference} ?? {value}"),
            Fallback::Path(path) => format!("{reference} ?? path {path}"),
        },
    };
    template.segments.iter().map(show).collect::<Vec<_>>().join(" + ")
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let (template, faults) = parse_template(text, &|byte| byte);
    assert_eq!(show(&template), expected, "{text}");
    assert_eq!(faults, [], "{text}");
}

#[track_caller]
fn check_fault(text: &str, code: &str, place: &str, words: &str) {
    let (_, faults) = parse_template(text, &|byte| byte);
    let shown: Vec<_> = faults
        .iter()
        .map(|fault| (fault.code.as_str(), &text[fault.span.range()], fault.message.as_str()))
        .collect();
    assert_eq!(shown.len(), 1, "{text}: {shown:?}");
    assert_eq!((shown[0].0, shown[0].1), (code, place), "{text}: {shown:?}");
    let said = format!("{} {}", faults[0].message, faults[0].hint.as_deref().unwrap_or(""));
    assert!(said.contains(words), "{text}: {said}");
}

#[test]
fn both_spellings_are_the_same() {
    check("@{inputs.x}", "inputs.x");
    check("@<inputs.x>", "inputs.x");
    check("Bearer @<vault.K>, @{ result.a }!", "\"Bearer \" + vault.K + \", \" + result.a + \"!\"");
    check("", "");
    check("a@b.c and @ and @(x)", "\"a@b.c and @ and @(x)\"");
}

#[test]
fn paths_have_names_indexes_and_paths() {
    check("@{a.b-c.0[1][-2]}", "a.b-c.0[1][-2]");
    check(r#"@{a["x y"]["q\"r"]}"#, r#"a["x y"]["q\"r"]"#);
    check("@{results[ inputs.list[item_id].id ].x}", "results[inputs.list[item_id].id].x");
    check(r"@{a.b\.c.d\ e}", r#"a["b.c"]["d e"]"#);
    check("@{a.größe}", "a.größe");
    let (template, _) = parse_template(r"@{a.b\}c\@}", &|byte| byte);
    let path = &template.as_whole().unwrap().path;
    assert_eq!(path, &[PathPart::Key("b}c@".into())]);
}

#[test]
fn a_fallback_is_null_a_literal_or_a_path() {
    check("@{a?}", "a ?");
    check("@{a.b ? }", "a.b ?");
    check("@{a ?? 5}", "a ?? 5");
    check("@{a??-1.5}", "a ?? -1.5");
    check(r#"@{a ?? "x } > y"}"#, r#"a ?? "x } > y""#);
    check(r#"@<a ?? {"k": [1, "}>"]}>"#, r#"a ?? {"k":[1,"}>"]}"#);
    check("@{a ?? null}", "a ?? null");
    check("@{a ?? true}", "a ?? true");
    check("@{a ?? inputs.b[0]}", "a ?? path inputs.b[0]");
    check("@{a ?? nullable}", "a ?? path nullable");
}

#[test]
fn backslashes_make_literals() {
    check(r"\@{a} \@<b>", r#""@{a} @<b>""#);
    check(r"\\@{a}", r#""\\" + a"#);
    check(r"\\\@{a}", r#""\\@{a}""#);
    check(r"C:\x \\ \n @x", r#""C:\\x \\\\ \\n @x""#);
    check(r"\@{@{a}", r#""@{" + a"#);
}

#[test]
fn faults_have_a_place_and_advice() {
    check_fault("x @{} y", "BP0110", "@{}", "names nothing");
    check_fault("@{a..b}", "BP0110", ".", "separated by one");
    check_fault("@{a | upper}", "BP0110", "|", "compute in a `code` block");
    check_fault("@{a b}", "BP0110", "b", "not expected");
    check_fault("@{a>}", "BP0110", ">", "close it with `}`");
    check_fault("@{a['b']}", "BP0110", "'", "double quotes");
    check_fault("@{a ?? 'b'}", "BP0110", "'", "double quotes");
    check_fault("@{a?.b}", "BP0110", "?", "at the end");
    check_fault("@{a ?? b ?? c}", "BP0110", "?", "one default");
    check_fault("@{results[@{item}].x}", "BP0110", "@", "path alone");
    check_fault("@{a[99999999999999999999]}", "BP0110", "99999999999999999999", "index");
    check_fault(
        "@{a ?? 123456789012345678901234567890}",
        "BP0110",
        "123456789012345678901234567890",
        "too large",
    );
    check_fault("@{a ?? [1,}", "BP0110", "[", "JSON");
    check_fault("@{.a}", "BP0110", ".", "names are separated");
    check_fault("@{a[0}", "BP0110", "}", "not expected");
}

#[test]
fn what_is_not_closed_is_said_once() {
    check_fault("x @{a.b", "BP0104", "@{a.b", "close it with `}`");
    check_fault("x @<a.b }\nmore", "BP0104", "@<a.b }", "close it with `>`");
    check_fault("@{a and @{b}", "BP0104", "@{a and", "close it");
    check_fault("@{", "BP0104", "@{", "close it");
    let (template, _) = parse_template("@{a and @{b}", &|byte| byte);
    assert_eq!(show(&template), "\"@{a and \" + b");
}

#[test]
fn several_faults_are_all_found() {
    let (template, faults) = parse_template("@{} @{a} @{b c} @{d", &|byte| byte);
    assert_eq!(faults.len(), 3);
    assert_eq!(show(&template), "\"@{} \" + a + \" @{b c} @{d\"");
}

#[test]
fn spans_point_into_the_file() {
    let text = "é @{a[b.c] ?? d.e}";
    let (template, _) = parse_template(text, &|byte| byte + 100);
    let spans: Vec<&str> = template
        .references()
        .iter()
        .map(|reference| &text[reference.span.start - 100..reference.span.end - 100])
        .collect();
    assert_eq!(spans, ["@{a[b.c] ?? d.e}", "b.c", "d.e"]);
}

#[test]
fn a_literal_default_keeps_its_type() {
    let (template, _) = parse_template("@{a ?? [1, {\"b\": null}]}", &|byte| byte);
    let reference = template.as_whole().unwrap();
    assert_eq!(reference.fallback, Fallback::Literal(json!([1, {"b": null}])));
}

#[test]
fn hostile_text_takes_linear_time() {
    let nested = format!("@{{{}", "a[".repeat(30_000));
    let patterns =
        ["@{", "@{a ?? \"", "@{a[\"", "@{a ?? [", "@<", "\\", "@{a", "@{a>", "@{a ?? {\"", "@{[@{"];
    let texts = patterns.iter().map(|pattern| pattern.repeat(30_000)).chain([nested]);
    for text in texts {
        let (_, faults) = parse_template(&text, &|byte| byte);
        assert!(faults.len() <= 30_000);
    }
}
