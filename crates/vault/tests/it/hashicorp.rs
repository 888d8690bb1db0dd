//! `HashiCorp` Vault as a source, against a server of our own that answers as it does.

use std::{cell::Cell, collections::BTreeMap};

use blueprint_model::{Provider, ProviderError, Secret, SecretName};
use blueprint_vault::{
    Need, Vault,
    cached::Cached,
    hashicorp::{Auth, HashicorpSource, HashicorpVault},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::server::{Server, State};

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(1_800_000_000) };
}

fn clock() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

fn wait(seconds: i64) {
    NOW.set(NOW.get() + seconds);
}

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A server with one secret of many fields, and one for each key below `keys`.
fn server() -> Server {
    let secrets = BTreeMap::from([
        (
            "|secret/team/app".into(),
            vec![
                fields(&json!({"ACME_KEY": "old-value-of-acme"})),
                fields(&json!({"ACME_KEY": "hunter2-hunter3", "PIN": "1234", "PORT": 5})),
            ],
        ),
        ("|secret/keys/ACME_KEY".into(), vec![fields(&json!({"value": "hunter2-hunter3"}))]),
        ("|secret/gone/ACME_KEY".into(), vec![fields(&json!({"value": "x"})), Map::new()]),
        ("team-a|kv/keys/ACME_KEY".into(), vec![fields(&json!({"value": "value-in-namespace"}))]),
    ]);
    let tokens =
        BTreeMap::from([("root-token".into(), (0, false)), ("short-token".into(), (100, true))]);
    let role = Some(("role-1".into(), "secret-1".into()));
    Server::start(State { secrets, tokens, role, ..State::default() })
}

fn source(server: &Server, path: &str) -> HashicorpSource {
    HashicorpSource {
        address: server.address.clone(),
        mount: "secret".into(),
        path: path.into(),
        namespace: None,
        auth: Auth::Token(Secret::new("root-token".into())),
    }
}

fn vault(server: &Server, path: &str) -> HashicorpVault {
    HashicorpVault::new(source(server, path), clock)
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

#[track_caller]
fn check(vault: &dyn Provider, key: &str, expected: Option<(&str, u64)>) {
    let entry = vault.get(&name(key)).unwrap();
    let found = entry.as_ref().map(|entry| (entry.value.expose(), entry.version));
    assert_eq!(found, expected, "{key}");
}

#[track_caller]
fn check_error(vault: &dyn Provider, expected: &str) -> ProviderError {
    let err = vault.get(&name("ACME_KEY")).err().expect("it is refused");
    assert!(err.to_string().contains(expected), "{err}");
    assert!(!format!("{err:?}").contains("-token"), "{err:?}");
    err
}

#[test]
fn fields_of_one_secret_are_keys() {
    let server = server();
    let vault = vault(&server, "team/app");
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 2)));
    check(&vault, "ABSENT", None);
    assert!(vault.get(&name("PIN")).unwrap().unwrap().is_weak);
    let err = vault.get(&name("PORT")).err().unwrap();
    assert_eq!(err.to_string(), "what `hashicorp` has for `PORT` is no text");
    let listed = vault.list().unwrap().unwrap();
    let names: Vec<(&str, u64)> =
        listed.iter().map(|row| (row.name.as_str(), row.version)).collect();
    assert_eq!(names, [("ACME_KEY", 2), ("PIN", 2), ("PORT", 2)]);
    assert!(listed[0].changed_at.is_some());
}

#[test]
fn each_key_can_be_a_secret_of_its_own() {
    let server = server();
    let vault = vault(&server, "keys/");
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    assert_eq!(
        server.take_asked(),
        ["GET /v1/auth/token/lookup-self", "GET /v1/secret/data/keys/ACME_KEY",]
    );
    check(&vault, "ABSENT", None);
    check(&vault, "acme_key", None);
    let listed = vault.list().unwrap().unwrap();
    assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].version), (1, "ACME_KEY", 1));
    // A deleted version is none.
    check(&self::vault(&server, "gone/"), "ACME_KEY", None);
    check(&self::vault(&server, "no/such/"), "ACME_KEY", None);
    assert_eq!(self::vault(&server, "no/such/").list().unwrap(), Some(Vec::new()));
}

#[test]
fn a_namespace_and_a_mount_are_asked_for() {
    let server = server();
    let source = HashicorpSource {
        mount: "kv".into(),
        namespace: Some("team-a".into()),
        ..source(&server, "keys/")
    };
    check(&HashicorpVault::new(source, clock), "ACME_KEY", Some(("value-in-namespace", 1)));
}

#[test]
fn a_new_value_is_seen_at_once() {
    let server = server();
    let vault = vault(&server, "keys/");
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    let newer = fields(&json!({"value": "rotated-value-2"}));
    server.state().secrets.get_mut("|secret/keys/ACME_KEY").unwrap().push(newer);
    check(&vault, "ACME_KEY", Some(("rotated-value-2", 2)));
}

