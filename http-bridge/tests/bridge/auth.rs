//! Who may call: tokens, their keys and their scopes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use http_bridge::{Algorithm, Auth, Config, KeySource, TokenRequired};
use rpc_core::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::files::File;
use crate::support::raw::Answer;
use crate::support::tokens::{self, AUDIENCE, ISSUER, Issuer, claims};
use crate::support::{Setup, get, post};

/// An issuer, its keys in a file, and a bridge that asks for its tokens.
struct Guarded {
    issuer: Issuer,
    setup: Setup,
    keys: File,
}

async fn guarded(change: impl FnOnce(&mut Auth)) -> Guarded {
    let issuer = Issuer::new();
    let keys = File::new("keys.json", issuer.jwks().to_string());
    let mut auth = Auth::new(KeySource::File(keys.path().into()), ISSUER, AUDIENCE);
    change(&mut auth);
    let setup = Setup::with(Config {
        auth: Some(auth),
        ..Config::default()
    })
    .await;
    Guarded {
        issuer,
        setup,
        keys,
    }
}

impl Guarded {
    async fn call(&self, method: &str, token: &str) -> Answer {
        let headers = format!("Authorization: Bearer {token}\r\n");
        self.setup
            .send(self.setup.post(method, &headers, "[]"))
            .await
    }

    async fn assert_refused(&self, token: &str, why: &str) {
        let answer = self.call("hello", token).await;
        assert_eq!(answer.status, 401, "{why}: {answer:?}");
        assert_invalid(&answer);
    }
}

/// The same words, whatever is wrong.
#[track_caller]
fn assert_invalid(answer: &Answer) {
    let problem = answer.assert_problem(401, "unauthenticated");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, Some("Bearer error=\"invalid_token\""));
    let expected = "expected `Authorization: Bearer` and a valid token";
    assert_eq!(problem["detail"], expected);
}

#[tokio::test]
async fn a_token_is_asked_for_everywhere_but_by_probes() {
    let guarded = guarded(|_| {}).await;
    let (setup, issuer) = (&guarded.setup, &guarded.issuer);
    for request in [
        setup.post("hello", "", "[]"),
        setup.post("nope", "", "[]"),
        setup.post("secret", "", "[]"),
        get("/"),
        get("/errors"),
        format!(
            "OPTIONS {} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            setup.path("hello")
        ),
    ] {
        let answer = setup.send(&request).await;
        answer.assert_problem(401, "unauthenticated");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer"),
            "{request}"
        );
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(setup.send(get(path)).await.status, 200, "{path}");
    }
    let token = issuer.good("bob", "");
    assert_eq!(guarded.call("hello", &token).await.status, 200);
    guarded
        .call("nope", &token)
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn every_kind_of_key_checks_its_own_algorithm() {
    let guarded = guarded(|auth| auth.algorithms.push(Algorithm::HS256)).await;
    let issuer = &guarded.issuer;
    let algorithms = ["RS256", "PS512", "ES256", "EdDSA", "HS256"];
    let kids = ["rsa", "rsa", "ec", "ed", "secret"];
    for (algorithm, kid) in algorithms.into_iter().zip(kids) {
        let token = issuer.token(algorithm, kid, &claims());
        assert_eq!(
            guarded.call("hello", &token).await.status,
            200,
            "{algorithm}"
        );
        // Under the name of another key, its signature is worth nothing.
        for other in kids.iter().filter(|other| **other != kid) {
            let token = issuer.token(algorithm, other, &claims());
            guarded
                .assert_refused(&token, &format!("{algorithm} as {other}"))
                .await;
        }
        // One letter more or less is another message.
        let mut token = issuer.token(algorithm, kid, &claims());
        let letter = if token.pop() == Some('A') { 'Q' } else { 'A' };
        token.insert(token.rfind('.').unwrap() + 1, letter);
        guarded.assert_refused(&token, algorithm).await;
    }
    // Without a name, the only key of its kind is meant.
    let header = json!({ "alg": "EdDSA" });
    let token = tokens::token(&header, &claims(), |message| issuer.sign("EdDSA", message));
    assert_eq!(guarded.call("hello", &token).await.status, 200);
}

