//! Tests of the way out: what a policy allows, what is told to the audit, what leaves.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::*;
use crate::{
    audit::{Audit, AuditError},
    provider::Entry,
    secret::{Bytes, Derivation, Hit, ObtainError, Policy, Secret, Tools},
};

const MARK: Derivation = Derivation {
    name: "mark",
    arity: 1,
    compute: |of| Ok(Bytes::text(format!("<{}>", *of[0].to_text()))),
    summary: "In angle brackets",
};

/// What the audit was told, as `block use key host place: why`.
#[derive(Default)]
struct Told {
    lines: Mutex<Vec<String>>,
    is_full: AtomicBool,
}

impl Told {
    fn audit(self: &Arc<Self>) -> Audit {
        let told = self.clone();
        Arc::new(move |audited| {
            if told.is_full.load(Ordering::Relaxed) {
                return Err(AuditError("the disk is full".into()));
            }
            let mut lines = told.lines.lock().unwrap();
            lines.extend(audited.uses.iter().map(|used| {
                let key = used.function.as_deref().unwrap_or(&used.key);
                let line = format!(
                    "{}/{}: {} {key} v{} {}",
                    audited.blueprint,
                    audited.block,
                    used.outcome(),
                    used.version,
                    used.destination()
                );
                match &used.refused {
                    Some(why) => format!("{line}: {why}"),
                    None => line,
                }
            }));
            Ok(())
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

fn keyed_hash(key: &[u8; 32], text: &str) -> [u8; 32] {
    let mut state = u64::from(key[0]) ^ 0xcbf2_9ce4_8422_2325;
    std::array::from_fn(|at| {
        for byte in text.bytes().chain([u8::try_from(at).unwrap()]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        state.to_be_bytes()[3]
    })
}

fn net_over(values: Vec<String>) -> crate::secret::Net {
    Arc::new(move |text| {
        let hit = |(entry, value): (usize, &String)| {
            let start = text.find(value.as_str())?;
            Some(Hit { range: start..start + value.len(), entry })
        };
        values.iter().enumerate().filter_map(hit).collect()
    })
}

fn secrets(policy: Policy, told: &Arc<Told>) -> Secrets {
    let entry = Entry {
        name: SecretName::parse("KEY").unwrap(),
        version: 3,
        value: Secret::new("value-of-key".into()),
        policy,
        is_weak: false,
    };
    let tools = Tools {
        seed: [7; 32],
        derivations: const { &[MARK] },
        keyed_hash,
        net: net_over(vec!["value-of-key".into()]),
        search: |values| net_over(values.iter().map(|value| value.expose().into()).collect()),
        audit: told.audit(),
    };
    Secrets::new(vec![entry], tools)
}

fn key() -> SecretName {
    SecretName::parse("KEY").unwrap()
}

fn grant(hosts: &[&str]) -> SecretGrant {
    SecretGrant { hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect() }
}

fn permit(hosts: &[&str]) -> Permit {
    Permit {
        blueprint: "own".into(),
        keys: vec![(key(), grant(hosts))],
        reveal: vec![key()],
        ..Permit::default()
    }
}

fn caller(now: &str) -> Caller {
    let block = BlockPath { scope: "".into(), id: "block".into() };
    Caller { run: RunId::new("run-1"), block, now: now.parse().unwrap() }
}

/// A vault's policy, a blueprint's permit, and what is sent.
struct Case {
    policy: Policy,
    permit: Permit,
    now: &'static str,
}

impl Case {
    fn new(policy: Policy) -> Self {
        Self { policy, permit: permit(&[]), now: "2026-11-23T12:00:00Z" }
    }

    fn egress(self, told: &Arc<Told>) -> Egress {
        let secrets = secrets(self.policy, told);
        Egress::new(secrets, Arc::new(self.permit)).for_caller(caller(self.now))
    }

    /// Checks why the key may not go to a place; `None` where it may.
    #[track_caller]
    fn check_send(self, url: &str, place: &str, expected: Option<&str>) {
        let told = Arc::new(Told::default());
        let egress = self.egress(&told);
        let text = egress.secrets().handle(0);
        let place = Place::parse(place).unwrap();
        let sent = egress.send(&text, &to(url), &place, &str::to_owned);
        match expected {
            None => assert_eq!(sent.unwrap().0.as_str(), "value-of-key"),
            Some(why) => {
                let expected = format!("secret `KEY` may not leave here: {why}");
                assert_eq!(sent.unwrap_err().message, expected);
                let line = format!("own/block: refuse KEY v3 {} {place}: {why}", to(url));
                assert_eq!(told.take(), [line]);
            }
        }
        assert_eq!(egress.take_uses().len(), 1);
    }

    #[track_caller]
    fn check_reveal(self, expected: Result<Option<&str>, &str>) {
        let told = Arc::new(Told::default());
        let egress = self.egress(&told);
        let revealed = egress.reveal("KEY").map_err(|err| err.message);
        assert_eq!(egress.reveal("KEY").map_err(|err| err.message), revealed, "and again");
        assert_eq!(revealed, expected.map_err(str::to_owned));
        let lines = told.take();
        match expected {
            Ok(Some(_)) => assert_eq!(lines, ["own/block: reveal KEY v3 script"]),
            Ok(None) => assert!(lines.is_empty()),
            Err(_) => {
                assert_eq!(lines.len(), 1);
                assert!(lines[0].starts_with("own/block: refuse KEY v3 script: "), "{lines:?}");
            }
        }
    }
}

fn to(url: &str) -> Destination {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (host, port) = split_port(rest).unwrap();
    let port = port.or_else(|| default_port(scheme)).unwrap();
    Destination { scheme: scheme.into(), host: host.into(), port }
}

#[track_caller]
fn check(pattern: &str, url: &str, expected: bool) {
    let pattern = HostPattern::parse(pattern).expect("a pattern");
    assert_eq!(pattern.allows(&to(url)), expected, "{pattern} {url}");
}

#[test]
fn a_pattern_means_one_origin() {
    check("api.acme.example", "https://api.acme.example", true);
    check("API.acme.example", "https://api.ACME.example", true);
    check("api.acme.example", "http://api.acme.example", false);
    check("api.acme.example", "https://api.acme.example:8443", false);
    check("api.acme.example:8443", "https://api.acme.example:8443", true);
    check("http://127.0.0.1:8080", "http://127.0.0.1:8080", true);
    check("http://127.0.0.1:8080", "https://127.0.0.1:8080", false);
    check("*.acme.example", "https://a.b.acme.example", true);
    check("*.acme.example", "https://acme.example", false);
    check("*.acme.example", "https://evilacme.example", false);
}

#[test]
fn what_is_no_host_is_refused() {
    for text in ["", "*", "*.", "a/b", "user@host", "ftp://x", "a:b", "a b"] {
        assert!(HostPattern::parse(text).is_none(), "{text}");
    }
}

#[test]
fn places_are_named_by_policy() {
    assert_eq!(Place::parse("header:Authorization"), Some(Place::Header("authorization".into())));
    let any = Place::parse("header").unwrap();
    assert!(any.allows(&Place::Header("x-key".into())));
    assert!(!any.allows(&Place::Body));
}

fn policy(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::default();
    change(&mut policy);
    policy
}

fn with_hosts(hosts: &[&str]) -> Policy {
    policy(|policy| policy.hosts = grant(hosts).hosts)
}

const API: &str = "https://api.acme.example";

#[test]
fn the_vault_says_to_which_hosts() {
    Case::new(with_hosts(&["api.acme.example"])).check_send(API, "body", None);
    let why = "`evil.example` is not among the hosts that the vault allows";
    Case::new(with_hosts(&["api.acme.example"])).check_send(
        "https://evil.example",
        "body",
        Some(why),
    );
    let why = "`http://api.acme.example` is not among the hosts that the vault allows";
    Case::new(with_hosts(&["api.acme.example"])).check_send(
        "http://api.acme.example",
        "body",
        Some(why),
    );
}

#[test]
fn without_lists_it_goes_over_https_or_to_this_machine() {
    Case::new(Policy::default()).check_send("https://any.example", "body", None);
    Case::new(Policy::default()).check_send("http://127.0.0.1:8080", "body", None);
    let why = "`http://any.example` is not https; name it in `hosts` to allow it";
    Case::new(Policy::default()).check_send("http://any.example", "body", Some(why));
}

#[test]
fn the_vault_says_in_which_places() {
    let policy =
        || policy(|policy| policy.places = vec![Place::parse("header:Authorization").unwrap()]);
    Case::new(policy()).check_send(API, "header:authorization", None);
    let why = "the vault does not allow it in `query`";
    Case::new(policy()).check_send(API, "query", Some(why));
    let why = "the vault does not allow it in `header:x-key`";
    Case::new(policy()).check_send(API, "header:x-key", Some(why));
}

#[test]
fn the_vault_says_in_which_blueprints() {
    let policy = |name: &str| policy(|policy| policy.blueprints = vec![name.into()]);
    Case::new(policy("own")).check_send(API, "body", None);
    let why = "the vault does not allow it in blueprint `own`";
    Case::new(policy("other")).check_send(API, "body", Some(why));
}

#[test]
fn the_vault_says_until_when() {
    let at = |expires: &str| policy(|policy| policy.expires = Some(expires.parse().unwrap()));
    Case::new(at("2026-11-23T12:00:01Z")).check_send(API, "body", None);
    let why = "it expired at 2026-11-23T12:00:00Z";
    Case::new(at("2026-11-23T12:00:00Z")).check_send(API, "body", Some(why));
    // Nobody says what time it is.
    let told = Arc::new(Told::default());
    let egress = Egress::new(secrets(at("2999-01-01T00:00:00Z"), &told), Arc::new(permit(&[])));
    let text = egress.secrets().handle(0);
    assert!(egress.send(&text, &to(API), &Place::Body, &str::to_owned).is_err());
}

#[test]
fn a_blueprint_narrows_and_never_widens() {
    let narrow = Case { permit: permit(&["api.acme.example"]), ..Case::new(Policy::default()) };
    let why = "`evil.example` is not among the hosts that the blueprint allows";
    narrow.check_send("https://evil.example", "body", Some(why));
    let wide = Case { permit: permit(&["evil.example"]), ..Case::new(with_hosts(&["a.example"])) };
    let why = "`evil.example` is not among the hosts that the vault allows";
    wide.check_send("https://evil.example", "body", Some(why));
    let both = Case { permit: permit(&["*.example"]), ..Case::new(with_hosts(&["a.example"])) };
    both.check_send("https://a.example", "body", None);
}

#[test]
fn handles_of_other_blocks_obey_the_blueprint_too() {
    let case = |listed: Vec<(SecretName, SecretGrant)>| {
        let listed = Some(Arc::new(listed));
        let permit = Permit { blueprint: "own".into(), listed, ..Permit::default() };
        Case { permit, ..Case::new(Policy::default()) }
    };
    case(vec![(key(), grant(&["api.acme.example"]))]).check_send(API, "body", None);
    let why = "`evil.example` is not among the hosts that the blueprint allows";
    case(vec![(key(), grant(&["api.acme.example"]))]).check_send(
        "https://evil.example",
        "body",
        Some(why),
    );
    let why = "it is not among `secrets` of this blueprint";
    case(Vec::new()).check_send(API, "body", Some(why));
}

#[test]
fn a_value_is_revealed_where_block_and_vault_say_so() {
    let open = || policy(|policy| policy.may_reveal = true);
    Case::new(open()).check_reveal(Ok(Some("value-of-key")));
    let unasked = Permit { reveal: Vec::new(), ..permit(&[]) };
    Case { permit: unasked, ..Case::new(open()) }.check_reveal(Ok(None));
    Case::new(Policy::default()).check_reveal(Err(
        "secret `KEY` may not be revealed: allow it with `blueprint vault policy KEY --reveal allow`",
    ));
    let elsewhere = policy(|policy| {
        policy.may_reveal = true;
        policy.blueprints = vec!["other".into()];
    });
    Case::new(elsewhere).check_reveal(Err(
        "secret `KEY` may not be revealed: the vault does not allow it in blueprint `own`",
    ));
    let late = policy(|policy| {
        policy.may_reveal = true;
        policy.expires = Some("2026-01-01T00:00:00Z".parse().unwrap());
    });
    Case::new(late)
        .check_reveal(Err("secret `KEY` may not be revealed: it expired at 2026-01-01T00:00:00Z"));
}

#[test]
fn without_an_audit_there_is_no_use() {
    let told = Arc::new(Told::default());
    let open = policy(|policy| policy.may_reveal = true);
    let egress = Case::new(open).egress(&told);
    told.is_full.store(true, Ordering::Relaxed);
    let handle = egress.secrets().handle(0);
    let expected =
        "secret `KEY` is not used, because the audit cannot be kept: the disk is full".to_owned();
    let sent = egress.send(&handle, &to(API), &Place::Body, &str::to_owned);
    assert_eq!(sent.unwrap_err().message, expected);
    let sent = egress.send_value(&json!([handle]), &to(API), &Place::Body);
    assert_eq!(sent.unwrap_err().message, expected);
    assert_eq!(egress.reveal("KEY").unwrap_err().message, expected);
    assert!(egress.take_uses().is_empty());
    // What holds no secret needs no audit.
    let sent = egress.send("plain", &to(API), &Place::Body, &str::to_owned);
    assert_eq!(sent.unwrap().0.as_str(), "plain");
}

#[test]
fn functions_are_told_with_their_keys() {
    let told = Arc::new(Told::default());
    let egress = Case::new(Policy::default()).egress(&told);
    let secrets = egress.secrets();
    let marked = secrets.derive(0, vec![format!("a {}", secrets.handle(0))]);
    let value = json!({"k": secrets.handle(0), "m": marked, "twice": [marked, marked]});
    let (sent, uses) = egress.send_value(&value, &to(API), &Place::Body).unwrap();
    assert_eq!(sent["m"], json!("<a value-of-key>"));
    assert_eq!(uses.len(), 2);
    let expected = [
        "own/block: swap KEY v3 api.acme.example body",
        "own/block: derive mark(…) v3 api.acme.example body",
    ];
    assert_eq!(told.take(), expected);
}

#[test]
fn a_handle_that_was_cut_is_refused_and_told() {
    let told = Arc::new(Told::default());
    let egress = Case::new(Policy::default()).egress(&told);
    let handle = egress.secrets().handle(0);
    let text = format!("{handle} {}", &handle[..20]);
    assert!(egress.send(&text, &to(API), &Place::Body, &str::to_owned).is_err());
    let lines = told.take();
    assert!(lines[0].starts_with("own/block: refuse KEY v3 api.acme.example body: "), "{lines:?}");
}

#[test]
fn functions_of_functions_take_no_time_and_no_room() {
    let told = Arc::new(Told::default());
    let egress = Case::new(Policy::default()).egress(&told);
    let secrets = egress.secrets();
    let mut text = secrets.handle(0);
    for _ in 0..28 {
        text = secrets.derive(0, vec![format!("{text}{text}")]);
    }
    assert!(secrets.view_text(&text).unwrap().len() < 200);
    let sent = egress.send(&text, &to(API), &Place::Body, &str::to_owned);
    let expected = "functions over secrets made more than 64 MiB of text";
    assert_eq!(sent.unwrap_err().message, expected);
}

#[track_caller]
fn check_obtain(result: Value, outputs: &[&str], expected: Result<Value, &[ObtainError]>) {
    let secrets = secrets(Policy::default(), &Arc::default());
    let outputs: Vec<SecretOutput> =
        outputs.iter().map(|path| SecretOutput::parse(path).unwrap()).collect();
    let mut result = result;
    let failed = secrets.obtain("login", &outputs, &mut result);
    match expected {
        Ok(view) => {
            assert_eq!(failed, []);
            assert_eq!(secrets.view(&result).unwrap_or(result), view);
        }
        Err(expected) => assert_eq!(failed, expected),
    }
}

#[test]
fn parts_of_results_become_handles() {
    check_obtain(json!({"t": "abcdefgh", "u": 1}), &["t"], Ok(json!({"t": "⟨login.t⟩", "u": 1})));
    check_obtain(json!({"pin": 123}), &["pin"], Ok(json!({"pin": "⟨login.pin⟩"})));
    check_obtain(json!([["a", "b"], null]), &["[0]"], {
        Ok(json!([["⟨login.[0].0⟩", "⟨login.[0].1⟩"], null]))
    });
    check_obtain(json!({"t": {"k": "a", "ok": true}}), &["t"], {
        Ok(json!({"t": {"k": "⟨login.t.k⟩", "ok": true}}))
    });
    // A value of the vault stays that key, with its policy.
    check_obtain(json!({"t": "value-of-key"}), &["t"], Ok(json!({"t": "⟨vault.KEY⟩"})));
    let missing = |path: &str| ObtainError::Missing(path.into());
    for result in [json!({}), json!(null), json!({"t": null}), json!({"t": ""}), json!({"t": []})] {
        check_obtain(result, &["t"], Err(&[missing("t")]));
    }
}

#[test]
fn what_was_obtained_is_searched_for_and_sent_like_a_key() {
    let told = Arc::new(Told::default());
    let egress = Case::new(Policy::default()).egress(&told);
    let secrets = egress.secrets();
    let output = [SecretOutput::parse("t").unwrap()];
    for at in 0..20 {
        let mut result = json!({"t": format!("issued-{at:02}")});
        assert_eq!(secrets.obtain("login", &output, &mut result), []);
        let mut echo = json!(format!("you sent issued-{at:02} and value-of-key"));
        assert!(secrets.catch(&mut echo));
        assert_eq!(secrets.view(&echo).unwrap(), json!("you sent ⟨login.t⟩ and ⟨vault.KEY⟩"));
        let text = result["t"].as_str().unwrap();
        let (sent, _) = egress.send(text, &to(API), &Place::Body, &str::to_owned).unwrap();
        assert_eq!(sent.as_str(), format!("issued-{at:02}"));
        assert_eq!(told.take(), ["own/block: swap login.t v0 api.acme.example body"]);
        let plain = to("http://a.example");
        assert!(egress.send(text, &plain, &Place::Body, &str::to_owned).is_err());
        told.take();
    }
    let mut again = json!({"t": "issued-07"});
    secrets.obtain("login", &output, &mut again);
    let mut caught = json!("issued-07");
    secrets.catch(&mut caught);
    assert_eq!(again["t"], caught, "the same value has the same handle");
}

#[test]
fn what_is_obtained_has_a_bound_and_needs_a_vault() {
    let secrets = secrets(Policy::default(), &Arc::default());
    let output = [SecretOutput::parse("t").unwrap()];
    let many: Vec<String> = (0..=crate::secret::MAX_OBTAINED).map(|n| format!("v{n}")).collect();
    let failed = secrets.obtain("login", &output, &mut json!({"t": many}));
    assert_eq!(failed, [ObtainError::TooMany]);
    let failed = Secrets::none().obtain("login", &output, &mut json!({"t": "issued"}));
    assert_eq!(failed, [ObtainError::NoVault]);
}
