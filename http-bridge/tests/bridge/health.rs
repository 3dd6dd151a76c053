//! Probes and the front page.

use std::time::Duration;

use crate::support::raw::Connection;
use crate::support::{SOON, Setup, post};

#[tokio::test]
async fn probes_and_the_front_page_are_read() {
    let setup = Setup::new().await;
    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain; charset=utf-8";
    for (path, kind) in [
        ("/livez", JSON),
        ("/readyz", JSON),
        ("/livez?x=1", JSON),
        ("/", TEXT),
        ("/errors", TEXT),
    ] {
        let answer = setup
            .send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(kind))
        );

        let mut connection = Connection::open(setup.address).await;
        connection
            .send(format!(
                "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ))
            .await;
        let head = String::from_utf8(connection.rest().await).unwrap();
        assert!(
            head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
        assert!(
            head.contains(&format!("content-length: {}\r\n", answer.body.len())),
            "{head}"
        );

        let answer = setup.send(post(path, "", "")).await;
        answer.assert_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
    let welcome = setup
        .send("GET / HTTP/1.1\r\nHost: localhost:5000\r\n\r\n")
        .await;
    assert!(
        welcome
            .text()
            .contains("curl -X POST http://localhost:5000/"),
        "{}",
        welcome.text()
    );
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_what_the_bridge_says_of_its_code() {
    let setup = Setup::new().await;
    let answer = setup.send(post("/nobody.knows", "", "[]")).await;
    let problem = answer.assert_problem(404, "not_found");
    let (path, code) = problem["type"].as_str().unwrap().split_once('#').unwrap();
    let page = setup
        .send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .await;
    assert!(page.text().contains(&format!("\n### `{code}`\n")));
}

#[tokio::test]
async fn readiness_follows_nats_and_liveness_does_not() {
    let setup = Setup::new().await;
    let Some(broker) = &setup.broker else { return };
    setup.assert_healthy().await;
    broker.shutdown();
    let gone = async {
        while setup.send("GET /readyz HTTP/1.1\r\n\r\n").await.status == 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, gone)
        .await
        .expect("the bridge notices");
    let answer = setup.send("GET /readyz HTTP/1.1\r\n\r\n").await;
    answer.assert_problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(setup.send("GET /livez HTTP/1.1\r\n\r\n").await.status, 200);

    // What was known is unavailable, and so is what nobody could have told us of meanwhile.
    for method in ["hello", "never_heard_of"] {
        setup
            .send(setup.post(method, "", "[]"))
            .await
            .assert_problem(503, "unavailable");
    }

    let port = broker.port();
    let _again = loop {
        match rpc_broker::EmbeddedBroker::start(rpc_broker::Config {
            port,
            ..Default::default()
        }) {
            Ok(broker) => break broker,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let back = async {
        while setup.send("GET /readyz HTTP/1.1\r\n\r\n").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, back)
        .await
        .expect("the bridge connects again");
}