#[tokio::test]
async fn what_a_token_says_of_its_algorithm_gives_it_no_right() {
    let guarded = guarded(|_| {}).await;
    let issuer = &guarded.issuer;
    let public = issuer.rsa_public();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        tokens::encode(&public)
    );
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    for none in ["none", "None", "NONE", "nOnE", "", "HS999"] {
        for kid in ["rsa", "ec", "nobody"] {
            let token = tokens::token(&header(none, kid), &claims(), |_| Vec::new());
            guarded.assert_refused(&token, none).await;
        }
    }
    // HS256 with what everybody knows of an RSA key, also where secrets are not taken at all.
    for secret in [
        public.clone(),
        pem.clone().into_bytes(),
        Vec::from(*b"AQAB"),
    ] {
        for kid in ["rsa", "ec", "secret"] {
            let token = tokens::token(&header("HS256", kid), &claims(), |message| {
                tokens::mac(&secret, message)
            });
            guarded.assert_refused(&token, "HS256").await;
        }
    }
    // A good secret of the issuer's: nobody configured that algorithm.
    let token = issuer.token("HS256", "secret", &claims());
    guarded.assert_refused(&token, "not configured").await;
    // Keys that come with the token, and what must be understood and is not.
    for extra in [
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": [] }),
        json!({ "typ": "dpop+jwt" }),
        json!({ "kid": 7 }),
        json!({ "alg": ["ES256"] }),
        json!({ "kid": "../ec" }),
    ] {
        let mut header = header("ES256", "ec");
        for (name, value) in extra.as_object().unwrap() {
            header[name] = value.clone();
        }
        let token = tokens::token(&header, &claims(), |message| issuer.sign("ES256", message));
        guarded.assert_refused(&token, &extra.to_string()).await;
    }
    let mut own = header("ES256", "mine");
    own["jwk"] = issuer.jwks()["keys"][1].clone();
    own["jku"] = "http://127.0.0.1:1/".into();
    let token = tokens::token(&own, &claims(), |message| issuer.sign("ES256", message));
    guarded.assert_refused(&token, "jwk").await;
}

