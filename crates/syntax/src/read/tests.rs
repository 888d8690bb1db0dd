//! What a blueprint file means, key by key, and what is said about wrong ones.

use std::time::Duration;

use blueprint_model::{
    blueprint::{Backoff, FieldValue, Join, Missed, Overlap, Text, TriggerKind},
    schema::SchemaType,
    template::Segment,
};
use serde_json::json;

use super::*;
use crate::apply_fixes;

/// The example of the specification.
const EXAMPLE: &str = include_str!("example.yaml");

/// A blueprint with a block, so that a test shows only what it is about.
const TAIL: &str = "\nblocks: {end: {type: return_value}}\n";

/// Each expected fault: code, what stands at its place, words of its message or hint.
type Expected<'e> = &'e [(&'e str, &'e str, &'e str)];

#[track_caller]
fn check(text: &str, expected: Expected<'_>) -> Blueprint {
    let (blueprint, faults) = parse("test.yaml", text);
    let found: Vec<_> =
        faults.iter().map(|fault| (fault.code.as_str(), &text[fault.span.range()])).collect();
    let wanted: Vec<_> = expected.iter().map(|(code, place, _)| (*code, *place)).collect();
    assert_eq!(found, wanted, "{text}\n{faults:#?}");
    for (fault, (_, _, words)) in faults.iter().zip(expected) {
        let said = format!("{} {}", fault.message, fault.hint.as_deref().unwrap_or(""));
        assert!(said.contains(words), "{said}");
        assert!(fault.hint.is_some(), "{fault:?}");
        assert!(!fault.message.ends_with('.') && !fault.message.starts_with(char::is_uppercase));
    }
    blueprint
}

/// Checks the keys of a file that has a name and a block besides.
#[track_caller]
fn check_keys(keys: &str, expected: Expected<'_>) -> Blueprint {
    check(&format!("name: test\n{keys}{TAIL}"), expected)
}

/// Checks the keys of a block, written at the start of a line.
#[track_caller]
fn check_block(keys: &str, expected: Expected<'_>) -> Blueprint {
    let keys = keys.replace('\n', "\n    ");
    check(&format!("name: test\nblocks:\n  one:\n    type: code\n    {keys}\n"), expected)
}

/// Checks the text after all fixes.
#[track_caller]
fn check_fixed(text: &str, expected: &str) {
    let (_, faults) = parse("test.yaml", text);
    let fixed = apply_fixes(text, &faults);
    assert_eq!(fixed, expected, "{faults:#?}");
    let (_, faults) = parse("test.yaml", &fixed);
    assert!(faults.iter().all(|fault| fault.fix.is_none()), "{faults:#?}");
}

fn text_of<'b>(blueprint: &'b Blueprint, field: &str) -> &'b Text {
    let node = &blueprint.graph.nodes["one"];
    let FieldValue::Text(text) = &node.fields[field].value.kind else { panic!("no text") };
    text
}

#[test]
fn the_example_is_read_as_it_says() {
    let blueprint = check(EXAMPLE, &[]);
    assert_eq!(blueprint.name.value, "city-weather");
    assert!(blueprint.description.as_deref().unwrap().starts_with("Fetches the forecast"));
    let cities = &blueprint.inputs.properties["cities"];
    assert_eq!(cities.types, [SchemaType::Array]);
    assert_eq!(cities.default, Some(json!(["Paris", "Oslo"])));
    assert_eq!(blueprint.inputs.properties["units"].allowed, [json!("metric"), json!("imperial")]);
    assert_eq!(blueprint.inputs.required, [] as [&str; 0]);
    assert_eq!(blueprint.state, json!({"failures": 0}));
    let secret = &blueprint.secrets.as_ref().unwrap()["WEATHER_API_KEY"];
    assert_eq!(secret.hosts[0].value, "api.weather.example");
    assert_eq!(blueprint.triggers.len(), 2);
    let TriggerKind::Cron { schedule, timezone, missed, overlap } = &blueprint.triggers[1].kind
    else {
        panic!("no cron")
    };
    assert_eq!(schedule.value, "0 6 * * *");
    assert_eq!(timezone.as_ref().unwrap().value, "Europe/Paris");
    assert_eq!((*missed, *overlap), (Missed::Skip, Overlap::Skip));
    let ids: Vec<&str> = blueprint.graph.nodes.keys().map(|id| &**id).collect();
    assert_eq!(ids, ["each_city", "warmest", "answer"]);
}

