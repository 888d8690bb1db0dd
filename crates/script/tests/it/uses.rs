//! Which variables a script is found to use.

use blueprint_model::script::ScriptForm;

use crate::support::rhai;

#[track_caller]
fn check(source: &str, expected: &[&str]) {
    let compiled = match rhai().compile(source, ScriptForm::Code) {
        Ok(compiled) => compiled,
        Err(fault) => panic!("{source}: {}", fault.message),
    };
    let uses: Vec<String> = compiled
        .uses
        .iter()
        .map(|used| {
            let key = used.key.as_ref().map_or(String::new(), |key| format!(".{key}"));
            let optional = if used.is_optional { "?" } else { "" };
            format!("{}{key}{optional} {}:{}", used.name, used.line, used.column)
        })
        .collect();
    assert_eq!(uses, expected, "{source}");
}

#[test]
fn keys_are_seen_where_they_are_literal() {
    check("payload.user.name", &["payload.user 1:1"]);
    check("payload[\"user\"].name", &["payload.user 1:1"]);
    check("results.fetch.body[0].id", &["results.fetch 1:1"]);
    check("vault.get(\"K\")", &["vault.K? 1:1"]);
    check("vault.get(\"K\", \"none\")", &["vault.K? 1:1"]);
    check("vault?.K", &["vault.K 1:1"]);
    check("payload[name]", &["payload 1:1", "name 1:9"]);
    check("payload[results.a].b", &["payload 1:1", "results.a 1:9"]);
    check("payload[0]", &["payload 1:1"]);
    check("payload.len()", &["payload 1:1"]);
    check("payload", &["payload 1:1"]);
    check("(payload).x", &["payload.x 1:2"]);
    check("payload.a + payload.b", &["payload.a 1:1", "payload.b 1:13"]);
}

#[test]
fn what_the_script_defines_is_its_own() {
    check("let x = 1; x + y", &["y 1:16"]);
    check("let x = x; x", &["x 1:9"]);
    check("{ let x = 1; } x", &["x 1:16"]);
    check("for x in items { x } x", &["items 1:10", "x 1:22"]);
    check("for (x, i) in items { x + i }", &["items 1:15"]);
    check("try { throw a } catch (err) { err + b }", &["a 1:13", "b 1:37"]);
    check("const A = 1; A", &[]);
    check("if a { let b = 1; } else { b }", &["a 1:4", "b 1:28"]);
    check("fn f(x) { let y = x; y } f(a)", &["a 1:28"]);
    check("while a { let b = c; }", &["a 1:7", "c 1:19"]);
    check("let vault = #{a: 1}; vault.a = 2;", &[]);
}

#[test]
fn closures_see_what_is_around_them() {
    check("items.filter(|r| r.ok)", &["items 1:1"]);
    check("items.filter(|r| r.n > inputs.least)", &["items 1:1", "inputs.least 1:24"]);
    check("let least = 1; items.filter(|r| r > least)", &["items 1:16"]);
    check("let f = |x| { let g = |y| y + x + z; g.call(1) }; f", &["z 1:35"]);
    check("|| { let a = 1; a } ", &[]);
}

#[test]
fn every_place_is_looked_at() {
    check("`a ${b} c`", &["b 1:6"]);
    check("#{a: b, c: [d]}", &["b 1:6", "d 1:13"]);
    check("a && b || c", &["a 1:1", "b 1:6", "c 1:11"]);
    check("a ?? b", &["a 1:1", "b 1:6"]);
    check(
        "switch a { 1 => b, 2 if c => d, _ => e }",
        &["a 1:8", "b 1:17", "c 1:25", "d 1:30", "e 1:38"],
    );
    check("a = b", &["a 1:1", "b 1:5"]);
    check("state.n += inputs.by", &["state.n 1:1", "inputs.by 1:12"]);
    check("return a;", &["a 1:8"]);
    check("f(a, b.c)", &["a 1:3", "b.c 1:6"]);
    check("x.map(a).filter(b)", &["x 1:1", "a 1:7", "b 1:17"]);
    check("do { a } while b", &["a 1:6", "b 1:16"]);
    check("loop { break a; }", &["a 1:14"]);
    check("a in b", &["a 1:1", "b 1:6"]);
    check("\n  \"é\"; payload.x", &["payload.x 2:8"]);
    check("!a", &["a 1:2"]);
    check("a..b", &["a 1:1", "b 1:4"]);
}