#[tokio::test]
async fn claims_have_to_hold() {
    let guarded = guarded(|auth| auth.audiences.push("second".to_owned())).await;
    let now = tokens::now();
    for (claim, value, taken) in [
        ("exp", json!(now - 30), true),
        ("exp", json!(now - 3_600), false),
        ("exp", json!(now as f64 + 0.5), true),
        ("exp", json!("9999999999"), false),
        ("exp", Value::Null, false),
        ("nbf", json!(now + 30), true),
        ("nbf", json!(now + 3_600), false),
        ("iat", json!("whenever"), true),
        ("iss", json!("https://issuer.example/"), false),
        ("iss", json!("https://evil.example"), false),
        ("iss", json!([ISSUER]), false),
        ("iss", Value::Null, false),
        ("aud", json!("second"), true),
        ("aud", json!(["other", AUDIENCE]), true),
        ("aud", json!("other"), false),
        ("aud", json!(["other"]), false),
        ("aud", json!([]), false),
        ("aud", json!("bridge2"), false),
        ("aud", json!({ "bridge": true }), false),
        ("aud", Value::Null, false),
        ("sub", json!("a b|c@d.example"), true),
        ("sub", json!(""), false),
        ("sub", json!(7), false),
        ("sub", json!("bob\r\nRpc-Scopes: all"), false),
        ("sub", json!("bob\nx"), false),
        ("sub", json!(" bob"), false),
        ("sub", json!("bób"), false),
        ("sub", json!("x".repeat(1_025)), false),
        ("sub", Value::Null, false),
        ("extra", json!({ "a": [1, 2] }), true),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        }
        let token = guarded.issuer.token("ES256", "ec", &claims);
        match taken {
            true => {
                let answer = guarded.call("hello", &token).await;
                assert_eq!(answer.status, 200, "{claim}: {value}");
            }
            false => {
                let why = format!("{claim}: {value}");
                guarded.assert_refused(&token, &why).await;
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let guarded = guarded(|_| {}).await;
    let (setup, good) = (&guarded.setup, guarded.issuer.good("bob", ""));
    let [head, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let long = "a".repeat(8_000);
    for token in [
        "",
        ".",
        "..",
        "...",
        "x",
        "a.b.c",
        &long,
        &format!("{head}.{claims}"),
        &format!("{head}.{claims}."),
        &format!("{head}..{signature}"),
        &format!(".{claims}.{signature}"),
        &format!("{good}."),
        &format!("{good}.{signature}"),
        &format!("{good}="),
        &format!("{good}\u{e9}"),
        &format!("{good} {good}"),
        &format!("{}.{claims}.{signature}", tokens::encode("[]")),
        &format!(
            "{}.{claims}.{signature}",
            tokens::encode("{\"alg\":\"ES256\"")
        ),
        &format!("{}.{claims}.{signature}", tokens::encode(b"\xff")),
    ] {
        guarded.assert_refused(token, token).await;
    }
    for headers in [
        format!("Authorization: Basic {good}\r\n"),
        format!("Authorization: {good}\r\n"),
        format!("Authorization: Bearer{good}\r\n"),
        format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"),
        "Authorization:\r\n".to_owned(),
    ] {
        let answer = setup.send(setup.post("hello", &headers, "[]")).await;
        assert_invalid(&answer);
    }
    let headers = format!("authorization: BEARER {good}\r\n");
    assert_eq!(
        setup.send(setup.post("hello", &headers, "[]")).await.status,
        200
    );
}

/// The headers that the service got, those about the caller only.
async fn told(guarded: &Guarded, token: Option<&str>, more: &str) -> Vec<String> {
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let headers = bearer.unwrap_or_default() + more;
    let setup = &guarded.setup;
    let answer = setup.send(setup.post("headers", &headers, "[]")).await;
    let reply: Value = serde_json::from_slice(&answer.body).unwrap();
    let lines = reply[0][0].as_array().unwrap().iter();
    let mut lines: Vec<String> = lines
        .map(|line| line.as_str().unwrap().to_owned())
        .filter(|line| !line.starts_with("X-Request-Id"))
        .collect();
    lines.sort_by_key(|line| line.contains("Scopes"));
    lines
}

#[tokio::test]
async fn services_are_told_who_calls_by_the_token_alone() {
    let guarded = guarded(|auth| auth.required = TokenRequired::ForScopes).await;
    let forged = "Rpc-Sub: admin\r\nRpc-Scopes: all\r\nrpc-sub: admin\r\n";
    let none: Vec<String> = Vec::new();
    assert_eq!(told(&guarded, None, forged).await, none);
    let token = guarded.issuer.good("bob", "user:read user:write");
    let expected = ["Rpc-Sub: bob", "Rpc-Scopes: user:read user:write"];
    assert_eq!(told(&guarded, Some(&token), forged).await, expected);
    for (claim, value, scopes) in [
        ("scope", json!(""), None),
        ("scp", json!(["a", "b c"]), Some("a b c")),
        ("scp", json!("a b"), Some("a b")),
        // What is no scope could break a header, or name another one.
        (
            "scope",
            json!("a  b\tc \"d\" e\\f gö h\r\nX: y"),
            Some("a y"),
        ),
        ("scp", json!(["a\r\nb", "ok"]), Some("ok")),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        let token = guarded.issuer.token("ES256", "ec", &claims);
        let mut expected = vec!["Rpc-Sub: bob".to_owned()];
        expected.extend(scopes.map(|scopes| format!("Rpc-Scopes: {scopes}")));
        assert_eq!(told(&guarded, Some(&token), "").await, expected);
    }
    // Without tokens, nobody is told anything, whatever clients send.
    let open = Setup::new().await;
    let answer = open.send(open.post(
        "headers",
        &format!("{forged}Authorization: Bearer x\r\n"),
        "[]",
    ));
    assert_eq!(answer.await.text(), "[[[]],{}]");
}

#[tokio::test]
async fn scopes_of_a_method_are_checked_before_the_service_hears_of_the_call() {
    for required in [TokenRequired::Everywhere, TokenRequired::ForScopes] {
        let guarded = guarded(|auth| auth.required = required).await;
        let (setup, issuer) = (&guarded.setup, &guarded.issuer);
        let everywhere = required == TokenRequired::Everywhere;
        let bare = setup.send(setup.post("hello", "", "[]")).await;
        assert_eq!(bare.status, if everywhere { 401 } else { 200 });

        // Nobody listens on `guarded`: whoever passes gets 503.
        let bare = setup.send(setup.post("guarded", "", "[]")).await;
        bare.assert_problem(401, "unauthenticated");
        for (scopes, missing) in [
            ("", "`thing:read`, `thing:write`"),
            ("thing:read", "`thing:write`"),
            ("thing:readthing:write thing:read", "`thing:write`"),
            ("THING:WRITE thing:read", "`thing:write`"),
        ] {
            let answer = guarded.call("guarded", &issuer.good("bob", scopes)).await;
            let problem = answer.assert_problem(403, "permission_denied");
            assert!(
                problem["detail"].as_str().unwrap().ends_with(missing),
                "{problem}"
            );
            let challenge = "Bearer error=\"insufficient_scope\", scope=\"thing:read thing:write\"";
            assert_eq!(answer.header("www-authenticate"), Some(challenge));
        }
        let token = issuer.good("bob", "thing:write other thing:read");
        let answer = guarded.call("guarded", &token).await;
        answer.assert_problem(503, "unavailable");
        guarded
            .assert_refused("x.y.z", "a wrong token is refused where none is asked for")
            .await;
    }
}

#[tokio::test]
async fn keys_in_a_file_that_cannot_be_used_are_named_at_the_start() {
    for (text, words) in [
        ("", "JWK set"),
        ("{}", "JWK set"),
        ("{\"keys\": []}", "no key"),
        ("{\"keys\": [{\"kty\": \"RSA\", \"n\": \"!\"}]}", "no key"),
    ] {
        let keys = File::new("keys.json", text);
        let auth = Auth::new(KeySource::File(keys.path().into()), ISSUER, AUDIENCE);
        let config = Config {
            auth: Some(auth),
            ..Config::default()
        };
        let error = config.check().unwrap_err().to_string();
        assert!(
            error.contains(keys.name()) && error.contains(words),
            "{error}"
        );
    }
}

/// Serves keys over HTTP, and counts how often.
async fn serve_keys(body: String) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let asked = count.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            asked.fetch_add(1, SeqCst);
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            assert!(request.starts_with(b"GET /keys?x=1 HTTP/1.1\r\n"));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_flood_of_unknown_keys_asks_the_issuer_once() {
    let issuer = Issuer::new();
    let (address, count) = serve_keys(issuer.jwks().to_string()).await;
    let setup = Setup::with(Config {
        auth: Some(Auth {
            algorithms: vec![Algorithm::ES256, Algorithm::HS256],
            ..Auth::new(
                KeySource::Url(format!("http://{address}/keys?x=1")),
                ISSUER,
                AUDIENCE,
            )
        }),
        ..Config::default()
    })
    .await;
    let guarded = Guarded {
        setup,
        keys: File::new("unused", ""),
        issuer,
    };
    // The first token makes the bridge ask, those that come with it wait for the same answer.
    let good = guarded.issuer.good("bob", "");
    let calls = (0..20).map(|_| guarded.call("hello", &good));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, 200);
    }
    assert_eq!(count.load(SeqCst), 1);
    for number in 0..200 {
        let token = guarded
            .issuer
            .token("ES256", &format!("made-up-{number}"), &claims());
        guarded.assert_refused(&token, "an unknown key").await;
    }
    assert_eq!(count.load(SeqCst), 1, "within a minute");
    // Whoever serves a secret to everybody has none.
    let token = guarded.issuer.token("HS256", "secret", &claims());
    guarded
        .assert_refused(&token, "a secret from the network")
        .await;
    assert_eq!(guarded.call("hello", &good).await.status, 200);
}

#[tokio::test]
async fn without_any_keys_it_is_nobodys_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let issuer = Issuer::new();
    let url = KeySource::Url(format!("http://{address}/keys"));
    let setup = Setup::with(Config {
        auth: Some(Auth::new(url, ISSUER, AUDIENCE)),
        ..Config::default()
    })
    .await;
    let headers = format!("Authorization: Bearer {}\r\n", issuer.good("bob", ""));
    let answer = setup.send(setup.post("hello", &headers, "[]")).await;
    let problem = answer.assert_problem(503, "unavailable");
    // Where keys come from is the operator's business.
    assert!(
        !problem.to_string().contains(&address.to_string()),
        "{problem}"
    );
    assert_eq!(setup.send(get("/livez")).await.status, 200);
}

