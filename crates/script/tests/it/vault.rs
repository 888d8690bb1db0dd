//! Secrets in scripts: handles, functions over them, and revealed values.

use blueprint_model::script::{ScriptError, ScriptStop};
use serde_json::json;

use crate::support::{Run, check, check_error, levels, sent};

/// Checks what leaves the process where the script's value is sent.
#[track_caller]
fn check_sent(source: &str, expected: &str) {
    for run in levels().map(Run::new) {
        match run.run(source, &json!({})) {
            Ok(end) => {
                let text = end.value.to_string();
                assert!(!text.contains("s3cr3t") && !text.contains("other"), "{source}: {text}");
                assert_eq!(sent(&run.egress, &end.value), expected, "{source}");
            }
            Err(err) => panic!("{source}: {}", err.message),
        }
    }
}

#[test]
fn a_handle_becomes_the_value_where_it_leaves() {
    check_sent("vault.TOKEN", "s3cr3t-value");
    check_sent("vault[\"TOKEN\"]", "s3cr3t-value");
    check_sent("vault.get(\"TOKEN\")", "s3cr3t-value");
    check_sent("let name = \"TOK\" + \"EN\"; vault[name]", "s3cr3t-value");
    check_sent("let t = vault.TOKEN; let u = t; u", "s3cr3t-value");
    check_sent("set_output(vault.TOKEN)", "s3cr3t-value");
}

#[test]
fn a_handle_joins_to_text() {
    check_sent("\"Bearer \" + vault.TOKEN", "Bearer s3cr3t-value");
    check_sent("vault.TOKEN + \"!\"", "s3cr3t-value!");
    check_sent("vault.TOKEN + vault.TOKEN", "s3cr3t-values3cr3t-value");
    check_sent("`Bearer ${vault.TOKEN}`", "Bearer s3cr3t-value");
    check_sent("let s = \"a\"; s += vault.TOKEN; s", "as3cr3t-value");
    check_sent("5 + vault.TOKEN + 'c'", "5s3cr3t-valuec");
    check_sent("vault.TOKEN.to_string()", "s3cr3t-value");
    check_sent("[vault.TOKEN, \"b\"].join(\",\")", "s3cr3t-value,b");
    check_sent("to_json(#{a: vault.TOKEN})", "{\"a\":\"s3cr3t-value\"}");
    check_sent("let f = || vault.TOKEN; f.call()", "s3cr3t-value");
    check_sent("[1].map(|x| vault.TOKEN)[0]", "s3cr3t-value");
}

#[test]
fn a_handle_goes_into_data_and_the_state() {
    for run in levels().map(Run::new) {
        let end =
            run.run("state.t = vault.TOKEN; #{a: [vault.TOKEN]}", &json!({"state": {}})).unwrap();
        assert_eq!(sent(&run.egress, &end.value["a"][0]), "s3cr3t-value");
        assert_eq!(sent(&run.egress, &end.state.unwrap()["t"]), "s3cr3t-value");
    }
}

#[test]
fn what_looks_at_a_secret_says_what_to_do() {
    for source in [
        "vault.TOKEN.len()",
        "vault.TOKEN.len",
        "len(vault.TOKEN)",
        "vault.TOKEN[0]",
        "vault.TOKEN[0..3]",
        "vault.TOKEN.sub_string(1)",
        "vault.TOKEN == \"x\"",
        "\"x\" == vault.TOKEN",
        "vault.TOKEN != \"x\"",
        "vault.TOKEN == vault.TOKEN",
        "vault.TOKEN < \"x\"",
        "\"x\" > vault.TOKEN",
        "vault.TOKEN + 1 == vault.TOKEN",
        "parse_int(vault.TOKEN)",
        "vault.TOKEN.to_int()",
        "for c in vault.TOKEN { c }",
        "vault.TOKEN.contains(\"a\")",
        "\"abc\".contains(vault.TOKEN)",
        "vault.TOKEN.split(\"a\")",
        "vault.TOKEN.to_upper()",
        "vault.TOKEN.chars()",
        "[vault.TOKEN].contains(\"x\")",
        "[vault.TOKEN] == [\"x\"]",
        "#{a: vault.TOKEN} == #{a: 1}",
        "\"x\" in [vault.TOKEN]",
        "[vault.TOKEN, \"a\"].sort()",
        "vault.TOKEN - \"x\"",
        "vault.TOKEN * 2",
    ] {
        check_error(source, &json!({}), "secret");
        check_error(source, &json!({}), "`reveal:`");
    }
}

