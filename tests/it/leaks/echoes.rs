//! Servers that give back what they were sent.

use blueprint_model::{Secret, SecretName, provider::Entry, secret::Policy};
use blueprint_vault::SecondNet;
use tests::{
    canary::Canaries,
    oracle::{Oracle, SPELLINGS, base64},
};

use super::{
    chain::Chain,
    mirror::Mirror,
    stage::{Stage, contains},
};

/// Every place of a request that a secret may stand in.
const SENDS: &str = "method: POST, query: {key: \"@{vault.PLAIN}\", wild: \"@{vault.WILD}\"}, \
                     headers: {Authorization: \"Bearer @{vault.PLAIN}\", X-Key: \"@{vault.LINE}\"}, \
                     body: {key: \"@{vault.LINE}\", wild: \"at @{vault.WILD}!\"}";
/// Sends everything once, so that a server can know it, in a form.
const SENDS_A_FORM: &str = "method: PUT, headers: {Content-Type: application/x-www-form-urlencoded}, \
                            body: {a: \"@{vault.LINE}\", b: \"@{vault.WILD}\"}";

/// Runs a chain once for each output; nothing is printed or left in a file.
#[track_caller]
fn check(stage: &Stage, chain: &Chain, said: &str) {
    stage.write("chain.yaml", &chain.blueprint("chain"));
    for output in ["ndjson", "json", "auto"] {
        stage.run(&["run", "chain.yaml", "--output", output]).check(0, said);
    }
    stage.check_files();
}

#[test]
fn what_a_server_gives_back_is_a_handle_again() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let url = |path: &str| mirror.url(path);
    let mut chain = Chain::default();
    for path in ["/echo", "/echo-json", "/echo-key", "/echo-twice", "/error"] {
        chain = chain.request(&url(path), SENDS).request(&url(path), SENDS_A_FORM);
    }
    chain = chain
        .request(&url("/echo/a/@{vault.WILD}/b"), "")
        .request(&url("/echo?k=@{vault.LINE}&w=@{vault.WILD}"), "")
        .request(&url("/location/0"), "follow_redirects: true")
        .request(&url("/to/302?/echo/again"), &format!("follow_redirects: true, {SENDS}"))
        .request(&url("/to/307?/echo/again"), &format!("follow_redirects: true, {SENDS}"));
    for kind in ["headers", "location", "reason", "bad-json", "binary", "chunks", "gzip", "cut"] {
        for key in 0..3 {
            chain = chain.request(&url(&format!("/{kind}/{key}")), "");
        }
    }
    chain = chain.request(&url("/no-http/0"), "").request(&url("/bad-header/0"), "");
    check(&stage, &chain, "⟨vault.WILD⟩");
    // The other way round: what may leave did leave.
    let received = mirror.received();
    assert!(contains(&received, format!("Bearer {}", stage.value("PLAIN")).as_bytes()));
    assert!(contains(&received, stage.value("LINE").as_bytes()));
    assert!(!contains(&received, stage.value("UNUSED").as_bytes()));
}

#[test]
fn every_spelling_that_comes_back_is_a_handle_again() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let mut chain = Chain::default().request(&mirror.url("/take"), SENDS);
    for key in 0..3 {
        for spelling in 0..SPELLINGS.len() {
            chain = chain.request(&mirror.url(&format!("/spell/{key}/{spelling}")), "");
        }
        for before in ["", "a", "ab"] {
            // The length of what follows the key is the offset.
            chain = chain.request(&mirror.url(&format!("/base64/{key}{before}")), "");
        }
    }
    check(&stage, &chain, "⟨vault.LINE⟩");
}

/// The same without a server, for many values: what the net leaves, the oracle finds nothing in.
#[test]
fn the_second_net_leaves_nothing_that_the_oracle_finds() {
    let mut canaries = Canaries::fresh();
    for _ in 0..10 {
        for canary in [canaries.plain("KEY"), canaries.line("KEY"), canaries.wild("KEY")] {
            let oracle = Oracle::new(&[&canary], canaries.seed);
            let net = SecondNet::new(&[entry_of(&canary.value)]);
            let mut texts: Vec<(String, String)> = SPELLINGS
                .iter()
                .map(|(name, write)| ((*name).into(), write(&canary.value)))
                .collect();
            for before in ["", "u", "us", "use", "user:"] {
                let text = format!("{before}{}{before}", canary.value);
                texts.push((format!("base64 behind `{before}`"), base64(text.as_bytes())));
            }
            for line in canary.value.lines() {
                texts.push(("a line".into(), line.into()));
            }
            for (name, text) in texts {
                // Alone too: nothing is too short that holds it.
                for mut left in [format!("before {text} behind"), text] {
                    for hit in net.hits(&left).into_iter().rev() {
                        left.replace_range(hit.range, "");
                    }
                    oracle.check(&name, left.as_bytes());
                }
            }
        }
    }
}

fn entry_of(value: &str) -> Entry {
    Entry {
        name: SecretName::parse("KEY").unwrap(),
        version: 1,
        is_weak: false,
        value: Secret::new(value.into()),
        policy: Policy::default(),
    }
}