#[tokio::test]
async fn the_rate_limit_counts_by_subject() {
    let issuer = Issuer::new();
    let keys = File::new("keys.json", issuer.jwks().to_string());
    let setup = Setup::with(Config {
        auth: Some(Auth::new(
            KeySource::File(keys.path().into()),
            ISSUER,
            AUDIENCE,
        )),
        rate_limit: Some("2/1h".parse().unwrap()),
        ..Config::default()
    })
    .await;
    let guarded = Guarded {
        issuer,
        setup,
        keys,
    };
    let (bob, eve) = (
        guarded.issuer.good("bob", ""),
        guarded.issuer.good("eve", ""),
    );
    // A new token is no new subject.
    let bobs_other = guarded.issuer.good("bob", "more");
    for (token, status) in [
        (&*bob, 200),
        (&*bobs_other, 200),
        (&*bob, 429),
        (&*eve, 200),
        // Guesses count by address.
        ("a.b.c", 401),
        ("a.b.c", 401),
        ("a.b.c", 429),
        (&*eve, 200),
        (&*eve, 429),
    ] {
        let answer = guarded.call("hello", token).await;
        assert_eq!(answer.status, status, "{token}");
    }
    assert!(guarded.keys.path().exists());
}

/// A method whose route asks for a scope.
struct Shelf;

