//! Hostile scripts of Rhai, most of them found against version 1.27 under all its own limits.

/// Reach for the host.
pub(crate) const REACHES: &[&str] = &[
    "eval(\"1\")",
    "Fn(\"eval\").call(\"1\")",
    "Fn(\"ev\" + \"al\").call(\"1\")",
    "import \"std\" as s;",
    "sleep(1)",
    "sleep(0.5)",
    "Fn(\"sleep\").call(1)",
    "[8].map(\"sleep\")",
    "timestamp()",
    "open_file(\"/etc/passwd\")",
    "env(\"HOME\")",
    "rand()",
    "get_fn_metadata_list()",
    "export let x = 1;",
];

/// A text of 2^n characters in variable `s`.
fn text(doublings: u32) -> String {
    format!("let s = \"x\"; for i in 0..{doublings} {{ s += s; }} ")
}

/// A list of 2^n entries in variable `a`.
fn list(doublings: u32, entry: &str) -> String {
    format!("let a = [{entry}]; for i in 0..{doublings} {{ a += a; }} ")
}

/// Returns every attack, by kind.
pub(crate) fn all() -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("loop", loops()),
        ("depth", depths()),
        ("memory", memories()),
        ("native", natives()),
        ("number", numbers()),
        ("output", outputs()),
        ("alias", aliases()),
    ]
}