#[test]
fn a_policy_can_be_kept_with_the_secret() {
    let server = server();
    let custom = json!({
        "blueprint_hosts": "api.acme.example, *.acme.example",
        "blueprint_places": "header:X-Key",
        "blueprint_blueprints": "city-weather",
        "blueprint_reveal": "allow",
        "blueprint_expires": "2027-01-31T00:00:00Z",
        "owner": "team",
    });
    server.state().custom.insert("|secret/keys/ACME_KEY".into(), custom);
    let policy = vault(&server, "keys/").get(&name("ACME_KEY")).unwrap().unwrap().policy;
    assert_eq!((policy.hosts.len(), policy.places.len(), policy.may_reveal), (2, 1, true));
    assert_eq!(policy.blueprints, ["city-weather"]);
    assert_eq!(policy.expires.unwrap().to_string(), "2027-01-31T00:00:00Z");
    assert_eq!(vault(&server, "keys/").list().unwrap().unwrap()[0].policy, policy);
    for (key, bad) in
        [("hosts", "a b"), ("places", "nowhere"), ("reveal", "yes"), ("expires", "soon")]
    {
        let custom = json!({format!("blueprint_{key}"): bad});
        server.state().custom.insert("|secret/keys/ACME_KEY".into(), custom);
        check_error(&vault(&server, "keys/"), &format!("`blueprint_{key}` in the metadata"));
    }
}

#[test]
fn a_role_logs_in_and_logs_in_again() {
    let server = server();
    let role = |secret: &str| Auth::AppRole {
        role: Secret::new("role-1".into()),
        secret: Secret::new(secret.into()),
    };
    let of =
        |auth| HashicorpVault::new(HashicorpSource { auth, ..source(&server, "keys/") }, clock);
    let vault = of(role("secret-1"));
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    let logins = |asked: &[String]| asked.iter().filter(|it| it.ends_with("/login")).count();
    assert_eq!(logins(&server.take_asked()), 1);
    // Somebody revokes the token.
    server.state().tokens.remove("login-token-1");
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    assert_eq!(logins(&server.take_asked()), 1);
    // Half of its time is over: it is renewed.
    wait(301);
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    assert_eq!(server.take_asked()[0], "POST /v1/auth/token/renew-self");
    // It cannot be renewed any more: a new login.
    server.state().tokens.insert("login-token-2".into(), (600, false));
    wait(301);
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    assert_eq!(logins(&server.take_asked()), 1);
    check_error(&of(role("wrong-secret")), "refuses the AppRole");
}

#[test]
fn a_token_is_renewed_in_time() {
    let server = server();
    let auth = Auth::Token(Secret::new("short-token".into()));
    let vault = HashicorpVault::new(HashicorpSource { auth, ..source(&server, "keys/") }, clock);
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    server.take_asked();
    wait(49);
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    assert_eq!(server.take_asked().len(), 1);
    wait(2);
    check(&vault, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    assert_eq!(server.take_asked()[0], "POST /v1/auth/token/renew-self");
}

#[test]
fn what_goes_wrong_is_said_and_hurts_only_who_needs_it() {
    let server = server();
    let with =
        |auth| HashicorpVault::new(HashicorpSource { auth, ..source(&server, "keys/") }, clock);
    let err = check_error(&with(Auth::None), "nobody is logged in");
    assert!(matches!(err, ProviderError::Locked { .. }));
    check_error(&with(Auth::Token(Secret::new("wrong-token".into()))), "does not let us read");
    server.state().is_sealed = true;
    check_error(&vault(&server, "keys/"), "is sealed or under maintenance (status 503)");
    server.state().is_sealed = false;
    server.state().is_standby = true;
    check_error(&vault(&server, "keys/"), "is a standby that sends us elsewhere");
    server.state().is_standby = false;
    server.state().forbids_lists = true;
    assert_eq!(vault(&server, "keys/").list().unwrap(), None, "reading is another right");

    let nobody = HashicorpSource { address: "http://127.0.0.1:1".into(), ..source(&server, "") };
    let nobody = HashicorpVault::new(nobody, clock);
    check_error(&nobody, "refuses connections");
    let clear = HashicorpSource { address: "http://vault.example".into(), ..source(&server, "") };
    check_error(&HashicorpVault::new(clear, clock), "is not https");

    let vault = Vault::new(vec![Box::new(vault(&server, "keys/")), Box::new(nobody)]);
    let need = |key: &str| [Need { name: name(key), is_optional: false }];
    assert!(vault.load(&need("ACME_KEY"), clock()).is_ok());
    let err = vault.load(&need("OTHER"), clock()).err().unwrap();
    assert_eq!(err.to_string(), "vault provider `hashicorp` gave no answer for secret `OTHER`");
}

#[test]
fn a_good_copy_outlives_an_outage() {
    let server = server();
    let cached = Cached::new(Box::new(vault(&server, "keys/")), || Timestamp::UNIX_EPOCH);
    check(&cached, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    server.state().is_sealed = true;
    check(&cached, "ACME_KEY", Some(("hunter2-hunter3", 1)));
    assert!(cached.get(&name("OTHER")).is_err());
    server.state().is_sealed = false;
    let newer = fields(&json!({"value": "rotated-value-2"}));
    server.state().secrets.get_mut("|secret/keys/ACME_KEY").unwrap().push(newer);
    check(&cached, "ACME_KEY", Some(("rotated-value-2", 2)));
}
