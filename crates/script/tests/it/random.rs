//! Random scripts from a grammar, thousands of them: nothing panics, every bound holds, and both
//! levels of the sandbox agree.
#![expect(clippy::disallowed_methods, reason = "what is tested here is real time")]

use std::time::{Duration, Instant};

use blueprint_model::script::{ScriptEnd, ScriptError, ScriptForm, ScriptStop};
use serde_json::{Value, json};

use crate::support::{self, Run};

/// Scripts of one run of the test.
const SCRIPTS: u64 = 8_000;
/// How many of them also run in a worker: every so many.
const POOLED: u64 = 4;
/// Longest a random script may take, compiling included.
const MOST: Duration = Duration::from_millis(1_000);

/// A random script in the making.
struct Author {
    seed: u64,
    text: String,
    depth: usize,
}

const NAMES: &[&str] = &["a", "b", "c", "payload", "state", "vault", "f"];
const LITERALS: &[&str] = &[
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "3.5",
    "1e300",
    "\"\"",
    "\"text\"",
    "\"ünï\"",
    "'c'",
    "true",
    "()",
    "[]",
    "#{}",
    "payload.list",
    "payload.text",
    "payload.deep",
    "state.n",
    "vault.TOKEN",
    "vault.OPEN",
    "vault.get(\"ABSENT\")",
];
const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^", "&&", "||", "==", "!=", "<", "<=",
    ">", ">=", "??", "in", "..", "..=",
];
const METHODS: &[&str] = &[
    "len",
    "to_string",
    "to_debug",
    "push",
    "pop",
    "insert",
    "remove",
    "reverse",
    "sort",
    "order",
    "dedup",
    "map",
    "filter",
    "reduce",
    "contains",
    "index_of",
    "split",
    "replace",
    "sub_string",
    "crop",
    "pad",
    "chars",
    "to_upper",
    "trim",
    "keys",
    "values",
    "get",
    "set",
    "clear",
    "join",
    "sum",
    "first",
    "last",
    "append",
    "splice",
    "drain",
    "extract",
    "truncate",
    "repeat",
    "call",
    "curry",
    "to_int",
    "to_float",
    "abs",
    "floor",
    "is_empty",
    "upper",
    "hex",
    "mirror",
    "bits",
];
const FUNCTIONS: &[&str] = &[
    "print",
    "debug",
    "log",
    "set_output",
    "to_json",
    "parse_json",
    "parse_int",
    "parse_float",
    "type_of",
    "upper",
    "hex",
    "mirror",
    "broken",
    "pair",
    "range",
    "max",
    "min",
    "exit",
    "Fn",
    "is_def_var",
    "sleep",
    "timestamp",
    "f",
];

impl Author {
    fn new(seed: u64) -> Self {
        Self { seed, text: String::new(), depth: 0 }
    }

