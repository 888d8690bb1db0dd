//! Faults found when compiling: where, what, and what to write instead.

use blueprint_model::script::{ScriptFault, ScriptForm};

use crate::support::rhai;

#[track_caller]
fn fault(source: &str, form: ScriptForm) -> ScriptFault {
    match rhai().compile(source, form) {
        Ok(_) => panic!("{source}: no fault"),
        Err(fault) => fault,
    }
}

#[track_caller]
fn check(source: &str, place: (usize, usize), hint: &str) {
    let fault = fault(source, ScriptForm::Code);
    let found = fault.hint.clone().unwrap_or_default();
    assert!(found.contains(hint), "{source}: {} ({found})", fault.message);
    assert_eq!((fault.line, fault.column), place, "{source}: {}", fault.message);
    let first = fault.message.chars().next().expect("there is a message");
    assert!(!first.is_uppercase(), "{source}: {}", fault.message);
}

#[test]
fn words_of_other_languages_are_translated() {
    check("a === b", (1, 3), "`==`");
    check("a !== b", (1, 3), "`!=`");
    check("a and b", (1, 3), "`&&`");
    check("a or b", (1, 3), "`||`");
    check("let x = not a", (1, 13), "`!`");
    check("x == null", (1, 6), "`()`");
    check("x == None", (1, 6), "`()`");
    check("x == undefined", (1, 6), "`()`");
    check("x == True", (1, 6), "`true`");
    check("let x = 1;\nx++;", (2, 2), "`x += 1`");
    check("var x = 1;", (1, 1), "`let`");
    check("def f(x):\n  1", (1, 5), "`fn name(x) { … }`");
    check("function f(x) { 1 }", (1, 10), "`fn name(x) { … }`");
    check("items.map(x => x + 1)", (1, 13), "`|x| x + 1`");
    check("if a { } elif b { }", (1, 15), "");
    check("if a:\n  b", (1, 5), "braces");
    check("let x = {a: 1};", (1, 11), "`#{key: value}`");
    check("let s = 'text';", (1, 9), "double quotes");
    check("let s = f\"a\";", (1, 10), "backticks");
    check("console.log(1)", (1, 1), "print");
    check("JSON.parse(x)", (1, 1), "`parse_json(text)`");
    check("await f()", (1, 1), "blocks");
    check("import \"x\" as y;", (1, 1), "no modules");
    check("eval(\"1\")", (1, 1), "");
    check("let x = a ? b : c;", (1, 11), "");
    check("let x = @{payload.x};", (1, 9), "");
}

#[test]
fn other_faults_have_their_place() {
    check("let x = ;", (1, 9), "");
    check("let a = [1, 2", (1, 14), "");
    check("let x = \"abc", (1, 9), "");
    check("\n\n  let 1 = 2;", (3, 7), "");
    check("f(1", (1, 4), "");
}

#[test]
fn functions_see_only_their_parameters() {
    check("fn f() { payload.x } f()", (1, 10), "`f(payload)`");
    check("let n = 1; fn f(x) { x + n } f(1)", (1, 26), "`f(n)`");
}

#[test]
fn the_vault_is_read_only() {
    for source in ["vault.K = 1;", "vault = 1;", "vault[\"K\"] = 1;", "let f = || vault.K = 1;"] {
        let fault = fault(source, ScriptForm::Code);
        assert_eq!(fault.message, "`vault` is read-only", "{source}");
    }
}

#[test]
fn an_expression_is_one_and_changes_nothing() {
    for source in [
        "a + b",
        "a.ok && b.filter(|x| x > 1).len() > 0",
        "if a { 1 } else { 2 }",
        "switch a { 1 => true, _ => false }",
        "f.x ?? 1",
        "is_ok(a)",
        "(a)",
        "`${a}`",
        "true",
    ] {
        assert!(rhai().compile(source, ScriptForm::Expression).is_ok(), "{source}");
    }
    for (source, hint) in [
        ("a = b", "`==`"),
        ("state.n += 1", "`==`"),
        ("let x = 1; x", "`code`"),
        ("a; b", "`code`"),
        ("", "`true`"),
        ("// nothing", "`true`"),
        ("fn f() { true } f()", "`code`"),
        ("for x in y { }", "`code`"),
        ("return a", "`code`"),
        ("throw a", "`code`"),
    ] {
        let fault = fault(source, ScriptForm::Expression);
        assert!(fault.hint.unwrap_or_default().contains(hint), "{source}: {}", fault.message);
    }
}
