//! Handles in any text, cut and changed in any way: views show no token, a whole one is swapped.
#![no_main]

use std::sync::Arc;

use blueprint_model::{
    Secret, SecretName,
    egress::{Destination, Egress, Permit, Place, SecretGrant},
    secret::Policy,
};
use blueprint_vault::{MemoryVault, Need, Vault};
use libfuzzer_sys::fuzz_target;

const VALUE: &str = "example-f4Zq9-value";

fuzz_target!(|data: (String, String, u8, u8)| {
    let (before, after, from, len) = data;
    if before.contains(VALUE) || after.contains(VALUE) || (before.clone() + &after).contains(VALUE) {
        return; // The fuzzer has seen the value in this program, and puts it there.
    }
    let name = SecretName::parse("KEY").unwrap();
    let provider =
        MemoryVault::new().with(name.clone(), Secret::new(VALUE.into()), Policy::default());
    let vault = Vault::new(vec![Box::new(provider)]);
    let need = Need { name: name.clone(), is_optional: false };
    let secrets = vault.load(&[need], jiff::Timestamp::UNIX_EPOCH).unwrap();
    let token = secrets.handle(0);
    let text = format!("{before}{token}{after}");
    let view = secrets.view_text(&text).expect("there is a handle in it");
    assert!(!view.contains(&token) && !view.contains(VALUE));
    let start = usize::from(from) % token.len();
    let end = (start + usize::from(len)).min(token.len());
    let part = format!("{before}{}{after}", &token[start..end]);
    if let (Some(view), false) = (secrets.view_text(&part), part.contains(VALUE)) {
        assert!(!view.contains(VALUE));
    }
    let keys = vec![(name, SecretGrant::default())];
    let permit = Permit { blueprint: "fuzz".into(), keys, ..Permit::default() };
    let egress = Egress::new(secrets, Arc::new(permit));
    let to = Destination { scheme: "https".into(), host: "api.acme.example".into(), port: 443 };
    let send = |text: &str| egress.send(text, &to, &Place::Body, &str::to_owned);
    let (sent, _) = send(&text).expect("the key may go there");
    assert_eq!(*sent, format!("{before}{VALUE}{after}"));
    // A few letters that miss may stand in the text around by chance.
    if let (Ok((sent, _)), true) = (send(&part), end - start < token.len() / 2) {
        assert_eq!(*sent, part, "a piece of a handle gave something");
    }
});
