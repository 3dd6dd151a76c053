//! What is counted, and what is logged.

use std::net::SocketAddr;

use http_bridge::{Auth, Config, KeySource, Limits, MetricsAt};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::program::{program, ready};
use crate::support::files::File;
use crate::support::raw::{Answer, Connection};
use crate::support::tokens::{AUDIENCE, ISSUER, Issuer};
use crate::support::{SOON, Setup, broker, get, post, service};

async fn measuring(at: MetricsAt) -> Setup {
    Setup::with(Config {
        metrics: Some(at),
        ..Config::default()
    })
    .await
}

/// Returns the number on the line that begins with a name and has all of these labels.
fn number(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |line: &&str| {
        let label = |(name, value): &(&str, &str)| line.contains(&format!("{name}=\"{value}\""));
        let (found, _) = line.split_once(['{', ' ']).unwrap_or((line, ""));
        found == name && labels.iter().all(label)
    };
    let line = text.lines().find(has)?;
    let value = line.split(" # ").next()?.rsplit(' ').next()?;
    value.parse().ok()
}

#[tokio::test]
async fn requests_are_counted_by_template_method_and_status() {
    let setup = measuring(MetricsAt::MainPort).await;
    for _ in 0..3 {
        setup.assert_healthy().await;
    }
    for request in [
        setup.post("fail", "", r#"[[410, {"code": "x.y", "message": "no"}]]"#),
        setup.post("made_up_1", "", "[]"),
        setup.post("made_up_2", "", "[]"),
        get("/livez"),
        get("/metrics?secret=1"),
        "PURGE /made/up HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
    ] {
        setup.send(request).await;
    }
    let answer = setup.send(get("/metrics")).await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(kind));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let name = &setup.service.name;
    let (hello, fail) = (format!("{name}.hello"), format!("{name}.fail"));
    const CALL: &str = "/{service}.{method}";
    const COUNT: &str = "http_server_request_duration_seconds_count";
    for (method, route, status, rpc, expected) in [
        ("POST", CALL, "200", &*hello, 3.0),
        ("POST", CALL, "410", &fail, 1.0),
        ("POST", CALL, "404", "_OTHER", 2.0),
        ("_OTHER", "/{path}", "404", "_OTHER", 1.0),
        ("GET", "/livez", "200", "_OTHER", 1.0),
        ("GET", "/metrics", "200", "_OTHER", 1.0),
    ] {
        let labels = [
            ("http_request_method", method),
            ("http_route", route),
            ("http_response_status_code", status),
            ("rpc_method", rpc),
        ];
        assert_eq!(
            number(text, COUNT, &labels),
            Some(expected),
            "{labels:?}\n{text}"
        );
    }
    // This request is the one that is active, on the one connection that is open for sure.
    assert_eq!(number(text, "http_server_active_requests", &[]), Some(1.0));
    assert!(
        number(text, "http_server_open_connections", &[]) >= Some(1.0),
        "{text}"
    );
    for secret in ["made_up", "secret=1", "PURGE", "/made/up"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn exemplars_lead_to_sampled_traces_only() {
    let setup = measuring(MetricsAt::MainPort).await;
    let sampled = "0af7651916cd43dd8448eb211c80319c";
    let other = "1af7651916cd43dd8448eb211c80319c";
    for (trace, flags) in [(sampled, "01"), (other, "00")] {
        let parent = format!("traceparent: 00-{trace}-b7ad6b7169203331-{flags}\r\n");
        assert_eq!(
            setup.send(setup.post("hello", &parent, "[]")).await.status,
            200
        );
    }
    let answer = setup.send(get("/metrics")).await;
    let text = answer.text();
    assert!(
        text.contains(&format!("# {{trace_id=\"{sampled}\"}}")),
        "{text}"
    );
    assert!(!text.contains(other), "{text}");
}

#[tokio::test]
async fn it_is_nowhere_unless_it_is_asked_for() {
    let setup = Setup::new().await;
    setup
        .send(get("/metrics"))
        .await
        .assert_problem(404, "not_found");
    assert_eq!(setup.metrics, None);
}

#[tokio::test]
async fn on_an_address_of_its_own_it_answers_when_the_bridge_is_full() {
    let issuer = Issuer::new();
    let keys = File::new("keys.json", issuer.jwks().to_string());
    let setup = Setup::with(Config {
        metrics: Some(MetricsAt::Listener(SocketAddr::from(([127, 0, 0, 1], 0)))),
        auth: Some(Auth::new(
            KeySource::File(keys.path().into()),
            ISSUER,
            AUDIENCE,
        )),
        limits: Limits {
            connections: 1,
            ..Limits::default()
        },
        ..Config::default()
    })
    .await;
    let own = setup.metrics.unwrap();
    let scrape =
        async |path: &str| -> Answer { Connection::open(own).await.exchange(get(path)).await };
    let mut first = Connection::open(setup.address).await;
    assert_eq!(first.exchange(get("/metrics")).await.status, 401);
    setup
        .send(get("/livez"))
        .await
        .assert_problem(503, "unavailable");
    let answer = scrape("/metrics").await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    assert_eq!(
        number(text, "http_server_open_connections", &[]),
        Some(1.0),
        "{text}"
    );
    assert_eq!(
        number(text, "http_server_refused_connections_total", &[]),
        Some(1.0),
        "{text}"
    );
    for path in ["/", "/livez", &setup.path("hello")] {
        assert_eq!(scrape(path).await.status, 404, "{path}");
    }
    // Nor is it on the main port then, for whoever may ask there.
    let token = format!(
        "\r\nAuthorization: Bearer {}\r\n\r\n",
        issuer.good("bob", "")
    );
    let answer = first
        .exchange(get("/metrics").replace("\r\n\r\n", &token))
        .await;
    answer.assert_problem(404, "not_found");
    // Silent ones are not waited for.
    let mut silent = Vec::new();
    for _ in 0..15 {
        silent.push(Connection::open(own).await);
    }
    assert_eq!(scrape("/metrics").await.status, 200);
}

#[tokio::test]
async fn the_access_log_has_templates_and_nothing_that_clients_send() {
    let (_broker, url) = broker();
    let service = service::Service::start(&url).await;
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--nats-url",
        &url,
        "--log-format",
        "json",
    ];
    for (more, lines) in [(&["--access-log"][..], 3), (&[], 0)] {
        let mut child = program(&[&arguments[..], more].concat()).spawn().unwrap();
        let address = ready(&mut child).await;
        let mut connection = Connection::open(address).await;
        let path = format!("/{}.hello?token=hunter2", service.name);
        let headers = "X-Request-Id: my-id\r\nAuthorization: Bearer hunter2\r\n";
        for request in [
            post(&path, headers, "[[\"hunter2\"]]"),
            post("/made.hunter2", "", "[]"),
            get("/hunter2/hunter2"),
        ] {
            connection.exchange(request).await;
        }
        // A failure of ours, which is always there.
        connection
            .exchange(post(&format!("/{}.gone", service.name), "", "[]"))
            .await;
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut found: Vec<Value> = Vec::new();
        while found.last().is_none_or(|line| line["status"] != 503) {
            let line = timeout(SOON, stderr.next_line())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert!(!line.contains("hunter2"), "{line}");
            let line: Value = serde_json::from_str(&line).expect("every line is JSON");
            if line["target"] == "http_bridge::access" {
                found.push(line);
            }
        }
        assert_eq!(found.len(), lines + 1, "{found:?}");
        assert_eq!(found[lines]["level"], "WARN");
        if let Some(first) = found.first().filter(|_| lines > 0) {
            for (name, value) in [
                ("method", "POST"),
                ("route", "/{service}.{method}"),
                ("client", "127.0.0.1"),
                ("request_id", "my-id"),
                ("rpc", &format!("{}.hello", service.name)),
            ] {
                assert_eq!(first[name], value, "{first}");
            }
            assert_eq!(first["status"], 200);
            assert!(first["duration_us"].is_u64(), "{first}");
        }
    }
}
