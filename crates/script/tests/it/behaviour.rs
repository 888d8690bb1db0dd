//! What scripts give back: values, state, log, errors.

use std::sync::Arc;

use blueprint_model::{
    block::Level,
    script::{ScriptForm, ScriptScope, ScriptStop},
};
use blueprint_script::memory;
use serde_json::{Value, json};

use crate::support::{Run, check, check_error, levels, rhai, run};

#[test]
fn values_come_in_and_go_out_unchanged() {
    let values = json!([
        null, true, 1, -5, 1.5, -0.25, 1e300, "text", "ünï", "", [], {}, [[1], [2, [3]]],
        {"a": {"b": [1, "x", null]}}, i64::MAX, i64::MIN, u64::MAX, 9_223_372_036_854_775_808_u64,
    ]);
    check("payload", &json!({"payload": values}), &values);
    check("let x = payload; set_output(x); 5", &json!({"payload": values}), &values);
}

#[test]
fn large_integers_keep_their_digits() {
    let variables = json!({"n": u64::MAX});
    check("`id ${n}`", &variables, &json!("id 18446744073709551615"));
    check("n == n", &variables, &json!(true));
    check("n == 1", &variables, &json!(false));
    check("to_json([n])", &variables, &json!("[18446744073709551615]"));
    check("parse_json(\"18446744073709551615\")", &variables, &json!(u64::MAX));
    check_error("n + 1", &variables, "`+`");
    check_error("n.to_int()", &variables, "too large");
}

#[test]
fn numbers_without_json_are_errors() {
    check_error("0.0 / 0.0", &json!({}), "`NaN`");
    check_error("[1.0 / 0.0]", &json!({}), "`inf`");
    check_error("|x| x", &json!({}), "type function");
    check_error("1..5", &json!({}), "type range");
}

#[test]
fn objects_come_out_sorted() {
    let run = run("#{b: 1, a: 2}", &json!({})).unwrap();
    assert_eq!(run.value.to_string(), "{\"a\":2,\"b\":1}");
}

#[test]
fn the_output_is_what_was_set_or_the_last_expression() {
    check("1 + 1", &json!({}), &json!(2));
    check("let x = 5;", &json!({}), &json!(null));
    check("set_output(1); set_output(2); 3", &json!({}), &json!(2));
    check("fn f() { set_output(7); } f(); 3", &json!({}), &json!(7));
    check("return 4; 5", &json!({}), &json!(4));
    check("exit(6); 5", &json!({}), &json!(6));
    check("if false { 1 }", &json!({}), &json!(null));
}

#[test]
fn the_state_comes_back_only_where_it_changed() {
    let state = json!({"state": {"n": 1, "list": [1], "z": {"k": 1}}});
    let changed = |source: &str| run(source, &state).unwrap().state;
    assert_eq!(changed("state.n"), None);
    assert_eq!(changed("state.n = 1;"), None);
    assert_eq!(changed("let s = state; s.n = 2;"), None);
    assert_eq!(changed("let state = #{}; state.n = 2;"), None);
    let n = |value: Value| json!({"n": value, "list": [1], "z": {"k": 1}});
    assert_eq!(changed("state.n += 1;"), Some(n(json!(2))));
    assert_eq!(changed("state[\"n\"] = \"x\";"), Some(n(json!("x"))));
    assert_eq!(changed("let f = || state.n = 9; f.call();"), Some(n(json!(9))));
    assert_eq!(changed("[5].for_each(|| state.n = this);"), Some(n(json!(5))));
    assert_eq!(
        changed("state.list.push(2); state.z.k = 3; state.fresh = #{a: 1};"),
        Some(json!({"n": 1, "list": [1, 2], "z": {"k": 3}, "fresh": {"a": 1}}))
    );
    assert_eq!(
        changed("push(state.list, 5); state.list += 6; state.remove(\"z\");")
            .map(|s| s["z"].clone()),
        Some(json!(null))
    );
    assert_eq!(changed("state = #{};"), Some(json!({})));
    assert_eq!(changed("clear(state);"), Some(json!({})));
}