#[test]
fn the_examples_loop_has_a_graph_of_its_own() {
    let blueprint = check(EXAMPLE, &[]);
    let each = &blueprint.graph.nodes["each_city"];
    assert_eq!(each.kind.value, "for_each");
    assert_eq!(each.next[0].target.value, "warmest");
    assert!(each.next[0].outcome.is_none());
    assert_eq!(each.fields.keys().collect::<Vec<_>>(), ["items", "as", "concurrency"]);
    let body = each.body.as_ref().unwrap();
    let fetch = &body.nodes["fetch"];
    assert_eq!(fetch.timeout, Some(Duration::from_secs(10)));
    assert_eq!(fetch.retry.as_ref().unwrap().attempts, 3);
    let edges: Vec<String> = fetch
        .next
        .iter()
        .map(|edge| format!("{}→{}", edge.outcome.as_ref().unwrap().value, edge.target.value))
        .collect();
    assert_eq!(edges, ["success→pick", "response_error→count", "connection_error→count"]);
    let mut references = Vec::new();
    for field in fetch.fields.values() {
        field.value.visit_texts(&mut |text, _| {
            for reference in text.template.references() {
                references.push((reference.to_string(), &EXAMPLE[reference.span.range()]));
            }
        });
    }
    let expected = [
        ("city".to_owned(), "@{city}"),
        ("inputs.units".to_owned(), "@{inputs.units}"),
        ("vault.WEATHER_API_KEY".to_owned(), "@{vault.WEATHER_API_KEY}"),
    ];
    assert_eq!(references, expected);
}

#[test]
fn a_file_must_be_a_blueprint() {
    check("", &[("BP0201", "", "empty")]);
    check("# nothing\n", &[("BP0201", "", "empty")]);
    check("- a\n- b\n", &[("BP0201", "- a\n- b", "not a list")]);
    check("services:\n  web: {}\n", &[("BP0201", "services", "`name` and `blocks`")]);
    let blueprint = check("name: x\n", &[]);
    assert_eq!(blueprint.graph.span, Span::new(0, 4));
    let blueprint = check("name: x\nblocks:\n", &[]);
    assert_eq!(blueprint.graph.span, Span::new(8, 14));
    check("name: x\nblocks: 3\n", &[("BP0208", "3", "an object of blocks, not a number")]);
}

#[test]
fn a_name_is_small_letters_and_hyphens() {
    check(&format!("version: 1{TAIL}"), &[("BP0202", "version", "no `name`")]);
    check(&format!("name:{TAIL}"), &[("BP0202", "name", "empty")]);
    check(&format!("name: City Weather{TAIL}"), &[("BP0202", "City Weather", "`city-weather`")]);
    check(&format!("name: 12{TAIL}"), &[("BP0208", "12", "must be text")]);
    check(&format!("name: '***'{TAIL}"), &[("BP0202", "'***'", "begins with a letter")]);
    check_fixed(&format!("name: cityWeather_v2{TAIL}"), &format!("name: city-weather-v2{TAIL}"));
}

