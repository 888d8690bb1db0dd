//! The vault as a person handles it: nothing of a value is shown, and nothing is lost.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::program::Folder;

const USES: &str = "\
name: uses
blocks:
  say: {type: return_value, value: \"key: @{vault.API_KEY}\"}
";

/// A project with a vault that has one key.
fn project() -> Folder {
    let folder = Folder::with(&[("uses.yaml", USES)]);
    folder.run(&["vault", "init"]).check(0, "", "made the vault");
    let ran = folder.run_with(&["vault", "set", "API_KEY"], b"example-value-7Qx2\n");
    ran.check(0, "", "stored API_KEY (version 1)");
    folder
}

fn vault_of(folder: &Folder) -> PathBuf {
    folder.path(".blueprint/vault")
}

pub(crate) fn key_of(folder: &Folder) -> PathBuf {
    let keys = folder.path("home/.config/blueprint/keys");
    let mut paths = fs::read_dir(keys).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|ending| ending == "key")).unwrap()
}

#[test]
fn a_key_is_set_listed_used_and_deleted_without_being_shown() {
    let folder = project();
    folder.run(&["vault", "list"]).check(0, "API_KEY", "");
    folder.run(&["vault", "status"]).check(0, "", "");
    folder.run(&["run", "uses.yaml"]).check(0, "\"key: ⟨vault.API_KEY⟩\"\n", "");
    folder.run(&["vault", "rename", "API_KEY", "OTHER"]).check(0, "", "renamed");
    folder.run(&["run", "uses.yaml"]).check(3, "", "API_KEY");
    folder.run(&["vault", "delete", "OTHER"]).check(2, "", "--yes");
    folder.run(&["vault", "delete", "OTHER", "--yes"]).check(0, "", "deleted OTHER");
    folder.run(&["vault", "get", "OTHER"]).check(2, "", "");
}

#[test]
fn a_value_is_never_an_argument() {
    let folder = project();
    let before = fs::read(vault_of(&folder)).unwrap();
    for args in [
        ["vault", "set", "KEY", "example-value-in-argument"],
        ["vault", "set", "KEY", "--example-value-in-argument"],
        ["vault", "set", "KEY", "--value=example-value-in-argument"],
    ] {
        folder.run(&args).check(2, "", "BP0606");
    }
    assert_eq!(fs::read(vault_of(&folder)).unwrap(), before);
}

#[test]
fn a_weak_value_is_refused() {
    let folder = project();
    folder.run_with(&["vault", "set", "PIN"], b"1111\n").check(2, "", "BP0605");
    folder.run_with(&["vault", "set", "EMPTY"], b"\n").check(2, "", "");
    folder.run(&["vault", "list"]).check(0, "API_KEY", "");
    folder.run_with(&["vault", "set", "PIN", "--force"], b"1111\n").check(0, "", "stored PIN");
}

#[test]
fn a_second_vault_does_not_replace_the_first() {
    let folder = project();
    let before = fs::read(vault_of(&folder)).unwrap();
    folder.run(&["vault", "init"]).check(2, "", "vault");
    assert_eq!(fs::read(vault_of(&folder)).unwrap(), before);
}

#[test]
fn a_wrong_key_opens_nothing_and_loses_nothing() {
    let mut folder = project();
    let before = fs::read(vault_of(&folder)).unwrap();
    let other = project();
    let key = fs::read_to_string(key_of(&other)).unwrap();
    for key in [key.trim(), "not a key", ""] {
        folder.variables = vec![("BLUEPRINT_VAULT_KEY".into(), key.into())];
        if !key.is_empty() {
            folder.run(&["run", "uses.yaml"]).check(3, "", "BP0602");
            let ran = folder.run_with(&["vault", "set", "NEW"], b"example-value-new\n");
            ran.check(3, "", "BP0602");
        }
    }
    assert_eq!(fs::read(vault_of(&folder)).unwrap(), before);
    let own = fs::read_to_string(key_of(&folder)).unwrap();
    folder.variables = vec![("BLUEPRINT_VAULT_KEY".into(), own.trim().into())];
    folder.run(&["run", "uses.yaml"]).check(0, "⟨vault.API_KEY⟩", "");
}

#[test]
fn a_lost_key_is_told() {
    let folder = project();
    let key = key_of(&folder);
    let bytes = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    folder.run(&["run", "uses.yaml"]).check(3, "", "BP0602");
    fs::write(&key, bytes).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    folder.run(&["run", "uses.yaml"]).check(0, "⟨vault.API_KEY⟩", "");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let folder = project();
    let key = key_of(&folder);
    for mode in [0o644, 0o640, 0o666] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        folder.run(&["run", "uses.yaml"]).check(3, "", "BP0602");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    folder.run(&["run", "uses.yaml"]).check(0, "⟨vault.API_KEY⟩", "");
}

#[test]
fn the_files_are_private_and_hold_no_value() {
    let folder = project();
    for path in [vault_of(&folder), key_of(&folder)] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains("example-value-"), "{path:?}");
    }
}

#[test]
fn a_damaged_byte_is_noticed_wherever_it_is() {
    let folder = project();
    let path = vault_of(&folder);
    let whole = fs::read(&path).unwrap();
    let step = (whole.len() / 12).max(1);
    for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x01;
        write(&path, &damaged);
        let ran = folder.run(&["run", "uses.yaml"]);
        // White space at the end carries nothing that could be damaged.
        let is_harmless = ran.code == 0 && whole[at].is_ascii_whitespace();
        if !is_harmless {
            ran.check(3, "", "BP060");
        }
        let ran = folder.run_with(&["vault", "set", "NEW"], b"example-value-new\n");
        if ran.code != 0 {
            assert_eq!(fs::read(&path).unwrap(), damaged, "a damaged vault was written to");
        }
        write(&path, &whole);
    }
    for len in [0, 1, whole.len() / 2, whole.len() - 2] {
        write(&path, &whole[..len]);
        folder.run(&["run", "uses.yaml"]).check(3, "", "BP060");
    }
    write(&path, &whole);
    folder.run(&["run", "uses.yaml"]).check(0, "⟨vault.API_KEY⟩", "");
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn secrets_come_from_other_providers_too() {
    let mut folder = Folder::with(&[("project.yaml", "name: x\nvault: [env, dotenv]\n")]);
    fs::create_dir(folder.path("blueprints")).unwrap();
    folder.write("blueprints/uses.yaml", USES.as_bytes());
    folder.run(&["run", "uses"]).check(3, "", "API_KEY");
    folder.write(".env", b"API_KEY=example-value-dotenv\n");
    folder.run(&["run", "uses"]).check(0, "⟨vault.API_KEY⟩", "");
    folder.write(".env", b"");
    folder.variables = vec![("BLUEPRINT_SECRET_API_KEY".into(), "example-value-env".into())];
    folder.run(&["run", "uses"]).check(0, "⟨vault.API_KEY⟩", "");
}