#[test]
fn a_failed_script_changes_nothing() {
    let err = check_error("state.n = 2; throw \"no\";", &json!({"state": {"n": 1}}), "no");
    assert_eq!((err.line, err.column, err.reason), (1, 14, ScriptStop::Failed));
}

#[test]
fn variables_are_the_scripts_own_copy() {
    for run in levels().map(Run::new) {
        let payload = Arc::new(json!({"a": [1]}));
        let variables = vec![("payload".into(), payload.clone())];
        let source = "payload.a.push(2); payload.a.len()";
        let compiled =
            run.language.compile(source, ScriptForm::Code).map_err(|f| f.message).unwrap();
        for _ in 0..2 {
            let scope = ScriptScope {
                variables: &variables,
                egress: &run.egress,
                cancel: &run.cancel,
                limits: &run.limits,
            };
            assert_eq!(run.language.run(&compiled.program, scope).unwrap().value, json!(2));
        }
        assert_eq!(*payload, json!({"a": [1]}));
    }
}

#[test]
fn only_wanted_keys_are_copied_and_it_does_not_show() {
    let variables = json!({"results": {"a": {"x": 1}, "b": 2}, "list": [1, 2]});
    check("results.a.x", &variables, &json!(1));
    check("results.c", &variables, &json!(null));
    check("results.a.x + results.len()", &variables, &json!(3));
    check("results.keys()", &variables, &json!(["a", "b"]));
    check("list[1]", &variables, &json!(2));
    check("list.len", &variables, &json!(2));
    check("results.c?.d", &variables, &json!(null));
}

#[test]
fn log_and_print_are_collected() {
    let end = run(
        "log(\"info\", \"a\"); log(\"warning\", 5); log(\"b\"); print(#{x: 1}); debug(\"q\"); log([1])",
        &json!({}),
    );
    let lines: Vec<(Level, String)> =
        end.unwrap().log.into_iter().map(|line| (line.level, line.text)).collect();
    let expected = [
        (Level::Info, "a"),
        (Level::Warning, "5"),
        (Level::Info, "b"),
        (Level::Info, "#{\"x\": 1}"),
        (Level::Info, "line 1: \"q\""),
        (Level::Info, "[1]"),
    ];
    assert_eq!(lines, expected.map(|(level, text)| (level, text.to_owned())));
    check_error("log(\"loud\", 1)", &json!({}), "\"warning\"");
}

#[test]
fn errors_have_their_place_and_our_words() {
    let at = |source: &str, part: &str, place: (usize, usize)| {
        let err = check_error(source, &json!({}), part);
        assert_eq!((err.line, err.column), place, "{source}: {}", err.message);
    };
    at("let x = 1;\nx + y", "no variable `y`", (2, 5));
    at("let a = [1];\n  a[5]", "index 5 is outside a list of 1", (2, 5));
    at("foo(1, \"a\")", "no function `foo` for (integer, string)", (1, 1));
    at("[1].length()", "it is called `len()`", (1, 5));
    at("let x = (); x.foo()", "the value is missing", (1, 15));
    at("fn f(x) { x / 0 } \n f(1)", "division by zero", (1, 13));
    at("[1].map(|x| x.foo())", "no function `foo` for (integer)", (1, 15));
    at("let x = 5; for i in x { }", "no list, range or text", (1, 21));
    at("throw \"own words\"", "own words", (1, 1));
    at("throw #{a: 1}", "#{\"a\": 1}", (1, 1));
    at("let b = 5; if b { }", "bool is needed here, not integer", (1, 15));
    at("const A = #{b: 1}; A.b = 2;", "constant", (1, 20));
    at("sleep(1)", "`wait` block", (1, 1));
}