#[test]
fn unknown_keys_have_a_suggestion() {
    check_keys("descripton: x", &[("BP0203", "descripton", "did you mean `description`?")]);
    check_keys("zzzzzz: x", &[("BP0203", "zzzzzz", "known here")]);
    check("nmae: test\nblocks: {a: {type: code}}", &[("BP0203", "nmae", "`name`")]);
    check("name: test\nblokcs: {a: {type: code}}", &[("BP0203", "blokcs", "`blocks`")]);
    check_keys("defaults: {retries: {}}", &[("BP0203", "retries", "`retry`")]);
    check_keys("defaults: {retry: {atempts: 3}}", &[("BP0203", "atempts", "`attempts`")]);
    check_keys("inputs: {a: {typ: string}}", &[("BP0203", "typ", "`type`")]);
    check_keys("secrets: {A: {host: []}}", &[("BP0203", "host", "`hosts`")]);
    check_keys("triggers: [{type: api, scedule: x}]", &[("BP0203", "scedule", "known here")]);
    check_fixed(&format!("nmae: test{TAIL}"), &format!("name: test{TAIL}"));
}

#[test]
fn settings_have_types() {
    let blueprint = check_keys("timeout: 5m\nconcurrency: 8\non_error: drain\nstate: {a: 1}", &[]);
    assert_eq!(blueprint.timeout, Some(Duration::from_secs(300)));
    assert_eq!((blueprint.concurrency, blueprint.on_error), (Some(8), OnError::Drain));
    check_keys("timeout: 10", &[("BP0208", "10", "a duration has a unit")]);
    check_keys("timeout: soon", &[("BP0208", "soon", "is no duration")]);
    check_keys("concurrency: 0", &[("BP0210", "0", "from 1")]);
    check_keys("concurrency: many", &[("BP0208", "many", "a whole number, not text")]);
    check_keys("on_error: stop", &[("BP0210", "stop", "`cancel`")]);
    check_keys("state: [1]", &[("BP0208", "[1]", "an object, not a list")]);
    check_keys("version: 2", &[("BP0217", "2", "not known")]);
    check_keys("version: '1'", &[("BP0208", "'1'", "the number 1")]);
    check_keys("description: 5", &[("BP0208", "5", "write `'5'`")]);
    check_fixed(
        &format!("name: x\ndescription: true{TAIL}"),
        &format!("name: x\ndescription: 'true'{TAIL}"),
    );
}

#[test]
fn retries_are_read() {
    let keys = "defaults:\n  timeout: 2s\n  retry: {attempts: 5, delay: 1s, backoff: fixed, \
                max_delay: 1m, jitter: false, outcomes: [error], statuses: [429, 5xx]}";
    let defaults = check_keys(keys, &[]).defaults;
    let retry = defaults.retry.unwrap();
    assert_eq!((retry.attempts, retry.backoff, retry.has_jitter), (5, Backoff::Fixed, false));
    assert_eq!(retry.statuses, ["429", "5xx"]);
    assert_eq!(retry.outcomes[0].value, "error");
    check_keys("defaults: {retry: 3}", &[("BP0208", "3", "write `{attempts: 3}`")]);
    check_keys("defaults: {retry: {attempts: 0}}", &[("BP0210", "0", "from 1")]);
    check_keys("defaults: {retry: {jitter: yes}}", &[("BP0208", "yes", "write `true`")]);
    check_keys("defaults: {retry: {statuses: [6xx]}}", &[("BP0208", "6xx", "`429`")]);
}

#[test]
fn inputs_are_schemas() {
    let keys = "inputs:\n  a: {type: string, required: true, minLength: 2}\n  b:\n  \
                c: {type: [integer, null], minimum: 1, maximum: 9, default: 3}\n  \
                d: {type: object, required: [x], properties: {x: {}, y: {required: true}}}\n  \
                e: {type: array, items: {type: string, format: date}, maxItems: 3}";
    let inputs = check_keys(keys, &[]).inputs;
    assert_eq!(inputs.required, ["a"]);
    assert_eq!(inputs.properties["a"].min_length, Some(2));
    assert_eq!(inputs.properties["b"].types, []);
    assert_eq!(inputs.properties["c"].types, [SchemaType::Integer, SchemaType::Null]);
    assert_eq!(inputs.properties["d"].required, ["x", "y"]);
    assert_eq!(inputs.properties["e"].max_length, Some(3));
    check_keys("inputs: {a: string}", &[("BP0208", "string", "write `{type: string}`")]);
    check_keys("inputs: {a: {type: strnig}}", &[("BP0210", "strnig", "`string`")]);
    check_keys("inputs: {a: {minimum: x}}", &[("BP0208", "x", "a number")]);
    check_keys("inputs: {a: {required: nope}}", &[("BP0208", "nope", "`true` or `false`")]);
    check_fixed(
        &format!("name: x\ninputs: {{a: string}}{TAIL}"),
        &format!("name: x\ninputs: {{a: {{type: string}}}}{TAIL}"),
    );
}

