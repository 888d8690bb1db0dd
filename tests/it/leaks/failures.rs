//! Whatever fails says what failed, and quotes nothing.

use super::{chain::Chain, mirror::Mirror, stage::Stage};

/// Runs a chain that holds failures; each of these words is said.
#[track_caller]
fn check(stage: &Stage, chain: &Chain, said: &[&str]) {
    stage.write("fails.yaml", &chain.blueprint("fails"));
    for output in ["auto", "ndjson", "json"] {
        let printed = stage.run(&["run", "fails.yaml", "--output", output]);
        assert_eq!(printed.code, 0, "{}", printed.text());
        if output == "auto" {
            for said in said {
                printed.says(said);
            }
        }
    }
    stage.check_files();
}

#[test]
fn errors_of_connections_name_host_and_reason_only() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let port = mirror.address.port();
    let sends = "headers: {X-Key: \"@{vault.LINE}\"}, query: {k: \"@{vault.WILD}\"}";
    let chain = Chain::default()
        .request("http://127.0.0.1:1/@{vault.PLAIN}?k=@{vault.LINE}", sends)
        .request(&format!("https://127.0.0.1:{port}/@{{vault.PLAIN}}"), sends)
        .request(&mirror.url("/no-http/1"), sends)
        .request(&mirror.url("/cut/2"), sends)
        .request(&mirror.url("/bad-header/2"), sends);
    check(&stage, &chain, &["connection refused", "TLS failed", "not valid HTTP", "broke off"]);
    // A deadline of the block and of the run.
    let slow = mirror.url("/slow/0");
    for (timeout, more, said) in [("50ms", "1h", "timed out"), ("1h", "50ms", "deadline")] {
        let get = format!("type: http_request, url: {slow:?}, timeout: {timeout}, {sends}");
        stage.write("slow.yaml", &format!("name: slow\nblocks:\n  get: {{{get}}}\n"));
        stage.run(&["run", "slow.yaml", "--timeout", more]).check(1, said);
    }
}

#[test]
fn requests_that_are_refused_quote_nothing() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let url = mirror.url("/x");
    stage.run(&["vault", "policy", "PLAIN", "--places", "header:authorization"]).check(0, "");
    let chain = Chain::default()
        .request(&url, "headers: {X-Key: \"@{vault.WILD}\"}")
        .request(&url, "headers: {X-Key: \"a\\nb@{vault.LINE}\"}")
        .request(&url, "headers: {\"X @{vault.LINE}\": a}")
        .request(&url, "query: {a: {b: \"@{vault.LINE}\"}}")
        .request(&url, "query: {\"@{vault.LINE}\": a}, body: \"@{vault.PLAIN}\"")
        .request("http://api.acme.example/", "headers: {X-Key: \"@{vault.LINE}\"}")
        .request("ftp://api.acme.example/@{vault.LINE}", "")
        .request("@{vault.LINE}", "")
        .code("", "vault.LINE")
        .request("https://@{results.b8}.acme.example/", "")
        .request("https://u:@{results.b8}@acme.example/", "")
        .request(&url, "max_response_bytes: \"@{vault.LINE}\"")
        .request(&url, "follow_redirects: \"@{vault.LINE}\"")
        .request(&url, "method: \"@{vault.LINE}\"")
        .request("http://169.254.169.254/@{vault.LINE}", "");
    stage.write("fails.yaml", &chain.blueprint("fails"));
    let checked = stage.run(&["check", "fails.yaml"]);
    if checked.code == 2 {
        // What `check` refuses is shown with its text, which holds names of keys only.
        checked.says("secret");
    }
    assert!(!String::from_utf8_lossy(&mirror.received()).contains(stage.value("PLAIN")));
}