/// The first server is told to send the run on to the second.
#[test]
fn another_origin_gets_nothing() {
    let stage = Stage::new();
    let first = Mirror::knowing(&stage.values());
    let second = Mirror::knowing(&stage.values());
    let other_name = format!("http://localhost:{}/name", second.address.port());
    let follows = "follow_redirects: true, headers: {X-Key: \"@{vault.LINE}\", Authorization: \
                   \"@{vault.PLAIN}\"}";
    let mut chain = Chain::default();
    for status in [302, 307] {
        for to in [second.url("/echo?hop=1"), other_name.clone()] {
            let from = first.url(&format!("/to/{status}?{to}"));
            chain = chain
                .request(&from, follows)
                .request(&from, &format!("method: POST, body: \"@{{vault.WILD}}\", {follows}"))
                // The first server puts the query into the redirect, values and all.
                .request(&from, &format!("query: {{k: \"@{{vault.PLAIN}}\"}}, {follows}"));
        }
    }
    check(&stage, &chain, "would take the body to another origin");
    assert!(contains(&first.received(), stage.value("PLAIN").as_bytes()));
    let received = second.received();
    stage.oracle.check("what the other origin received", &received);
    let received = String::from_utf8_lossy(&received).to_lowercase();
    assert!(received.contains("get /echo?hop=1") && !received.contains("referer"), "{received}");
}

/// A server that takes the bytes of a header for Latin-1 or Windows-1252 gives back letters beyond
/// ASCII as two each; one that takes Latin-1 for UTF-8 gives U+FFFD.
#[test]
fn letters_that_come_back_in_another_character_set_are_caught() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let mut chain = Chain::default();
    for path in ["/latin1", "/mixed-header", "/latin1-json", "/latin1-bytes"] {
        for key in 0..3 {
            chain = chain.request(&mirror.url(&format!("{path}/{key}")), SENDS);
        }
    }
    check(&stage, &chain, "⟨vault.WILD⟩");
    // Signs of Windows-1252, two bytes that are one letter in UTF-8, and letters in plenty.
    for value in ["K€y-Ä1ß“x”", "Ã©tude-Ã¨7q", "пароль-на-7q", "éèàçùâêîô"]
    {
        let net = SecondNet::new(&[entry_of(value)]);
        let read: String = value.bytes().map(char::from).collect();
        assert_eq!(net.hits(&format!("a {read} b")).len(), 1, "{value}");
        let plain = "a page that was read wrongly: \u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd} \
                     \u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}";
        assert_eq!(net.hits(plain), [], "{value}");
    }
}

#[test]
fn a_proxy_in_the_environment_gets_nothing() {
    let mut stage = Stage::new();
    let (server, proxy) = (Mirror::knowing(&stage.values()), Mirror::knowing(&stage.values()));
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"] {
        stage.variables.push((name.into(), proxy.url("")));
    }
    check(&stage, &Chain::default().request(&server.url("/echo"), SENDS), "⟨vault.PLAIN⟩");
    assert_eq!(proxy.received(), b"");
    assert!(!server.received().is_empty());
}

/// A token that a server gives is a secret from then on, though no vault has it.
#[test]
fn a_token_that_a_server_gives_is_a_secret() {
    let stage = Stage::new();
    let mut canaries = Canaries::fresh();
    let obtained = canaries.line("OBTAINED");
    let mirror = Mirror::knowing(&[&obtained.value]);
    let chain = Chain::default()
        .request(&mirror.url("/token"), "secret_outputs: [body.access_token]")
        .request(
            &mirror.url("/echo"),
            "headers: {X-Token: \"@{results.b0.body.access_token}\", X-Key: \"@{vault.PLAIN}\"}",
        )
        .request(&mirror.url("/spell/0/14"), "");
    stage.write("chain.yaml", &chain.blueprint("chain"));
    let oracle = Oracle::new(&[&obtained], canaries.seed);
    for output in ["ndjson", "json", "auto"] {
        let printed = stage.run(&["run", "chain.yaml", "--output", output]);
        printed.check(0, "⟨");
        oracle.check("stdout", &printed.out);
        oracle.check("stderr", &printed.err);
    }
    assert!(contains(&mirror.received(), obtained.value.as_bytes()));
}

/// What looks like a reference in data is data: in an answer, and in a value of a secret.
#[test]
fn data_is_never_rendered_again() {
    let stage = Stage::new();
    let value = format!("{}@{{vault.UNUSED}}", stage.value("PLAIN"));
    stage.run_with(&["vault", "set", "NESTED"], value.as_bytes()).check(0, "stored");
    let mirror = Mirror::knowing(&stage.values());
    let chain = Chain::default().request(&mirror.url("/reference"), "").request(
        &mirror.url("/echo"),
        "headers: {X-Data: \"@{result.body.text}\", X-Nested: \"@{vault.NESTED}\"}",
    );
    stage.write("chain.yaml", &chain.blueprint("chain"));
    stage.run(&["run", "chain.yaml"]).check(0, "@{vault.UNUSED}");
    let received = String::from_utf8(mirror.received()).unwrap();
    assert!(received.contains("x-data: @{vault.UNUSED}\r\n"), "{received}");
    assert!(received.contains(&format!("x-nested: {value}\r\n")), "{received}");
    stage.run(&["vault", "audit", "--key", "UNUSED"]).check(0, "no use was found");
}
