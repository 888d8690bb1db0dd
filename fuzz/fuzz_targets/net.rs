//! The second net: whatever stands around a value, it is found; split at any place, the same.
#![no_main]

use std::sync::Arc;

use blueprint_model::{Secret, SecretName, provider::Entry, secret::Policy};
use blueprint_vault::{NetStream, SecondNet};
use libfuzzer_sys::fuzz_target;

const VALUE: &str = "example-f4Zq9\"<&%+/\\x";

fuzz_target!(|data: (String, String, usize)| {
    let (before, after, cut) = data;
    let entry = Entry {
        name: SecretName::parse("KEY").unwrap(),
        version: 1,
        value: Secret::new(VALUE.into()),
        policy: Policy::default(),
        is_weak: false,
    };
    let net = Arc::new(SecondNet::new(&[entry]));
    let text = format!("{before}{VALUE}{after}");
    let hits = net.hits(&text);
    assert!(!hits.is_empty());
    let mut last = 0;
    for hit in &hits {
        assert!(hit.range.start >= last && hit.range.end <= text.len());
        assert!(text.is_char_boundary(hit.range.start) && text.is_char_boundary(hit.range.end));
        last = hit.range.end;
    }
    let whole = stream(&net, &[text.as_bytes()]);
    let cut = cut % (text.len() + 1);
    let parts = stream(&net, &[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
    assert_eq!(whole, parts);
    assert!(!String::from_utf8_lossy(&whole).contains(VALUE));
});

fn stream(net: &Arc<SecondNet>, parts: &[&[u8]]) -> Vec<u8> {
    let mut stream = NetStream::new(net.clone(), |_| "#".into());
    let mut out = Vec::new();
    for part in parts {
        out.extend(stream.push(part));
    }
    out.extend(stream.finish());
    out
}