#[test]
fn a_schema_must_make_sense() {
    check_keys(
        "inputs: {a: {type: string, default: 5}}",
        &[("BP0211", "5", "default of `a` must be string")],
    );
    check_keys("inputs: {a: {enum: [x], default: y}}", &[("BP0211", "y", "must be one of")]);
    check_keys(
        "inputs: {a: {type: array, items: {type: integer}, default: [1, x]}}",
        &[("BP0211", "[1, x]", "at `[1]`")],
    );
    check_keys("inputs: {a: {minimum: 2, maximum: 1}}", &[("BP0211", "2", "greater")]);
    check_keys("inputs: {a: {minLength: 2, maxLength: 1}}", &[("BP0211", "2", "greater")]);
    check_keys("inputs: {a: {pattern: '('}}", &[("BP0211", "'('", "cannot be read")]);
    check_keys("inputs: {a: {enum: []}}", &[("BP0211", "[]", "allows nothing")]);
}

#[test]
fn secrets_name_hosts() {
    let blueprint =
        check_keys("secrets: {A_B: , C: {optional: true, hosts: ['*.x.example']}}", &[]);
    let secrets = blueprint.secrets.unwrap();
    assert!(secrets["A_B"].hosts.is_empty() && secrets["C"].is_optional);
    assert!(check_keys("", &[]).secrets.is_none());
    assert!(check_keys("secrets:", &[]).secrets.unwrap().is_empty());
    check_keys("secrets: [A]", &[("BP0208", "[A]", "write `{ACME")]);
    check_keys("secrets: {A B: {}}", &[("BP0210", "A B", "letters")]);
    check_keys(
        "secrets: {A: {hosts: ['https://x.example/v1']}}",
        &[("BP0210", "'https://x.example/v1'", "write `x.example`")],
    );
    check_keys("secrets: {A: {hosts: x.example}}", &[("BP0208", "x.example", "a list")]);
}

#[test]
fn triggers_have_their_own_keys() {
    let keys = "triggers:\n  - {type: cron, schedule: '* * * * *', missed: run_once, start: end}\n  \
                - {type: event, id: b, event: click, inputs: {a: 1, b: '@{payload.b}'}}\n  \
                - {type: webhook, signing_key: '@{vault.K}', payload: [1]}";
    let triggers = check_keys(keys, &[]).triggers;
    assert_eq!(triggers[0].start.as_ref().unwrap().value, "end");
    let [(a, one), (_, taken)] = triggers[1].inputs.as_slice() else { panic!() };
    assert_eq!((a.value.as_str(), one.as_literal()), ("a", Some(json!(1))));
    assert_eq!(taken.as_literal(), None);
    assert_eq!(triggers[1].id.as_ref().unwrap().value, "b");
    assert_eq!(triggers[2].payload, json!([1]));
    let TriggerKind::Webhook { signing_key: Some(key) } = &triggers[2].kind else { panic!() };
    assert_eq!(key.template.as_whole().unwrap().to_string(), "vault.K");
    check_keys("triggers: {type: api}", &[("BP0208", "{type: api}", "- {type: api}")]);
    check_keys("triggers: [api]", &[("BP0208", "api", "write `{type: api}`")]);
    check_keys("triggers: [{start: x}]", &[("BP0216", "{start: x}", "no `type`")]);
    check_keys("triggers: [{type: corn}]", &[("BP0216", "corn", "`cron`")]);
    check_keys("triggers: [{type: cron}]", &[("BP0216", "{type: cron}", "no `schedule`")]);
    check_keys("triggers: [{type: cron, shedule: x}]", &[("BP0203", "shedule", "`schedule`")]);
    check_keys("triggers: [{type: event}]", &[("BP0216", "{type: event}", "no `event`")]);
}