#[test]
fn a_missing_secret_is_named_and_an_optional_one_is_nothing() {
    check_error("vault.ABSENT", &json!({}), "`blueprint vault set ABSENT`");
    check_error("vault[\"ABSENT\"]", &json!({}), "secret `ABSENT` is missing");
    check("vault.get(\"ABSENT\")", &json!({}), &json!(null));
    check("vault.get(\"ABSENT\", \"none\")", &json!({}), &json!("none"));
    check("vault.get(\"ABSENT\") == ()", &json!({}), &json!(true));
    check("vault.get(\"TOKEN\") == ()", &json!({}), &json!(false));
    check("vault.get(\"TOKEN\") != ()", &json!({}), &json!(true));
    check_error("vault.OTHER", &json!({}), "this block may not use secret `OTHER`");
    check_error("vault.get(\"OTHER\")", &json!({}), "this block may not use secret `OTHER`");
}

#[test]
fn the_vault_is_opaque_and_read_only() {
    check("`${vault}`", &json!({}), &json!("⟨vault⟩"));
    check("`${[vault]}`", &json!({}), &json!("[⟨vault⟩]"));
    check("type_of(vault)", &json!({}), &json!("vault"));
    check("type_of(vault.TOKEN)", &json!({}), &json!("secret"));
    for source in [
        "vault",
        "set_output(vault)",
        "to_json(vault)",
        "for k in vault { }",
        "vault.keys()",
        "vault.values()",
        "vault.len()",
        "\"TOKEN\" in vault",
        "vault.clear()",
        "vault.remove(\"TOKEN\")",
        "let v = vault; v.TOKEN = 1;",
        "let v = vault; v[\"TOKEN\"] = 1;",
        "vault.TOKEN.x = 1",
        "vault.TOKEN = 1;",
        "vault[\"TOKEN\"] += 1;",
        "vault = #{};",
        "fn f() { vault.TOKEN } f()",
    ] {
        let err = check_error(source, &json!({}), "");
        assert_eq!(err.reason, ScriptStop::Failed, "{source}");
    }
}

#[test]
fn nothing_of_the_vault_is_left_in_the_program() {
    for language in levels() {
        let compiled = language
            .compile("`${vault.TOKEN}`", blueprint_model::script::ScriptForm::Code)
            .map_err(|fault| fault.message)
            .unwrap();
        let run = Run::new(language.clone());
        let scope = |egress| blueprint_model::ScriptScope {
            variables: const { &Vec::new() },
            egress,
            cancel: &run.cancel,
            limits: &run.limits,
        };
        let first = language.run(&compiled.program, scope(&run.egress)).unwrap();
        assert_eq!(sent(&run.egress, &first.value), "s3cr3t-value");
        let bare = blueprint_model::egress::Egress::new(
            blueprint_model::Secrets::none(),
            std::sync::Arc::default(),
        );
        let err = language.run(&compiled.program, scope(&bare)).unwrap_err();
        assert!(err.message.contains("may not use secret `TOKEN`"), "{}", err.message);
    }
}

#[test]
fn functions_over_secrets_give_handles() {
    check_sent("upper(vault.TOKEN)", "S3CR3T-VALUE");
    check_sent("hex(vault.TOKEN)", "7333637233742d76616c7565");
    check_sent("pair(\"me\", vault.TOKEN)", "me:s3cr3t-value");
    check_sent(
        "\"Basic \" + hex(pair(\"me\", vault.TOKEN))",
        "Basic 6d653a7333637233742d76616c7565",
    );
    check_sent("upper(\"a \" + vault.TOKEN)", "A S3CR3T-VALUE");
    check_sent("upper(`${vault.TOKEN}`)", "S3CR3T-VALUE");
    check_sent("vault.TOKEN.upper()", "S3CR3T-VALUE");
    check_sent("pair(#{k: vault.TOKEN}, 5)", "{\"k\":\"s3cr3t-value\"}:5");
    check_sent("mirror(vault.TOKEN)", "65756c61762d7433726333 73".replace(' ', "").as_str());
    check_sent("upper(mirror(vault.TOKEN))", "65756C61762D743372633373");
    check_sent("let d = mirror(\"ab\"); pair(hex(d), vault.TOKEN)", "6261:s3cr3t-value");
}

