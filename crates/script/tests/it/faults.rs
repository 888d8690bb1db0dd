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
    let first = fault.message.chars().next().unwrap();
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
    check("let x = 1", (0, 0), "").unwrap_none();
}

trait UnwrapNone {
    fn unwrap_none(self);
}

impl UnwrapNone for () {
    fn unwrap_none(self) {}
}