#[test]
fn errors_can_be_caught_but_bounds_cannot() {
    check("try { throw \"x\" } catch (e) { `got ${e}` }", &json!({}), &json!(null));
    check(
        "let r = 0; try { vault.ABSENT } catch (e) { r = `${e}`.len() > 9; } r",
        &json!({}),
        &json!(true),
    );
    let err =
        check_error("try { let s = \"x\"; loop { s += s; } } catch { 1 }", &json!({}), "bytes");
    assert_eq!(err.reason, ScriptStop::Limit);
}

#[test]
fn usual_functions_are_there() {
    let variables =
        json!({"p": {"items": [{"n": 2, "k": "b"}, {"n": 1, "k": "a"}], "s": " a,b,c "}});
    for (source, expected) in [
        ("p.s.trim(); p.s.split(\",\")", json!(["a", "b", "c"])),
        ("\"a-b-c\".split('-', 2)", json!(["a", "b-c"])),
        ("\"a b  c\".split()", json!(["a", "b", "c"])),
        ("\"\".split(\",\")", json!([""])),
        ("\"abc\".to_upper()", json!("ABC")),
        ("\"abc\".contains(\"b\")", json!(true)),
        ("\"b\" in \"abc\"", json!(true)),
        ("\"abc\".starts_with(\"ab\")", json!(true)),
        ("\"aébc\".sub_string(1, 2)", json!("éb")),
        ("\"aébc\".sub_string(-2)", json!("bc")),
        ("\"abcdef\".sub_string(1..=2)", json!("bc")),
        ("\"abcdef\"[1..3]", json!("bc")),
        ("\"aéb\".index_of(\"b\")", json!(2)),
        ("\"abab\".index_of(\"a\", 1)", json!(2)),
        ("let s = \"a.b.c\"; s.replace(\".\", \"-\"); s", json!("a-b-c")),
        ("let s = \"ab\"; s.replace('a', 'x'); s", json!("xb")),
        ("let s = \"7\"; s.pad(3, '0'); s", json!("700")),
        ("let s = \"a\"; s.pad(4, \"xy\"); s", json!("axyx")),
        ("let s = \"abcd\"; let e = s.pop(2); [s, e]", json!(["ab", "cd"])),
        ("let s = \"abcd\"; s.crop(1, 2); s", json!("bc")),
        ("let n = 0; for c in \"aéb\" { n += 1; } n", json!(3)),
        ("let t = \"\"; for c in \"abc\".chars(1, 1) { t += c; } t", json!("b")),
        ("p.items.map(|i| i.n)", json!([2, 1])),
        ("p.items.filter(|i| i.n > 1).len()", json!(1)),
        ("p.items.reduce(|sum, i| sum + i.n, 0)", json!(3)),
        ("let a = p.items; a.sort(|x, y| x.n - y.n); a.map(|i| i.k)", json!(["a", "b"])),
        ("let a = p.items; a.sort(|x, y| x.n < y.n); a.map(|i| i.k)", json!(["a", "b"])),
        ("let a = [3, 1.5, 2]; a.sort(); a", json!([1.5, 2, 3])),
        ("let a = [\"b\", \"a\"]; a.sort(); a", json!(["a", "b"])),
        ("let a = [1, 2, 3]; a.sort_desc(); a", json!([3, 2, 1])),
        ("[2, 1].order()", json!([1, 2])),
        ("let a = [1, 1, 2]; a.dedup(); a", json!([1, 2])),
        ("[1, 2, 3].contains(2)", json!(true)),
        ("#{a: 1} in [#{a: 1}]", json!(true)),
        ("[1, 2, 3].index_of(3)", json!(2)),
        ("[[1, 2], #{a: 1}] == [[1, 2], #{a: 1}]", json!(true)),
        ("[1] == [1.0]", json!(true)),
        ("[1] != [2]", json!(true)),
        ("#{a: 1} == #{a: 2}", json!(false)),
        ("[1, \"a\", true].join(\"-\")", json!("1-a-true")),
        ("[1, 2.5].sum()", json!(3.5)),
        ("[1, 2].first() + [1, 2].last()", json!(3)),
        ("let a = [1]; a.pad(3, 0); a", json!([1, 0, 0])),
        ("p.keys()", json!(["items", "s"])),
        ("p.contains(\"s\") && \"s\" in p", json!(true)),
        ("#{a: 1}.get(\"b\", 2)", json!(2)),
        ("p.missing ?? \"other\"", json!("other")),
        ("abs(-5) + max(1, 2) + 2.5.floor().to_int()", json!(9)),
        ("parse_int(\"12\") + parse_float(\"0.5\")", json!(12.5)),
        ("\"5\".to_int()", json!(5)),
        ("parse_json(`{\"a\": [1, 2.5, null, true]}`)", json!({"a": [1, 2.5, null, true]})),
        ("to_json(#{a: [1, ()]})", json!("{\"a\":[1,null]}")),
        ("#{a: 1}.to_json()", json!("{\"a\":1}")),
        (
            "type_of(1) + type_of(1.5) + type_of(\"\") + type_of([]) + type_of(#{})",
            json!("i64f64stringarraymap"),
        ),
        ("`${[1, \"a\", ()]}`", json!("[1, \"a\", ()]")),
        ("\"\" + 1.0 + true + 'c' + ()", json!("1.0truec")),
        ("switch p.items[0].k { \"a\" => 1, \"b\" => 2, _ => 3 }", json!(2)),
    ] {
        check(source, &variables, &expected);
    }
    check_error("parse_json(\"{\")", &variables, "invalid JSON");
}