#[test]
fn ids_and_types_of_blocks_are_judged() {
    check("name: x\nblocks:\n  Fetch It: {type: code}\n", &[("BP0209", "Fetch It", "`fetch_it`")]);
    check("name: x\nblocks:\n  9: {type: code}\n", &[("BP0209", "9", "begins with a letter")]);
    check("name: x\nblocks:\n  a: {}\n", &[("BP0205", "a", "no `type`")]);
    check("name: x\nblocks:\n  a:\n", &[("BP0205", "a", "empty")]);
    check("name: x\nblocks:\n  a: code\n", &[("BP0208", "code", "write `{type: code}`")]);
    check("name: x\nblocks:\n  a: {tpye: code}\n", &[("BP0205", "tpye", "did you mean `type`")]);
    check("name: x\nblocks:\n  a: {kind: code}\n", &[("BP0205", "kind", "did you mean `type`")]);
    let twice = check(
        "name: x\nblocks:\n  a: {type: code}\n  a: {type: wait}\n",
        &[("BP0106", "a", "twice")],
    );
    assert_eq!(twice.graph.nodes["a"].kind.value, "code");
}

#[test]
fn reserved_keys_are_read_and_the_rest_are_fields() {
    let keys = "title: T\nnote: N\nposition: {x: 1, y: 2}\njoin: all\ntimeout: 1s\n\
                expect: {type: object}\non_resume: fail\nsecrets: [A]\nreveal: [B]\n\
                secret_outputs: [body.token]\nnxet: x\ncode: 1\nlist: [1, {a: '@{b}'}]";
    let node = &check_block(keys, &[]).graph.nodes["one"];
    assert_eq!((node.join, node.timeout), (Join::All, Some(Duration::from_secs(1))));
    assert_eq!(node.secret_outputs[0].value, "body.token");
    assert_eq!(node.fields.keys().collect::<Vec<_>>(), ["nxet", "code", "list"]);
    assert!(matches!(node.fields["code"].value.kind, FieldValue::Scalar(_)));
    check_block("join: some", &[("BP0210", "some", "`any`")]);
    check_block("on_resume: again", &[("BP0210", "again", "`retry`")]);
    check_block("reveal: B", &[("BP0208", "B", "a list")]);
    check_block("do: [1]", &[("BP0208", "[1]", "an object of blocks")]);
}

#[test]
fn next_has_three_forms() {
    let show = |keys: &str| -> Vec<String> {
        let edges = &check_block(keys, &[]).graph.nodes["one"].next;
        edges
            .iter()
            .map(|edge| {
                let outcome = edge.outcome.as_ref().map_or("", |outcome| &outcome.value);
                format!("{outcome}→{}", edge.target.value)
            })
            .collect()
    };
    assert_eq!(show("next: a"), ["→a"]);
    assert_eq!(show("next: [a, b]"), ["→a", "→b"]);
    assert_eq!(show("next: {success: a, error: [b, c]}"), ["success→a", "error→b", "error→c"]);
    check_block("next: 5", &[("BP0208", "5", "`next: parse`")]);
    check_block("next:", &[("BP0208", "next", "not nothing")]);
    check_block("next: {success: {a: b}}", &[("BP0208", "{a: b}", "`next: parse`")]);
    check_block("next: [1]", &[("BP0208", "1", "text")]);
}

#[test]
fn faults_of_templates_wait_for_the_type_of_the_field() {
    let blueprint = check_block("code: |\n  let x = \"@{\";\n  y", &[]);
    assert_eq!(text_of(&blueprint, "code").faults.len(), 1);
}

