//! Calls from pages of other sites.

use http_bridge::{Config, Cors};

use crate::support::Setup;
use crate::support::raw::Answer;

const ORIGINS: [&str; 3] = [
    "https://app.example",
    "http://localhost:3000",
    "https://xn--bcher-kva.example:8443",
];
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

async fn allowing(origins: &[&str], credentials: bool) -> Setup {
    let origins = origins
        .iter()
        .map(|origin| origin.parse().unwrap())
        .collect();
    Setup::with(Config {
        cors: Cors {
            origins,
            credentials,
        },
        ..Config::default()
    })
    .await
}

async fn preflight(setup: &Setup, path: &str, origin: &str) -> Answer {
    let request = format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: content-type\r\n\r\n"
    );
    setup.send(request).await
}

/// Everything that gives a page a right.
fn rights(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(String::as_str);
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

#[tokio::test]
async fn exactly_the_configured_origins_may_call() {
    let setup = allowing(&ORIGINS, false).await;
    let path = setup.path("hello");
    for (origin, allowed) in [
        ("https://app.example", true),
        ("http://localhost:3000", true),
        ("https://xn--bcher-kva.example:8443", true),
        ("null", false),
        ("*", false),
        ("", false),
        ("http://app.example", false),
        ("https://app.example:443", false),
        ("https://app.example:8443", false),
        ("https://app.example/", false),
        ("https://app.example.", false),
        ("https://APP.example", false),
        ("HTTPS://app.example", false),
        ("https://app.example.evil.example", false),
        ("https://evilapp.example", false),
        ("https://evil-app.example", false),
        ("https://sub.app.example", false),
        ("https://evil.example?https://app.example", false),
        ("https://evil.example#app.example", false),
        ("https://app.example@evil.example", false),
        ("https://app.example, https://evil.example", false),
        ("https://app.example https://evil.example", false),
        ("http://localhost:3001", false),
        ("http://localhost:30000", false),
        ("http://127.0.0.1:3000", false),
        ("https://xn--bcher-kva.example", false),
        ("file://", false),
    ] {
        let asked = preflight(&setup, &path, origin).await;
        let json = format!("Origin: {origin}\r\nContent-Type: application/json\r\n");
        let called = setup.send(setup.post("hello", &json, "[]")).await;
        assert_eq!((asked.status, called.status), (204, 200), "{origin}");
        for answer in [&asked, &called] {
            let granted = answer.header("access-control-allow-origin");
            assert_eq!(granted, allowed.then_some(origin), "{answer:?}");
            assert!(
                answer.header("vary").unwrap().contains("Origin"),
                "{answer:?}"
            );
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert_eq!(rights(answer).is_empty(), !allowed, "{answer:?}");
        }
        // The same origins, and no others, may send what browsers send without asking.
        for site in ["", "Sec-Fetch-Site: cross-site\r\n"] {
            let form = format!("Origin: {origin}\r\n{site}{FORM}");
            let answer = setup.send(setup.post("hello", &form, "[]")).await;
            let expected = if allowed { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{origin} {site}");
        }
    }
    let twice = "Origin: https://app.example\r\nOrigin: https://evil.example\r\n";
    let answer = setup.send(setup.post("hello", twice, "[]")).await;
    assert_eq!((answer.status, rights(&answer)), (403, vec![]));
}

#[tokio::test]
async fn a_permission_says_what_may_be_sent_and_read() {
    let setup = allowing(&["https://app.example"], true).await;
    // Whatever the path: a browser that asks is told about the call by the call.
    for path in [&setup.path("hello"), "/no_such.method", "/v1/user/7"] {
        let answer = preflight(&setup, path, "https://app.example").await;
        assert_eq!((answer.status, answer.text()), (204, ""), "{path}");
        for (name, expected) in [
            ("access-control-allow-methods", "POST"),
            (
                "access-control-allow-headers",
                "Authorization, Content-Type",
            ),
            ("access-control-expose-headers", "X-Request-Id"),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "7200"),
            ("vary", "Origin, Access-Control-Request-Method"),
        ] {
            let value = answer.header(name).unwrap_or_default();
            assert!(value.contains(expected), "{name}: {value}");
        }
    }
    // An OPTIONS that asks for no permission is answered as ever.
    let path = setup.path("hello");
    let plain = format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n\r\n"
    );
    let answer = setup.send(plain).await;
    assert_eq!((answer.status, answer.header("allow")), (204, Some("POST")));
}

#[tokio::test]
async fn errors_can_be_read_by_pages_too() {
    let setup = allowing(&["https://app.example"], false).await;
    let headers = "Origin: https://app.example\r\nContent-Type: application/json\r\n";
    let answer = setup.send(setup.post("nope", headers, "[]")).await;
    answer.assert_problem(404, "not_found");
    let granted = answer.header("access-control-allow-origin");
    assert_eq!(granted, Some("https://app.example"));
}

#[tokio::test]
async fn it_is_off_by_default() {
    let setup = Setup::new().await;
    let path = setup.path("hello");
    for origin in ["https://app.example", "null", "http://localhost"] {
        let answer = preflight(&setup, &path, origin).await;
        assert_eq!((answer.status, answer.header("allow")), (204, Some("POST")));
        assert_eq!(rights(&answer), Vec::<&str>::new());
        let json = format!("Origin: {origin}\r\nContent-Type: application/json\r\n");
        let answer = setup.send(setup.post("hello", &json, "[]")).await;
        assert_eq!((answer.header("vary"), rights(&answer)), (None, vec![]));
    }
}

#[tokio::test]
async fn a_foreign_host_is_misdirected_before_permission_is_given() {
    let setup = allowing(&["https://app.example"], false).await;
    let request = "OPTIONS /a.b HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://app.example\r\n\
                   Access-Control-Request-Method: POST\r\n\r\n";
    let answer = setup.send(request).await;
    answer.assert_problem(421, "misdirected_request");
}