#[test]
fn a_run_that_proves_heavy_starts_again_unseen() {
    let source = "state.n += 1; log(\"once\"); let t = 0; for i in 0..5000 { t += i; } t";
    let end = run(source, &json!({"state": {"n": 1}})).unwrap();
    assert_eq!(end.value, json!(12_497_500));
    assert_eq!(end.state, Some(json!({"n": 2})));
    assert_eq!(end.log.len(), 1);
}

#[test]
fn a_run_of_some_thousand_operations_may_nest_as_deep_as_it_can() {
    let drop_it = |source: &'static str| {
        let run = move || run(source, &json!({})).map(|end| end.value);
        // As much as a runtime gives its threads.
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run);
        assert_eq!(thread.unwrap().join().unwrap(), Ok(json!(1)), "{source}");
    };
    for source in [
        "let a = []; for i in 0..1500 { a = [a]; } 1",
        "let a = #{}; for i in 0..1200 { a = #{a: a}; } 1",
        "let f = || 1; for i in 0..600 { let g = f; f = || g; } 1",
        "let f = || 1; for i in 0..600 { f = Fn(\"x\").curry(f); } 1",
    ] {
        // Again, when it is known whether it is heavy.
        (0..2).for_each(|_| drop_it(source));
    }
}

#[test]
fn a_run_leaves_no_memory_behind() {
    let language = rhai();
    let source = "let a = []; a.pad(10000, \"x\"); a.len()";
    let warm = || Run::new(language.clone()).run(source, &json!({})).unwrap();
    drop(warm());
    let before = memory::allocated();
    for _ in 0..20 {
        drop(warm());
    }
    assert!(memory::is_counting());
    assert!((memory::allocated() - before).abs() < 10_000);
}

#[test]
fn scripts_run_side_by_side() {
    for language in levels() {
        std::thread::scope(|threads| {
            for at in 0..8 {
                let language = language.clone();
                threads.spawn(move || {
                    let run = Run::new(language);
                    let source = format!("let t = 0; for i in 0..20000 {{ t += {at}; }} t");
                    assert_eq!(run.run(&source, &json!({})).unwrap().value, json!(at * 20_000));
                });
            }
        });
    }
}