#[test]
fn a_place_in_a_script_is_a_place_in_the_file() {
    let text = EXAMPLE.replace('\n', "\r\n");
    for text in [EXAMPLE, &text] {
        let (blueprint, _) = parse("t.yaml", text);
        let FieldValue::Text(code) = &blueprint.graph.nodes["warmest"].fields["code"].value.kind
        else {
            panic!("no text")
        };
        let at = |line, column| text[code.locate(line, column)..].lines().next().unwrap();
        assert_eq!(at(1, 5), "known = result.filter(|r| r != ());");
        assert!(at(2, 1).starts_with("known.sort(|a, b|"));
        assert!(at(3, 12).starts_with("if known.is_empty()"));
        let source = Source::new("t.yaml", text);
        assert_eq!(source.line(source.position(code.locate(2, 7)).0).trim_start(), at(2, 1));
    }
}

#[test]
fn all_faults_are_reported_in_order() {
    let text =
        "version: 7\nname: X\ntimeout: 1\nblocks:\n  A: {type: code}\n  b: {next: 5}\nzzzzzzz: 1\n";
    check(
        text,
        &[
            ("BP0217", "7", ""),
            ("BP0202", "X", ""),
            ("BP0208", "1", ""),
            ("BP0209", "A", ""),
            ("BP0205", "b", ""),
            ("BP0208", "5", ""),
            ("BP0203", "zzzzzzz", ""),
        ],
    );
}

#[test]
fn a_repaired_reference_is_a_warning_with_a_fix() {
    let blueprint = check_block(
        "url: @{vault.X}\nlist:\n- @<a>/b # c\n- [@{c}, {k: @{d}}]",
        &[
            ("BP0101", "@{vault.X}", "write `'@{vault.X}'`"),
            ("BP0101", "@<a>/b", "'@<a>/b'"),
            ("BP0101", "@{c}", ""),
            ("BP0101", "@{d}", ""),
        ],
    );
    assert_eq!(text_of(&blueprint, "url").template.as_whole().unwrap().to_string(), "vault.X");
    check_block(
        "é: ñ\nurl: @{a} it's @{b}  # x\nz: @{c",
        &[("BP0101", "@{a} it's @{b}", "'@{a} it''s @{b}'"), ("BP0104", "@{c", "close it")],
    );
    check_block("@{x}: v", &[("BP0101", "@{x}", "")]);
    check_block("a: @{x}: v", &[("BP0101", "@{x}: v", "")]);
    check_fixed(
        "name: x\nblocks:\n  a: {type: t, u: @{a}, v: [@{b ?? \"x, y\"}]}\n  b: {type: t}\n",
        "name: x\nblocks:\n  a: {type: t, u: '@{a}', v: ['@{b ?? \"x, y\"}']}\n  b: {type: t}\n",
    );
}

#[test]
fn places_behind_a_repair_are_those_of_the_file() {
    let text = "name: x\nblocks:\n  a:\n    type: t\n    é: @{it's} it's\n    v: pre @{b.c} post\n    w: 5\n";
    let (blueprint, faults) = parse("t.yaml", text);
    assert_eq!(faults.len(), 1);
    let node = &blueprint.graph.nodes["a"];
    assert_eq!(&text[node.fields["é"].value.span.range()], "@{it's} it's");
    let FieldValue::Text(v) = &node.fields["v"].value.kind else { panic!() };
    assert_eq!(&text[v.template.references()[0].span.range()], "@{b.c}");
    assert_eq!(&text[node.fields["w"].key_span.range()], "w");
    let FieldValue::Text(e) = &node.fields["é"].value.kind else { panic!() };
    assert_eq!(&text[e.faults[0].span.range()], "'");
    assert_eq!(e.template.segments, [Segment::Text("@{it's} it's".into())]);
}

