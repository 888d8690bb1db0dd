//! x
use std::{alloc::System, hint::black_box, sync::Arc, time::{Duration, Instant}};
use blueprint_model::{block::Cancel, egress::{Egress, Permit}, limits::ScriptLimits, script::{ScriptForm, ScriptScope, Language}, secret::Secrets, value::Value};
use blueprint_script::memory::CountingAllocator;
use rhai::{Dynamic, Engine, Scope};
use serde_json::json;
#[global_allocator]
static A: CountingAllocator<System> = CountingAllocator(System);
fn time(name: &str, n: u32, mut f: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..7 { let t = Instant::now(); for _ in 0..n { f(); } best = best.min(t.elapsed() / n); }
    println!("{name:40} {best:?}"); best
}
fn main() {
    let t = Instant::now();
    let lang = blueprint_script::all(&[]).remove(0);
    lang.compile("1", ScriptForm::Code).map_err(|e| e.message).unwrap();
    println!("first compile incl. engine {:?}", t.elapsed());
    let t = Instant::now();
    let e = Engine::new();
    println!("Engine::new {:?}", t.elapsed());
    let egress = Egress::new(Secrets::none(), Arc::new(Permit::default()));
    let cancel = Cancel::default(); let limits = ScriptLimits::default();
    let vars: Vec<(Arc<str>, Arc<Value>)> = vec![("a".into(), Arc::new(json!(1))), ("b".into(), Arc::new(json!(2))), ("payload".into(), Arc::new(json!({"x": "hello", "y": [1,2,3]}))), ("state".into(), Arc::new(json!({"n": 1})))];
    let bare = |src: &str| {
        let ast = e.compile(src).unwrap();
        time(&format!("bare (4 variables) {src}"), if src.contains("10000") {100} else {2000}, || {
            let mut s = Scope::new();
            s.push("a", 1_i64); s.push("b", 2_i64);
            let mut m = rhai::Map::new(); m.insert("x".into(), "hello".into()); m.insert("y".into(), vec![Dynamic::from(1_i64), 2_i64.into(), 3_i64.into()].into());
            s.push("payload", m); let mut m = rhai::Map::new(); m.insert("n".into(), 1_i64.into()); s.push("state", m);
            black_box(e.eval_ast_with_scope::<Dynamic>(&mut s, &ast).unwrap());
        });
        time(&format!("bare (a, b only) {src}"), if src.contains("10000") {100} else {2000}, || {
            let mut s = Scope::new();
            s.push("a", 1_i64); s.push("b", 2_i64);
            black_box(e.eval_ast_with_scope::<Dynamic>(&mut s, &ast).map(|_| ()).ok());
        });
    };
    let ours = |lang: &Arc<dyn Language>, src: &str, n: u32| {
        let c = lang.compile(src, ScriptForm::Code).map_err(|e| e.message).unwrap();
        time(&format!("run {src}"), n, || {
            let _ = black_box(lang.run(&c.program, ScriptScope { variables: &vars, egress: &egress, cancel: &cancel, limits: &limits }).map_err(|e| e.message).unwrap());
        });
    };
    bare("a + b"); ours(&lang, "a + b", 20000);
    ours(&lang, "a + b + payload.y[0] + state.n", 20000);
    bare("payload.x.to_upper()"); ours(&lang, "payload.x.to_upper()", 20000);
    ours(&lang, "state.n += 1;", 20000);
    ours(&lang, "payload.y.filter(|v| v > 1)", 20000);
    bare("payload.y.filter(|v| v > 1)");
    ours(&lang, "let t = 0; for i in 0..1000 { t += i; } t", 500);
    bare("let t = 0; for i in 0..1000 { t += i; } t");
    ours(&lang, "let t = 0; for i in 0..300 { t += i; } t", 500);
    bare("let t = 0; for i in 0..300 { t += i; } t");
    ours(&lang, "let t = 0; for i in 0..10000 { t += i; } t", 100);
    bare("let t = 0; for i in 0..10000 { t += i; } t");
    ours(&lang, "let t = 0; for i in 0..1000000 { t += i; } t", 1);
    let ast = e.compile("let t = 0; for i in 0..1000000 { t += i; } t").unwrap();
    time("bare 1e6 loop", 1, || { let _ = black_box(e.eval_ast::<Dynamic>(&ast)); });
    time("compile a + b", 2000, || { let _ = black_box(lang.compile("a + b", ScriptForm::Code).map_err(|e| e.message).unwrap()); });
}
