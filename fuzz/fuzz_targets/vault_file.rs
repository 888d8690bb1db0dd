//! Any bytes as a vault file, and a real one damaged in any way: refused or whole, never a panic.
#![no_main]

use std::{fs, sync::Arc};

use blueprint_model::{Secret, SecretName};
use blueprint_vault::{FileVault, KeySource, NewSecret, WeakValues};
use libfuzzer_sys::fuzz_target;

const VALUE: &str = "example-f4Zq9-value";

fuzz_target!(|data: (Vec<u8>, Vec<(u16, u8)>)| {
    let (bytes, edits) = data;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let key = || Arc::new(KeySource::Folder(folder.path().join("keys")));
    let name = SecretName::parse("KEY").unwrap();
    let vault = FileVault::init(&path, key()).unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let value = Secret::new(VALUE.into());
    let weak = WeakValues::Refuse;
    vault.set(NewSecret { name: name.clone(), value, policy: None, weak, now }).unwrap();
    let mut file = fs::read(&path).unwrap();
    let whole = file.clone();
    for (at, flip) in &edits {
        let at = usize::from(*at) % file.len();
        file[at] ^= flip;
    }
    fs::write(&path, &file).unwrap();
    let read = FileVault::new(&path, key()).get(&name);
    if file == whole {
        assert_eq!(read.unwrap().unwrap().value.expose(), VALUE);
    } else {
        assert!(read.is_err(), "a damaged vault was read");
    }
    fs::write(&path, &bytes).unwrap();
    let _ = FileVault::new(&path, key()).list();
});