#[test]
fn a_reference_in_brackets_must_be_quoted() {
    let blueprint = check_block(
        "headers: {A: Bearer @{vault.K}, b: 1}\nurl: @{x}",
        &[("BP0102", "Bearer @{vault.K}", "must be quoted"), ("BP0101", "@{x}", "")],
    );
    assert_eq!(blueprint.graph.nodes["one"].fields.len(), 2);
    check_block("list: [@{a} b, c]", &[("BP0102", "@{a} b", "must be quoted")]);
    check_block("list: [x @<a[0]>, c]", &[("BP0102", "x @<a[0]>", "must be quoted")]);
    check_block("list: [x @<a>, c]", &[]);
    check_block("h: {a: b @{c, d: e}", &[("BP0102", "@{c, d: e}", "quotes")]);
    check_block("list: [@{a b}, c]", &[("BP0101", "@{a b}", "quotes")]);
    check_block("list: [x @{a, c]", &[("BP0104", "@{a, c]", "not closed")]);
    check_fixed(
        "name: x\nblocks: {a: {type: t, h: {A: Bearer @{vault.K}}}}",
        "name: x\nblocks: {a: {type: t, h: {A: 'Bearer @{vault.K}'}}}",
    );
}

#[test]
fn a_comment_sign_that_cuts_a_reference_is_found() {
    let blueprint = check_block("url: x/@{a ?? \"b #c\"}", &[]);
    let faults = &text_of(&blueprint, "url").faults;
    assert_eq!((faults[0].code.as_str(), faults.len()), ("BP0103", 1));
    check_block("url: x #@{a}", &[("BP0103", " #", "comment")]);
    check_block("url: x # see @{a}", &[]);
    check_block("url: 'x' #@{a}", &[]);
    check_block("url: @{a ?? \"b #c\"}", &[("BP0101", "@{a ?? \"b #c\"}", "")]);
}

#[test]
fn an_escape_in_double_quotes_is_found() {
    let blueprint = check_block(
        r#"url: "a \@{x} \@<y>""#,
        &[("BP0107", r"\@", r"write `\\@`"), ("BP0107", r"\@", "")],
    );
    assert_eq!(text_of(&blueprint, "url").raw, r"a \@{x} \@<y>");
    check_fixed(
        "name: x\nblocks: {a: {type: t, u: \"\\@{x}\"}}",
        "name: x\nblocks: {a: {type: t, u: \"\\\\@{x}\"}}",
    );
}

#[test]
fn other_yaml_faults_have_advice() {
    check("name: x\nblocks:\n\ta: 1\n", &[("BP0105", "\t", "spaces")]);
    check_block("a: b: c", &[("BP0100", "a: b: c", "quotes")]);
    check_block("a: 'b", &[("BP0100", "'", "not closed")]);
    check_block("a: \"b\nc: d", &[("BP0100", "\"", "not closed")]);
    check_block("a: \"b\" c", &[("BP0100", "c", "closing quote")]);
    check_block("a: \"@{x[\"k\"]}\"", &[("BP0100", "k", "single quotes")]);
    check_block("a: \"\\d\"", &[("BP0100", "\"", "single quotes")]);
    check_block("a: `x`", &[("BP0100", "`", "cannot begin with")]);
    check_block("a: @x", &[("BP0100", "@", "cannot begin with")]);
    check_block("a: *.txt", &[("BP0100", "*", "quotes")]);
    check_block("a: [1, 2", &[("BP0100", "2", "brackets")]);
    check_block("a: {{ x }}", &[("BP0100", "{ x }", "a reference is written")]);
    check_block("a: !!binary aGk=", &[("BP0100", "!!binary", "tag")]);
    check_block("a: .inf", &[("BP0208", ".inf", "JSON")]);
    check_block("a: &x {a: 1}\n<<: *x", &[("BP0100", "<<", "merge")]);
    check_block("a\nb: 1", &[("BP0100", "a", "`:`")]);
    check("name: x\n---\nname: y\n", &[("BP0100", "---", "more than one")]);
    check("name: x\n blocks: {}\n", &[("BP0100", "blocks: {}", "")]);
}