#[rpc(name = "auth_shelf")]
impl Shelf {
    #[rpc(http(POST, "/v1/auth/shelf/{thing}"), scopes("shelf:write"))]
    async fn put(&self, context: &Context, thing: &str) -> String {
        format!("{thing} by {}", context.subject().unwrap_or("nobody"))
    }
}

#[tokio::test]
async fn the_routes_of_methods_ask_for_the_same_scopes_and_tell_who_calls() {
    let guarded = guarded(|auth| auth.required = TokenRequired::ForScopes).await;
    let (setup, issuer) = (&guarded.setup, &guarded.issuer);
    let runner = Runner::new(rpc_core::Config::new(&setup.nats_url));
    let _running = runner.service(Shelf).start().await.unwrap();
    let put = async |headers: &str| {
        let forged = "Rpc-Sub: root\r\nRpc-Scopes: shelf:write\r\n";
        let headers = format!("{forged}{headers}");
        setup.send(post("/v1/auth/shelf/lamp", &headers, "")).await
    };
    put("").await.assert_problem(401, "unauthenticated");
    let token = |scopes| format!("Authorization: Bearer {}\r\n", issuer.good("bob", scopes));
    let answer = put(&token("shelf:read")).await;
    answer.assert_problem(403, "permission_denied");
    let answer = put(&token("shelf:write")).await;
    assert_eq!((answer.status, answer.text()), (200, "\"lamp by bob\""));

    // And the description says so.
    let answer = setup.send(get("/openapi.json")).await;
    let document: Value = serde_json::from_str(answer.text()).unwrap();
    let scheme = json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" });
    assert_eq!(document["components"]["securitySchemes"]["token"], scheme);
    assert_eq!(document["security"], json!([]));
    for path in ["/v1/auth/shelf/{thing}", "/auth_shelf.put"] {
        let wanted = &document["paths"][path]["post"]["security"];
        assert_eq!(*wanted, json!([{ "token": ["shelf:write"] }]), "{path}");
    }
}