    /// The generator of Vigna, `splitmix64`.
    fn next(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.next(words.len())]
    }

    fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn word(&mut self, words: &[&'static str]) {
        let word = self.one_of(words);
        self.add(word);
    }

    fn script(mut self) -> String {
        self.add("let a = 1; let b = [1, \"x\"]; let c = #{k: 2}; let f = |x| x;\n");
        for _ in 0..=self.next(6) {
            // What fails must not hide what comes after it.
            let is_caught = self.next(3) > 0;
            self.add(if is_caught { "try { " } else { "" });
            self.statement();
            self.add(if is_caught { "} catch (e) { log(e); }\n" } else { "\n" });
        }
        self.expression();
        self.text
    }

    fn block(&mut self) {
        self.add(" { ");
        for _ in 0..=self.next(2) {
            self.statement();
        }
        self.add("} ");
    }

    fn statement(&mut self) {
        self.depth += 1;
        let kinds = if self.depth > 5 { 4 } else { 14 };
        match self.next(kinds) {
            0 => {
                self.add("let ");
                self.word(&["a", "b", "c", "d"]);
                self.add(" = ");
                self.expression();
                self.add("; ");
            }
            1 | 2 => {
                self.place();
                self.word(&[" = ", " += ", " -= ", " *= "]);
                self.expression();
                self.add("; ");
            }
            3..=5 => {
                self.expression();
                self.add("; ");
            }
            6 => {
                self.add("for i in ");
                self.expression();
                self.block();
            }
            7 => {
                self.add("if ");
                self.expression();
                self.block();
                self.add("else");
                self.block();
            }
            8 => {
                self.word(&["while ", "loop"]);
                if self.text.ends_with("while ") {
                    self.expression();
                }
                self.block();
            }
            9 => {
                self.add("try");
                self.block();
                self.add("catch (e)");
                self.block();
            }
            10 => {
                for part in ["switch ", " { 1 => ", ", \"x\" => ", ", _ => "] {
                    self.add(part);
                    self.expression();
                }
                self.add(" } ");
            }
            11 => {
                self.word(&["throw ", "return ", "break; ", "continue; "]);
                if !self.text.ends_with("; ") {
                    self.expression();
                    self.add("; ");
                }
            }
            12 => {
                self.add("fn f(x) { ");
                self.word(&["x", "f(x)", "[x]", "x + x", "throw x"]);
                self.add(" } ");
            }
            _ => self.block(),
        }
        self.depth -= 1;
    }

    fn place(&mut self) {
        self.word(&["a", "b", "c", "b[0]", "c.k", "c[\"m\"]", "state.n", "state.new", "state"]);
    }

    fn expression(&mut self) {
        self.depth += 1;
        let kinds = if self.depth > 6 { 4 } else { 13 };
        match self.next(kinds) {
            0 | 1 => self.word(NAMES),
            2 | 3 => self.word(LITERALS),
            4 | 5 => {
                self.expression();
                self.add(" ");
                self.word(OPERATORS);
                self.add(" ");
                self.expression();
            }
            6 | 7 => {
                self.word(&["a", "b", "c", "payload.list", "payload.text", "f", "(a + b)"]);
                self.word(&[".", ".", "?."]);
                self.word(METHODS);
                self.arguments();
            }
            8 => {
                self.word(FUNCTIONS);
                self.arguments();
            }
            9 => {
                self.word(&["[", "#{k: "]);
                let close = if self.text.ends_with('[') { "]" } else { "}" };
                self.expression();
                self.add(close);
            }
            10 => {
                self.word(&["a[", "b[", "c[", "payload[", "vault["]);
                self.expression();
                self.add("]");
            }
            11 => {
                self.word(&["|x| ", "|x, y| ", "|| "]);
                self.expression();
            }
            _ => {
                self.add("`text ${");
                self.expression();
                self.add("}`");
            }
        }
        self.depth -= 1;
    }

    fn arguments(&mut self) {
        self.add("(");
        for at in 0..self.next(4) {
            if at > 0 {
                self.add(", ");
            }
            self.expression();
        }
        self.add(")");
    }
}

fn variables() -> Value {
    json!({
        "payload": {"list": [3, 1, 2], "text": "a,b,ünï", "deep": [[[[{"k": [1]}]]]]},
        "state": {"n": 1, "list": ["x"]},
    })
}

fn runs() -> [Run; 2] {
    support::levels().map(|language| {
        let mut run = Run::new(language);
        run.limits.operations = 3_000;
        run.limits.time = Duration::from_millis(300);
        run.limits.memory = 4 << 20;
        run.limits.output = 4 << 10;
        run
    })
}

fn check_end(source: &str, end: &Result<ScriptEnd, ScriptError>) {
    match end {
        Ok(end) => {
            let log: usize = end.log.iter().map(|line| line.text.len()).sum();
            assert!(log <= 4 << 10, "{source}");
            assert!(end.value.to_string().len() < 32 << 20, "{source}");
        }
        Err(err) => {
            assert!(err.message.len() < 800, "{source}: {err}");
            assert!(!err.message.contains("please report"), "{source}: {err}");
            assert!(!err.message.contains("s3cr3t"), "{source}: {err}");
        }
    }
}

/// Whether it depends on the machine and not only on the script.
fn is_about_time(end: &Result<ScriptEnd, ScriptError>) -> bool {
    end.as_ref().is_err_and(|err| {
        err.reason == ScriptStop::Limit && !err.message.contains("script_operations")
    })
}

#[test]
fn random_scripts_stay_within_their_bounds() {
    let [inline, pooled] = runs();
    let (mut compiled, mut ended) = (0, 0);
    for seed in 0..SCRIPTS {
        let source = Author::new(seed).script();
        let start = Instant::now();
        if inline.language.compile(&source, ScriptForm::Code).is_err() {
            continue;
        }
        compiled += 1;
        let end = inline.run(&source, &variables());
        assert!(start.elapsed() < MOST, "{source} took {:?}", start.elapsed());
        check_end(&source, &end);
        ended += usize::from(end.is_ok());
        if seed % POOLED == 0 {
            let other = pooled.run(&source, &variables());
            check_end(&source, &other);
            if !is_about_time(&end) && !is_about_time(&other) {
                support::check_same(&source, &end, &other);
            }
        }
    }
    println!("{compiled} of {SCRIPTS} compiled, {ended} ended well");
    assert!(compiled > SCRIPTS / 4 && ended > 0);
}