#[test]
fn functions_over_plain_text_are_computed_at_once() {
    check("upper(\"a\")", &json!({}), &json!("A"));
    check("pair(\"a\", 5)", &json!({}), &json!("a:5"));
    check("hex(\"ab\")", &json!({}), &json!("6162"));
    check("mirror(\"ab\")", &json!({}), &json!("6261"));
    check("`${mirror(\"ab\")}`", &json!({}), &json!("6261"));
    check("mirror(\"ab\") == \"6261\"", &json!({}), &json!(true));
    check("\"6261\" == mirror(\"ab\")", &json!({}), &json!(true));
    check("mirror(\"ab\") == mirror(\"ab\")", &json!({}), &json!(true));
    check("hex(mirror(\"ab\"))", &json!({}), &json!("6261"));
    check("mirror(mirror(\"ab\")).to_string()", &json!({}), &json!("6162"));
    check("let d = \"ab\"; for i in 0..100 { d = mirror(d); } d", &json!({}), &json!("6162"));
    check_error("broken(\"a\")", &json!({}), "`broken` failed: it never works");
    check_error("upper(())", &json!({}), "nothing");
}

#[test]
fn a_digest_beside_a_secret_keeps_its_bytes() {
    // `upper` reads its argument as text; `mirror` reads raw bytes, also inside a handle.
    check_sent("pair(mirror(\"ab\"), vault.TOKEN)", "6261:s3cr3t-value");
    let source = "let d = \"ab\"; for i in 0..60 { d = mirror(d); } pair(d, vault.TOKEN)";
    check_error(source, &json!({}), "nested too deep");
}

#[test]
fn functions_work_where_there_are_no_secrets() {
    for mut run in levels().map(Run::new) {
        run.egress = blueprint_model::egress::Egress::new(
            blueprint_model::Secrets::none(),
            std::sync::Arc::default(),
        );
        assert_eq!(run.run("upper(\"a\")", &json!({})).unwrap().value, json!("A"));
    }
}

#[test]
fn a_revealed_secret_is_plain_text_and_its_errors_have_no_text() {
    check("vault.OPEN.len()", &json!({}), &json!(13));
    check("vault.OPEN == \"open-value-42\"", &json!({}), &json!(true));
    for source in [
        "throw vault.OPEN;",
        "parse_int(vault.OPEN)",
        "let t = vault.OPEN; Fn(t).call()",
        "let m = vault.OPEN; m.foo()",
        "parse_json(vault.OPEN).x.y.z",
        "let a = [1]; a[vault.OPEN]",
        "let t = vault.OPEN; throw #{a: t};",
        "vault.OPEN + 1 + vault.OPEN.x",
        "vault[vault.OPEN]",
        "vault.get(vault.OPEN)",
        "vault.OPEN.to_int()",
    ] {
        let ScriptError { message, line, .. } = check_error(source, &json!({}), "");
        assert!(!message.contains("open") && !message.contains("42"), "{source}: {message}");
        assert_eq!(line, 1, "{source}");
    }
    check_error("throw vault.OPEN;", &json!({}), "withheld");
    // A block that was given no value speaks freely.
    check_error("throw \"reason\";", &json!({}), "reason");
}

#[test]
fn printing_a_secret_prints_its_handle() {
    for run in levels().map(Run::new) {
        let end = run.run("print(vault.TOKEN); log(\"error\", `t: ${vault.TOKEN}`);", &json!({}));
        let log = end.unwrap().log;
        assert!(log.iter().all(|line| !line.text.contains("s3cr3t")));
        assert_eq!(run.egress.secrets().view_text(&log[1].text).unwrap(), "t: ⟨vault.TOKEN⟩");
        let view = run.egress.secrets().view_text(&log[0].text);
        assert_eq!(view.unwrap(), "⟨vault.TOKEN⟩");
    }
}
