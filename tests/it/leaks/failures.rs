//! Whatever fails says what failed, and quotes nothing.

use blueprint_project::{project::check_bytes, wiring};

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

/// What `check` lets through is refused where it would leave.
#[test]
fn requests_that_are_refused_quote_nothing() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    let url = mirror.url("/x");
    stage.run(&["vault", "policy", "PLAIN", "--places", "header:authorization"]).check(0, "");
    let registry = wiring::registry();
    let mut chain = Chain::default().code("", "vault.LINE");
    for (url, fields) in [
        (url.as_str(), "headers: {X-Key: \"@{vault.WILD}\"}"),
        (&url, "headers: {X-Key: \"a\\nb@{vault.LINE}\"}"),
        (&url, "headers: {\"X @{vault.LINE}\": a}"),
        (&url, "query: {a: {b: \"@{vault.LINE}\"}}"),
        (&url, "query: {\"@{vault.LINE}\": a}, body: \"@{vault.PLAIN}\""),
        (&url, "body: \"@{vault.PLAIN}\""),
        ("http://api.acme.example/", "headers: {X-Key: \"@{vault.LINE}\"}"),
        ("ftp://api.acme.example/@{vault.LINE}", ""),
        ("@{vault.LINE}", ""),
        ("@{results.b0}", ""),
        ("https://@{vault.LINE}.acme.example/", ""),
        ("https://@{results.b0}.acme.example/", ""),
        ("https://u:@{results.b0}@acme.example/", ""),
        (&url, "max_response_bytes: \"@{vault.LINE}\""),
        (&url, "follow_redirects: \"@{vault.LINE}\""),
        (&url, "method: \"@{vault.LINE}\""),
        ("http://169.254.169.254/@{vault.LINE}", ""),
    ] {
        let alone = Chain::default().code("", "vault.LINE").request(url, fields).blueprint("alone");
        stage.write("alone.yaml", &alone);
        let is_fine = check_bytes("alone", alone.as_bytes(), &registry).plan.is_some();
        if is_fine {
            chain = chain.request(url, fields);
        } else {
            stage.run(&["check", "alone.yaml"]).check(2, "error[");
        }
    }
    let said = [
        "header `x-key` holds a line break",
        "may not leave here",
        "does not allow it in `body`",
        "is not https",
        "a secret cannot be part of a host name",
    ];
    check(&stage, &chain, &said);
    stage.oracle.check("what the server received", &mirror.received());
}
