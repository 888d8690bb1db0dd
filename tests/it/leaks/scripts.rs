//! Scripts that hold a handle, and scripts that a value was revealed to.

use blueprint_project::{project::check_bytes, wiring};

use super::{chain::Chain, stage::Stage};

/// What scripts try, with `§` in place of the secret.
const ATTEMPTS: [&str; 35] = [
    "throw §",
    "let text = `${§}`; throw text.sub_string(0, 20)",
    "throw \"it is \" + §",
    "throw #{a: [§]}",
    "parse_int(§)",
    "parse_float(§)",
    "§.to_int()",
    "§ - 1",
    "§ > 1",
    "§ == \"x\"",
    "let m = #{}; m[§].x.y",
    "let m = #{a: 1}; m[§] = 2; m.b.c",
    "[1][§]",
    "Fn(§).call()",
    "call(Fn(§), 1)",
    "§.nothing",
    "§.nothing()",
    "nothing(§)",
    "parse_json(§)",
    "parse_json(\"{\\\"a\\\": \" + §)",
    "print(§)",
    "debug(§)",
    "debug(vault)",
    "print(vault)",
    "log(\"info\", §); log(\"warning\", [§]); log(\"error\", #{k: §}); log(§)",
    "log(§, §)",
    "vault",
    "#{v: vault}",
    "vault.keys()",
    "vault.get(\"NO_SUCH_KEY\").x",
    "vault[\"UNU\" + \"SED\"]",
    "|| §",
    "switch § { 1 => 2 }",
    "state.kept = §; to_json(#{k: §}) + `${§}`",
    "exit(§ + \"!\")",
];

/// What a script can do with a value that it was given and that must be caught all the same.
const ENCODES: [&str; 14] = [
    "§",
    "§.to_upper()",
    "§.to_lower()",
    "§.to_chars()",
    "§.trim()",
    "§.split(\"\\n\")",
    "to_json(#{k: §})",
    "to_json(to_json(§))",
    "base64(§)",
    "base64(\"user:\" + §)",
    "hex(§)",
    "url_encode(§)",
    "json_escape(§)",
    "let r = \"\"; for c in § { r = c + r; } r",
];

/// Runs every script for every key, in one blueprint; those that `check` refuses never meet a value.
#[track_caller]
fn check(fields: &str, keys: &[&str], scripts: &[&str]) {
    let stage = Stage::new();
    for key in keys {
        stage.run(&["vault", "policy", key, "--reveal", "allow"]).check(0, "");
    }
    let registry = wiring::registry();
    let mut chain = Chain::default();
    for (script, key) in scripts.iter().flat_map(|script| keys.iter().map(move |key| (script, key)))
    {
        let code = script.replace('§', &format!("vault.{key}"));
        let fields = fields.replace('§', key);
        let alone = Chain::default().code(&fields, &code).blueprint("alone");
        if check_bytes("alone", alone.as_bytes(), &registry).plan.is_some() {
            chain = chain.code(&fields, &code);
        }
    }
    stage.write("chain.yaml", &chain.blueprint("chain"));
    for output in ["auto", "json", "ndjson"] {
        stage.run(&["run", "chain.yaml", "--output", output]).check(0, "⟨vault.LINE⟩");
    }
    stage.check_files();
}

#[test]
fn scripts_with_a_handle_show_nothing() {
    check("", &["LINE"], &ATTEMPTS);
}

/// With `reveal` the value is in the script: errors have no text, and the rest is searched.
#[test]
fn scripts_that_were_given_a_value_show_nothing() {
    check(", reveal: [§]", &["LINE", "WILD"], &ATTEMPTS);
    check(", reveal: [§]", &["PLAIN", "LINE", "WILD"], &ENCODES);
}

/// A value that a script keeps is a handle for whoever reads it later.
#[test]
fn a_revealed_value_stays_where_it_was_revealed() {
    let stage = Stage::new();
    stage.run(&["vault", "policy", "LINE", "--reveal", "allow"]).check(0, "");
    let chain = Chain::default()
        .code(", reveal: [LINE]", "state.kept = vault.LINE; state.list = [vault.LINE]; 1")
        .code("", "log(state.kept); #{kept: state.kept, list: state.list}")
        .code("", "`${state}`");
    stage.write(
        "chain.yaml",
        &format!("state: {{kept: 0, list: []}}\n{}", chain.blueprint("chain")),
    );
    stage.run(&["run", "chain.yaml", "--output", "ndjson"]).check(0, "⟨vault.LINE⟩");
    stage.run(&["vault", "audit"]).check(0, "reveal");
    // Without both yeses there is no value.
    stage.run(&["vault", "policy", "LINE", "--reveal", "deny"]).check(0, "");
    stage.run(&["run", "chain.yaml"]).check(0, "may not be revealed");
}

/// What is left of a handle that a script cut or changed says that it is that, and no more.
#[test]
fn what_is_left_of_a_handle_is_shown_as_damaged() {
    let stage = Stage::new();
    let mut chain = Chain::default();
    for change in [
        "t.to_upper()",
        "t.sub_string(0, 20)",
        "t.sub_string(20)",
        "t.sub_string(0, 39)",
        "t.sub_string(1)",
        "t.replace(t.sub_string(10, 4), \"----\"); t",
        "let m = #{}; m[t.sub_string(0, 30)] = [t.sub_string(9)]; m",
        "log(t.sub_string(0, 12)); throw t.sub_string(5)",
    ] {
        chain = chain.code("", &format!("let t = `${{vault.LINE}}`; {change}"));
    }
    stage.write("damage.yaml", &chain.blueprint("damage"));
    for output in ["auto", "json", "ndjson"] {
        let printed = stage.run(&["run", "damage.yaml", "--output", output]);
        printed.check(0, "⟨damaged handle⟩");
        let text = String::from_utf8(printed.out).unwrap();
        let is_random = |word: &&str| word.len() > 7 && word.contains(|c: char| c.is_ascii_digit());
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let times = |word: &&str| !word.starts_with("20") && !word.ends_with('Z');
        let ids = |word: &&str| !word.chars().all(|c| c.is_ascii_hexdigit());
        let left: Vec<&str> = words.filter(is_random).filter(times).filter(ids).collect();
        assert_eq!(left, [] as [&str; 0], "{text}");
    }
    stage.check_files();
}
