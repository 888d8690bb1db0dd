//! x
use crate::support::*;
use serde_json::json;
#[test]
fn one() {
    let src = std::env::var("SRC").unwrap();
    let kib: usize = std::env::var("KIB").unwrap().parse().unwrap();
    let t = std::thread::Builder::new().name("mine".into()).stack_size(kib << 10).spawn(move || {
        match run(&src, &json!({})) { Ok(e) => println!("ok {}", e.value.to_string().len()), Err(e) => println!("{}", e.message) }
    });
    t.unwrap().join().unwrap();
}