fn loops() -> Vec<String> {
    [
        "let i = 0; loop { i += 1; }",
        "for i in 0..9223372036854775807 { }",
        "for i in range(0, 10, 0) { }",
        "for i in range(0.0, 1.0, 0.0000000001) { }",
        "loop { try { loop { } } catch { } }",
        "fn f() { try { f(); } catch { f(); } } f()",
        "fn a(x) { b(x) } fn b(x) { a(x) } a(1)",
        "fn a(x) { [x].map(|y| a(y)) } a(1)",
        "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(60)",
        "let a = [1]; for x in a { a.push(x); } loop { a.push(1); a.clear(); }",
        "while true { continue; }",
        "do { } while true;",
        "let a = []; a.pad(100000, 0); a.sort(|x, y| { 1 });",
        "let a = []; for i in 0..30000 { a.push((i * 7919) % 30011); } a.sort(|x, y| if (x + y) % 3 == 0 { 1 } else { -1 }); a.len()",
        "let a = []; a.pad(2000000, 0); loop { a.sort(); }",
        "let a = []; a.pad(1000000, 0); loop { a.remove(0); }",
        "let a = []; a.pad(100000, 1); a.retain(|x| { loop { } });",
        "let a = []; a.pad(100000, 1); a.dedup(|x, y| { loop { } });",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Chains that a script can build quickly, and what may walk along them.
fn depths() -> Vec<String> {
    let chains = [
        "let c = || 1; for i in 0..40000 { let g = c; c = || g; }",
        "let a = [1]; for i in 0..40000 { a = [Fn(\"len\").curry(a.pop())]; } let c = a[0];",
        "let c = 1; for i in 0..1500 { c = [#{a: c}]; }",
    ];
    let walks = [
        "1",
        "c",
        "let d = c; 1",
        "print(c);",
        "`${c}`.len()",
        "c.to_debug().len()",
        "\"\" + c",
        "[c] == [c]",
        "[c].contains(c)",
        "switch c { 1 => 2, _ => 3 }",
        "throw c;",
        "try { throw c; } catch (err) { 1 }",
        "set_output(c);",
        "state.c = c;",
        "to_json([c])",
        "hex([c])",
        "let f = || c; 1",
        "[c].map(|x| x).len()",
        "type_of(c)",
        "c.nothing()",
    ];
    let mut scripts: Vec<String> = chains
        .iter()
        .flat_map(|chain| walks.iter().map(move |walk| format!("{chain} {walk}")))
        .collect();
    scripts.extend(
        [
            "let f = || 1; for i in 0..10000000 { let g = f; f = || g; } 1",
            "let f = Fn(\"len\"); let a = [f]; loop { a = [Fn(\"len\").curry(a.pop())]; }",
            "let f = Fn(\"len\"); for i in 0..200000 { f = f.curry(f); } 1",
            "let a = []; for i in 0..100000 { a = [a]; } 1",
            "let a = [1]; loop { a = [a.drain(0..1)]; }",
            "let m = #{}; loop { let n = #{}; n.a = m; m = n; }",
            "let a = payload.deep; for i in 0..150 { a = [a]; } a",
            "fn f(n) { let a = [n]; if n == 0 { a } else { [f(n - 1)] } } f(90)",
            "fn f(n) { [n].map(|x| if x == 0 { 0 } else { f(x - 1) })[0] } f(100)",
            "fn f(x) { |y| f(x) } let g = f(1); for i in 0..50000 { g = g.call(1); } 1",
            "let s = \"[\"; s.pad(100000, '['); parse_json(s)",
            "let s = \"\"; for i in 0..20000 { s += `{\"a\":`; } parse_json(s)",
        ]
        .map(str::to_owned),
    );
    scripts
}

fn memories() -> Vec<String> {
    let mut scripts = [
        "let s = \"x\"; loop { s += s; }",
        "let s = \"x\"; loop { s = `${s}${s}`; }",
        "let s = \"\"; s.pad(1000000000, 'x');",
        "let s = \"\"; s.pad(1000000000, \"xyz\");",
        "\"ab\".repeat(9223372036854775807)",
        "let a = []; a.pad(1000000000, 1);",
        "let a = [1]; loop { a += a; }",
        "let a = [1]; loop { a = [a, a]; }",
        "let a = [1]; loop { a.push(a); }",
        "let a = [0]; loop { a = a + a; }",
        "let m = #{}; let i = 0; loop { i += 1; m[`key ${i}`] = i; }",
        "let m = #{}; let k = \"\"; k.pad(60000, 'k'); let i = 0; loop { i += 1; m[k + i] = 1; }",
        "let f = Fn(\"len\"); loop { f = f.curry(f); }",
        "let b = []; b.pad(10000, 1); let a = []; for i in 0..9000 { a.push(Fn(\"len\").curry(b)); } a.len()",
        "fn f(n) { let a = []; a.pad(10000, n); let b = a; let c = a; let d = a; if n > 0 { f(n - 1); } a.len() + b.len() + c.len() + d.len() } for i in 0..100 { f(90); }",
        "let b = []; b.pad(10000, 1); let m = #{}; for i in 0..9000 { m[`${i}`] = b; } m.len()",
        "let x = #{a: 1}; loop { x = #{a: x, b: x}; }",
        "let s = \"\"; s.pad(100000, 'ß'); loop { s = s.to_upper(); s += s; }",
        "let a = [1, 2, 3]; loop { a.append(a); }",
        "let a = []; loop { a.insert(0, \"some text that is longer than inline strings\"); }",
        "let a = [1]; loop { a.splice(0, 0, a); }",
    ]
    .map(str::to_owned)
    .to_vec();
    scripts.push(format!("{}{} s.replace(\"x\", s); s.len()", text(20), ""));
    scripts.push(format!("{} s.replace(\"\", s); s.len()", text(16)));
    scripts.push(format!("{} s.replace('x', s); s.len()", text(16)));
    scripts.push(format!("{} let t = s; t.replace(\"x\", `yy${{s}}`); t.len()", text(16)));
    scripts.push(format!("{} s.split(\"\").len()", text(23)));
    scripts.push(format!("{} s.split('x').len()", text(23)));
    scripts.push(format!("{} s.to_chars().len()", text(23)));
    scripts.push(format!("{} for c in s {{ }} 1", text(23)));
    scripts.push(format!("{} s.to_debug().len()", text(24)));
    scripts.push(format!("{} s.index_of(\"y\", 5)", text(24)));
    scripts.push(format!("{} s.sub_string(1).len()", text(24)));
    scripts.push(format!("{} let j = \"[\" + s.sub_string(1); j.replace(\"x\", \"0,\"); j += \"0]\"; parse_json(j).len()", text(22)));
    scripts
        .push(format!("{} let j = \"[\"; j.pad(16000000, \"[],\"); parse_json(j).len()", text(1)));
    scripts.push(format!("{} let a = []; a.pad(100000, s); a", text(20)));
    scripts.push(format!("{} let a = []; a.pad(100000, s); to_json(a).len()", text(20)));
    scripts.push(format!("{} let a = []; a.pad(100000, s); a.join(\"\").len()", text(20)));
    scripts
}

fn natives() -> Vec<String> {
    vec![
        format!("{} let t = s + \"y\"; loop {{ t.contains(s + \"z\"); }}", text(20)),
        format!("{} let b = a; loop {{ a == b; }}", list(17, "1")),
        format!(
            "{} let t = s + \"\"; let a = []; a.pad(100000, s); let b = []; b.pad(100000, t + \"\"); a == b",
            text(20)
        ),
        format!("{} let a = []; a.pad(100000, s); a.sort(); a.len()", text(20)),
        format!(
            "{} let t = `${{s}}`; let a = []; for i in 0..50000 {{ a.push(if i % 2 == 0 {{ s }} else {{ t }}); }} a.sort(); a.len()",
            text(20)
        ),
        format!(
            "{} let t = `${{s}}`; let a = []; a.pad(100000, s); a.index_of(t + \"q\")",
            text(20)
        ),
        format!(
            "{} let t = `${{s}}`; let a = []; for i in 0..50000 {{ a.push(if i % 2 == 0 {{ s }} else {{ t }}); }} a.dedup(); a.len()",
            text(20)
        ),
        format!("{} loop {{ let b = a; }}", list(18, "1")),
        format!("{} a.map(|x| a.len()); 1", list(15, "1")),
        format!("{} loop {{ a.reverse(); }}", list(20, "1")),
        format!("{} a.reduce(|x, y| x + y.to_string())", list(18, "12345")),
        format!("{} loop {{ s.len(); }}", text(24)),
        format!("{} loop {{ s.to_upper(); }}", text(22)),
        format!("{} let m = #{{}}; m[s] = 1; loop {{ m.keys(); }}", text(20)),
        format!("{} loop {{ to_json(a).len(); }}", list(16, "1.5")),
        format!("{} loop {{ parse_json(to_json(a)).len(); }}", list(16, "1")),
        format!("{} loop {{ hex(s); }}", text(16)),
        format!("{} let d = \"x\"; loop {{ d = mirror(d); }}", text(1)),
        format!("{} loop {{ a.sum(); }}", list(19, "1")),
        format!("{} loop {{ a.join(\",\"); }}", list(16, "1")),
    ]
}

fn numbers() -> Vec<String> {
    [
        "-9223372036854775807 - 2",
        "(-9223372036854775807 - 1) / -1",
        "(-9223372036854775807 - 1) % -1",
        "abs(-9223372036854775807 - 1)",
        "-(-9223372036854775807 - 1)",
        "1 << 64",
        "1 >> -64",
        "2 ** 9223372036854775807",
        "\"abc\"[-9223372036854775807]",
        "\"abc\".sub_string(-9223372036854775807, 9223372036854775807)",
        "\"abc\"[0..=9223372036854775807]",
        "\"abc\".crop(-9223372036854775807); 1",
        "let a = [1, 2]; a.splice(-9223372036854775807, 9223372036854775807, [1]); a",
        "let a = [1, 2]; a.drain(0..=9223372036854775807)",
        "let a = [1, 2]; a.extract(-9223372036854775807)",
        "let a = [1, 2]; a.get(9223372036854775807)",
        "let a = [1, 2]; a.insert(-9223372036854775807, 3); a",
        "(0.0 / 0.0).to_int()",
        "(1.0 / 0.0).to_int()",
        "0.0 / 0.0",
        "parse_int(\"9999999999999999999999\")",
        "let s = \"\"; s.pad(60000, '9'); parse_int(s)",
        "let s = \"\"; s.pad(60000, '9'); parse_float(s)",
        "\"aé漢\".split(1)",
        "\"aé漢\".chars(-2, 5).type_of()",
        "let s = \"aé漢\"; s.pop(9223372036854775807)",
        "for c in \"aé\".chars(9223372036854775807) { } 1",
        "exit(42)",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn outputs() -> Vec<String> {
    vec![
        format!("{} loop {{ print(s); }}", text(16)),
        format!("{} loop {{ debug(s); }}", text(16)),
        format!("{} let m = #{{}}; for i in 0..900 {{ m[`k${{i}}`] = s; }} print(m);", text(20)),
        format!("{} let m = #{{}}; for i in 0..900 {{ m[`k${{i}}`] = s; }} throw m;", text(20)),
        format!(
            "{} let m = #{{}}; for i in 0..900 {{ m[`k${{i}}`] = s; }} `${{m}}`.len()",
            text(20)
        ),
        format!(
            "{} let m = #{{}}; for i in 0..900 {{ m[`k${{i}}`] = s; }} m.to_json().len()",
            text(20)
        ),
        format!(
            "{} let m = #{{}}; for i in 0..900 {{ m[`k${{i}}`] = s; }} (\"\" + m).len()",
            text(20)
        ),
        format!(
            "{} let m = #{{}}; for i in 0..900 {{ m[`k${{i}}`] = s; }} log(\"info\", m);",
            text(20)
        ),
        format!("{} throw s;", text(24)),
        format!("{} Fn(s).call()", text(20)),
        format!("{} parse_int(s)", text(20)),
        format!("{} parse_json(s)", text(20)),
        format!("{} let m = #{{}}; m[s].x.y", text(20)),
        format!("{} vault[s]", text(20)),
        "loop { log(\"\"); }".into(),
        "loop { try { throw 1; } catch (err) { print(err); } }".into(),
    ]
}

fn aliases() -> Vec<String> {
    [
        "let a = []; let f = || a.push(a); f.call(); 1",
        "let a = [1, 2]; let f = || { a.map(|x| { a.clear(); x }) }; f.call()",
        "let a = [1]; let f = |x| { a.push(x); }; for i in 0..100000 { f.call(i); } a.len()",
        "let x = 1; let f = || { x = [x]; }; for i in 0..100000 { f.call(); } 1",
        "let m = #{}; m.f = || m; m.f.call().f.call()",
        "let a = [3, 1, 2]; a.sort(|x, y| { a.push(1); x - y }); a",
        "let f = 0; f = || f; f.call()",
        "let a = [1, 2, 3]; a.for_each(|| this += 1); a",
        "let m = #{a: 1}; m.m = m; m.m.m = m; m",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Sources that once took seconds to compile.
pub(crate) fn sources() -> Vec<(String, String)> {
    let most = 64 << 10;
    let mut sources: Vec<(String, String)> = [
        "{}",
        "1;",
        "let a=1;",
        "const a=1;",
        "x+=1;",
        ";",
        "{1}",
        "if a{}",
        "fn f(){}",
        "||1;",
        "try{}catch{}",
        "`${a}`;",
        "a.b;",
        "f();",
        "#{};",
        "[];",
        "x;",
        "/**/",
        "!!!!!!!!a;",
    ]
    .iter()
    .map(|unit| ((*unit).to_owned(), unit.repeat(most / unit.len())))
    .collect();
    let lets: String = (0..6000).map(|n| format!("let a{n}=1;")).collect();
    let uses: String = (0..2000).map(|n| format!("a{n};")).collect();
    let cases: String = (0..6000).map(|n| format!("{n}=>{n},")).collect();
    sources.push(("many variables".into(), lets[..lets.len().min(most)].into()));
    sources.push(("variables and uses".into(), format!("{}{uses}", &lets[..40_000])));
    sources.push(("switch".into(), format!("switch a {{{}}}", &cases[..60_000])));
    sources.push(("ranges".into(), format!("switch a {{{}}}", "1..9=>0,".repeat(7000))));
    sources.push(("and".into(), format!("a{}", "&&a".repeat(20_000))));
    sources.push(("digits".into(), "9".repeat(most)));
    sources.push(("name".into(), "a".repeat(most)));
    sources.push(("text".into(), format!("\"{}\"", "\\u0041".repeat(10_000))));
    sources
}

/// Sources nested so deep that a careless parser overflows its stack.
pub(crate) fn deep_sources() -> Vec<(&'static str, String)> {
    let deep = |open: &str, close: &str| {
        let levels = 60_000 / (open.len() + close.len()).max(1);
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    vec![
        ("parentheses", deep("(", ")")),
        ("lists", deep("[", "]")),
        ("maps", deep("#{a:", "}")),
        ("blocks", deep("{", "}")),
        ("not", deep("!", "")),
        ("plus", deep("1+", "")),
        ("calls", deep("f(", ")")),
        ("indexes", deep("a[", "]")),
        ("if", deep("if a {", "}")),
        ("else if", format!("if a {{}} {} else {{}}", "else if a {}".repeat(4000))),
        ("closures", deep("||", "")),
        ("texts", deep("`${", "}`")),
        ("functions", deep("fn f(){", "}")),
        ("dots", format!("a{}", ".b".repeat(30_000))),
        ("methods", format!("a{}", ".f()".repeat(15_000))),
        ("coalesce", format!("a{}", "??a".repeat(20_000))),
        ("switch", deep("switch a {1=>", "}")),
        ("loops", deep("loop {", "}")),
        ("try", deep("try {", "} catch {}")),
    ]
}
