//! Who may do what: names, pages of others, tokens, scopes, and browsers that log in.

use std::{fs, net::SocketAddr, path::Path};

use blueprint_project::{environment::Environment, failure::Failure, project::Project};
use blueprint_server::Options;
use serde_json::json;
use tests::served::{self, Answer, Served};

const HELLO: &str = "\
name: hello
blocks:
  greet: {type: return_value, value: hello}
";

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const RUNS: &str = "/api/v1/blueprints/hello/runs";

async fn serve(folder: &Path, further: &str) -> Served {
    let settings = format!("{}{further}", served::SETTINGS);
    served::write(folder, &settings, &[("hello", HELLO)]);
    Served::start(folder).await
}

/// Makes a token over the API and returns its text.
async fn token(served: &Served, by: Option<&str>, name: &str, scopes: &[&str]) -> String {
    let body = json!({"name": name, "scopes": scopes}).to_string();
    let bearer = by.map(bearer).unwrap_or_default();
    let mut headers = vec![JSON];
    if by.is_some() {
        headers.push(("authorization", &bearer));
    }
    let answer = served.send("POST", "/api/v1/tokens", &headers, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["token"].as_str().unwrap().to_owned()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Takes the hidden field out of a page.
#[track_caller]
fn csrf(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("name=\"_csrf\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

/// Logs in as a browser does, and returns the cookie.
async fn log_in(served: &Served, token: &str) -> String {
    let csrf = csrf(&served.get("/login").await);
    let body = format!("_csrf={csrf}&token={token}&next=%2Fruns");
    let answer = served.send("POST", "/login", &[FORM], &body).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/runs"), "{}", answer.body);
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

async fn status(served: &Served, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let body = if method == "POST" || method == "PUT" { "{}" } else { "" };
    served.send(method, path, headers, body).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tokens_serves_nobody_through_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    assert_eq!(status(&served, "GET", "/api/v1/blueprints", &[]).await, 200);
    for name in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        assert_eq!(status(&served, "GET", "/api/v1/blueprints", &[(name, "10.0.0.9")]).await, 403);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_answers_to_its_own_names_only() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let port = served.address.port();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")]
    {
        assert_eq!(status(&served, "GET", "/", &[("host", &host)]).await, 200, "{host}");
    }
    let near = format!("127.0.0.1:{}", port.wrapping_add(1));
    for host in ["evil.example", &format!("evil.example:{port}"), &near, "127.0.0.1", "localhost"] {
        for path in ["/", "/api/v1/secrets", "/healthz", "/assets/x.css", "/no/such/thing"] {
            let answer = served.send("GET", path, &[("host", host)], "").await;
            assert_eq!(answer.status, 421, "{host} {path}");
        }
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_the_headers_of_a_careful_server() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                  connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let page = served.get("/").await;
    let (_, rest) = page.body.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = rest.split('"').next().unwrap().to_owned();
    let evil = [("host", "evil.example")];
    let answers = [
        page,
        served.get("/api/v1/secrets").await,
        served.get("/no/such/thing").await,
        served.get("/api/v1/no/such/thing").await,
        served.send("GET", "/", &evil, "").await,
        served.send("POST", RUNS, &[JSON, ("origin", "https://evil.example")], "{}").await,
        served.send("DELETE", "/", &[], "").await,
    ];
    for answer in &answers {
        assert_eq!(answer.header("content-security-policy"), policy);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let style = served.get(&style).await;
    assert!(style.header("cache-control").contains("immutable"), "{:?}", style.headers);
    assert_eq!(style.header("content-security-policy"), policy);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_start_nothing_on_an_open_server() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let own = served.base();
    let others: [&[(&str, &str)]; 7] = [
        &[JSON, ("origin", "https://evil.example")],
        &[JSON, ("origin", "null")],
        &[JSON, ("origin", "http://localhost:1")],
        &[JSON, ("sec-fetch-site", "cross-site")],
        &[JSON, ("sec-fetch-site", "same-site"), ("origin", &own)],
        &[("origin", "https://evil.example"), ("content-type", "text/plain")],
        &[("origin", "https://evil.example")],
    ];
    for headers in others {
        let answer = served.send("POST", RUNS, headers, "{}").await;
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("BP0704")), "{headers:?}");
    }
    // What a form can send without asking first is no JSON.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let headers = [("content-type", kind), ("origin", &own)];
        assert_eq!(served.send("POST", RUNS, &headers, "{}").await.status, 415, "{kind}");
        assert_eq!(served.send("POST", RUNS, &headers[..1], "{}").await.status, 415, "{kind}");
    }
    let good = [JSON, ("origin", &own), ("sec-fetch-site", "same-origin")];
    assert!(served.send("POST", RUNS, &good, "{}").await.status < 300);
    assert!(served.send("POST", RUNS, &[JSON], "{}").await.status < 300);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_without_the_text_of_a_page_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let own = served.base();
    for path in ["/logout", "/blueprints/hello/runs", "/vault", "/no/such/thing"] {
        for body in ["", "_csrf=", "_csrf=x", "a=_csrf", "{}"] {
            for headers in [&[FORM, ("origin", &own)][..], &[FORM], &[JSON], &[]] {
                let answer = served.send("POST", path, headers, body).await;
                assert_eq!(answer.status, 403, "{path} {body}");
            }
        }
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_allows_what_it_says_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let admin = token(&served, None, "admin", &["admin"]).await;
    let wants = [
        ("GET", "/", "read"),
        ("GET", "/api/v1/secrets", "read"),
        ("GET", "/api/v1/runs/x", "read"),
        ("POST", RUNS, "run"),
        ("PUT", "/api/v1/secrets/KEY", "secrets"),
        ("DELETE", "/api/v1/secrets/KEY", "secrets"),
        ("POST", "/api/v1/secrets/KEY/rename", "secrets"),
        ("POST", "/api/v1/secrets", "secrets"),
        ("GET", "/api/v1/tokens", "admin"),
        ("POST", "/api/v1/tokens", "admin"),
        ("DELETE", "/api/v1/tokens/x", "admin"),
        ("POST", "/something/new", "admin"),
    ];
    for scope in ["read", "run", "secrets", "admin"] {
        let text = token(&served, Some(&admin), scope.repeat(2).as_str(), &[scope]).await;
        let bearer = bearer(&text);
        for (method, path, needed) in wants {
            let headers = [JSON, ("authorization", bearer.as_str())];
            let got = status(&served, method, path, &headers).await;
            let may = scope == needed || scope == "admin";
            assert_eq!(got != 403 && got != 401, may, "{scope}: {method} {path} gave {got}");
        }
    }
    // Nobody: 401 with how to do better, and no word about what is there.
    for (method, path, _) in wants.iter().filter(|(_, path, _)| path.starts_with("/api")) {
        let answer = served.send(method, path, &[JSON], "{}").await;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"blueprint\"");
        assert_eq!(answer.json()["code"], "BP0701");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_token_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let good = token(&served, None, "ci", &["read"]).await;
    let (id, secret) = (&good[..12], &good[12..]);
    let other = token_like(secret);
    let bad = [
        String::new(),
        "bp_".into(),
        good[..good.len() - 1].into(),
        format!("{good}A"),
        format!("{id}{other}"),
        good.to_uppercase(),
    ];
    for text in &bad {
        let headers = [("authorization", bearer(text))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(status(&served, "GET", "/api/v1/secrets", &headers).await, 401, "{text}");
    }
    let headers = [("authorization", bearer(&good))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(status(&served, "GET", "/api/v1/secrets", &headers).await, 200);
    let query = format!("/api/v1/secrets?token={good}&access_token={good}");
    assert_eq!(status(&served, "GET", &query, &[]).await, 401, "an address is no place for it");
    served.stop().await;
    // What is kept of it is no way in.
    let kept = files_below(folder.path());
    let found: Vec<&String> =
        kept.iter().filter(|(_, bytes)| contains(bytes, secret)).map(|(name, _)| name).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Returns a secret part that differs in its last but one character only.
fn token_like(secret: &str) -> String {
    let (start, end) = secret.split_at(secret.len() - 2);
    let changed = if end.starts_with('A') { 'B' } else { 'A' };
    format!("{start}{changed}{}", &end[1..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_ends_its_sessions_too() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let admin = token(&served, None, "admin", &["admin"]).await;
    let other = token(&served, Some(&admin), "other", &["read"]).await;
    let cookie = log_in(&served, &other).await;
    let (by_cookie, by_bearer) = ([("cookie", cookie.as_str())], bearer(&other));
    let by_bearer = [("authorization", by_bearer.as_str())];
    assert_eq!(status(&served, "GET", "/", &by_cookie).await, 200);
    assert_eq!(status(&served, "GET", "/api/v1/secrets", &by_bearer).await, 200);
    let by_admin = bearer(&admin);
    let by_admin = [("authorization", by_admin.as_str())];
    let gone = served.send("DELETE", "/api/v1/tokens/other", &by_admin, "").await;
    assert_eq!((gone.status, &gone.json()["name"]), (200, &json!("other")));
    assert_eq!(status(&served, "GET", "/", &by_cookie).await, 303);
    assert_eq!(status(&served, "GET", "/api/v1/secrets", &by_bearer).await, 401);
    assert_eq!(status(&served, "GET", "/api/v1/secrets", &by_admin).await, 200);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_logs_in_and_out() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let own = served.base();
    let text = token(&served, None, "me", &["read", "secrets"]).await;
    let to = served.get("/runs?state=failed&x=1").await;
    let login = "/login?next=/runs%3Fstate%3Dfailed%26x%3D1";
    assert_eq!((to.status, to.header("location")), (303, login));
    let stream = [("accept", "text/event-stream")];
    assert_eq!(status(&served, "GET", "/runs/x/stream", &stream).await, 401);
    assert_eq!(status(&served, "GET", "/runs", &[("sec-fetch-dest", "empty")]).await, 401);
    // From the page of another site a browser sends no cookie: it is asked to come again.
    let again = served.send("GET", "/runs", &[("sec-fetch-site", "cross-site")], "").await;
    assert!(again.status == 200 && again.body.contains("http-equiv=\"refresh\""), "{again:?}");

    let page = served.get(login).await;
    assert!(page.body.contains("value=\"/runs?state=failed&amp;x=1\""), "{}", page.body);
    let hidden = csrf(&page);
    let wrong = format!("_csrf={hidden}&token=bp_wrong&next=%2F%2Fevil.example");
    let wrong = served.send("POST", "/login", &[FORM], &wrong).await;
    assert!(wrong.status == 401 && wrong.body.contains("no token of this server"), "{wrong:?}");
    assert_eq!(wrong.header("set-cookie"), "");
    let right = format!("_csrf={hidden}&token={text}&next=%2F%2Fevil.example");
    let cross = [FORM, ("origin", "https://evil.example")];
    assert_eq!(served.send("POST", "/login", &cross, &right).await.status, 403);
    let right = served.send("POST", "/login", &[FORM, ("origin", &own)], &right).await;
    assert_eq!((right.status, right.header("location")), (303, "/"));
    let set = right.header("set-cookie");
    assert!(set.ends_with("; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    assert!(!set.contains(&text[12..]) && !right.body.contains(&text[12..]));

    let cookie = set.split(';').next().unwrap();
    let with = [("cookie", cookie)];
    let start = served.send("GET", "/", &with, "").await;
    assert!(start.status == 200 && start.body.contains("Logged in as me"), "{}", start.body);
    let hidden_of_mine = csrf(&start);
    assert_ne!(hidden_of_mine, hidden);
    assert_eq!(status(&served, "GET", "/login", &with).await, 303);
    // The cookie alone changes nothing.
    let cookie_and = |more: (&'static str, &'static str)| [("cookie", cookie), more];
    let body = format!("_csrf={hidden}");
    assert_eq!(served.send("POST", "/logout", &cookie_and(FORM), &body).await.status, 403);
    let path = "/api/v1/secrets/KEY";
    let value = "{\"value\":\"example-of-a-value\"}";
    assert_eq!(served.send("PUT", path, &cookie_and(("x", "y")), value).await.status, 415);
    let cross = [("cookie", cookie), JSON, ("origin", "https://evil.example")];
    assert_eq!(served.send("PUT", path, &cross, value).await.status, 403);
    assert_eq!(served.send("POST", RUNS, &cookie_and(JSON), "{}").await.status, 403, "no scope");

    let body = format!("_csrf={hidden_of_mine}");
    let out = served.send("POST", "/logout", &cookie_and(FORM), &body).await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(status(&served, "GET", "/", &with).await, 303);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let admin = token(&served, None, "ann", &["admin"]).await;
    let other = token(&served, Some(&admin), "bob", &["read"]).await;
    let (ann, bob) = (log_in(&served, &admin).await, log_in(&served, &other).await);
    assert_ne!(ann, bob);
    let page_of = async |cookie: &str| served.send("GET", "/", &[("cookie", cookie)], "").await;
    let (of_ann, of_bob) = (page_of(&ann).await, page_of(&bob).await);
    assert!(of_ann.body.contains("Logged in as ann") && of_bob.body.contains("Logged in as bob"));
    // One's hidden field is not good with the other's cookie.
    let body = format!("_csrf={}", csrf(&of_ann));
    let stolen = served.send("POST", "/logout", &[FORM, ("cookie", &bob)], &body).await;
    assert_eq!(stolen.status, 403);
    assert_eq!(page_of(&bob).await.status, 200);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_cookies_are_for_https_only() {
    let folder = tempfile::tempdir().unwrap();
    served::write(folder.path(), served::SETTINGS, &[]);
    let first = Served::start(folder.path()).await;
    let text = token(&first, None, "me", &["admin"]).await;
    first.stop().await;
    let served = serve(folder.path(), "server: {hosts: [team.example]}\n").await;
    let host = ("host", "team.example");
    let page = served.send("GET", "/login", &[host], "").await;
    let body = format!("_csrf={}&token={text}", csrf(&page));
    let https = [host, FORM, ("origin", "https://team.example"), ("x-forwarded-proto", "https")];
    let answer = served.send("POST", "/login", &https, &body).await;
    assert!(answer.header("set-cookie").ends_with("; Secure"), "{answer:?}");
    let plain = [FORM, ("x-forwarded-proto", "https")];
    let answer = served.send("POST", "/login", &plain, &body).await;
    assert!(!answer.header("set-cookie").contains("Secure"), "{answer:?}");
    assert_eq!(status(&served, "GET", "/", &[("host", "other.example")]).await, 421);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_tokens_has_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "").await;
    let text = token(&served, None, "me", &["admin"]).await;
    let body = format!("_csrf={}&token=bp_wrong", csrf(&served.get("/login").await));
    let mut client = served.connect().await.unwrap();
    let mut refused = 0;
    for _ in 0..40 {
        let answer = client.send("POST", "/login", &[FORM], &body).await.unwrap();
        if answer.status == 429 {
            refused += 1;
            assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        } else {
            assert_eq!(answer.status, 401);
        }
    }
    assert!(refused >= 10, "{refused}");
    // Programs with a token are not held up by that.
    let bearer = bearer(&text);
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(status(&served, "GET", "/api/v1/secrets", &headers).await, 200);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_can_reach_a_server_without_a_token() {
    let check = async |listen: &str, further: &str| {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!("{}{further}", served::SETTINGS);
        served::write(folder.path(), &settings, &[]);
        let project = Project::of_folder(folder.path()).unwrap().serving();
        let home = folder.path().to_string_lossy().into_owned();
        let environment = Environment::from_pairs(&[("HOME", &home)]);
        let options = Options::at(listen.parse::<SocketAddr>().unwrap());
        let ready = |_| panic!("it serves {listen}");
        let ended =
            blueprint_server::serve(project, environment, options, ready, std::future::pending());
        let err = ended.await.unwrap_err();
        let failure = err.downcast_ref::<Failure>().expect("a failure");
        let hint = failure.hint.as_deref().unwrap_or_default();
        assert!(hint.starts_with("blueprint token create"), "{failure:?}");
    };
    check("0.0.0.0:0", "").await;
    check("127.0.0.1:0", "server: {hosts: [team.example]}\n").await;
}

fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            found.push((path.display().to_string(), bytes));
        }
    }
    found
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
