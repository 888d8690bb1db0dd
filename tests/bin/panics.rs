//! Panics in its first thread and in another one, each time with a text from stdin.

use std::{io, thread};

fn main() {
    blueprint::start::keep_to_itself();
    let text = io::read_to_string(io::stdin()).expect("a text");
    let other = text.clone();
    let ended = thread::spawn(move || panic!("{other}")).join();
    assert!(ended.is_ok(), "{text}");
}
