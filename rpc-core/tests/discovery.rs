//! What `nats service ls|info|stats|ping` read: ADR-32, field by field.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use rpc_core::Catalog;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use serde_json::{Value, json};
use support::{PATIENCE, Probe, ask, eventually, is_silent, stats};
use tokio::time::timeout;

/// A second service on the same connection, without documentation or results.
struct Quiet;

#[rpc(name = "quiet_service", prefix = "v2", queue_group = "few")]
impl Quiet {
    #[rpc]
    async fn nothing(&self) {}
}

fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Checks what every body has, and returns the instance's id.
fn common<'a>(body: &'a Value, kind: &str) -> &'a str {
    assert_eq!(body["type"], format!("io.nats.micro.v1.{kind}_response"));
    assert_eq!(body["name"], "probe_service");
    assert_eq!(body["version"], "1.2.3");
    let metadata: BTreeMap<String, String> = serde_json::from_value(body["metadata"].clone())
        .expect("metadata is text by text, never null");
    assert!(!metadata["rpc.hash"].is_empty());
    let id = body["id"].as_str().unwrap();
    assert!(
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{id}"
    );
    id
}

#[tokio::test]
async fn ping_says_who_is_there() {
    let app = TestApp::start(Probe::default()).await;
    let body = ask(app.url(), "$SRV.PING.probe_service", "").await;
    common(&body, "ping");
    assert_eq!(keys(&body), ["id", "metadata", "name", "type", "version"]);
}

#[tokio::test]
async fn info_lists_every_endpoint() {
    let app = TestApp::start(Probe::default()).await;
    let body = ask(app.url(), "$SRV.INFO.probe_service", "").await;
    common(&body, "info");
    assert_eq!(
        keys(&body),
        [
            "description",
            "endpoints",
            "id",
            "metadata",
            "name",
            "type",
            "version"
        ]
    );
    assert_eq!(body["description"], "Answers, fails, panics, waits.");
    let endpoints = body["endpoints"].as_array().unwrap();
    for endpoint in endpoints {
        let name = endpoint["name"].as_str().unwrap();
        assert_eq!(endpoint["subject"], format!("probe_service.{name}"));
        assert_eq!(endpoint["queue_group"], "q");
        assert_eq!(endpoint["metadata"]["rpc.v"], "1");
        assert_eq!(
            keys(endpoint),
            ["metadata", "name", "queue_group", "subject"]
        );
    }
    let flags = |name: &str| {
        let endpoint = endpoints.iter().find(|endpoint| endpoint["name"] == name);
        endpoint.unwrap()["metadata"]["rpc.flags"].clone()
    };
    assert_eq!(
        (flags("context"), flags("bytes"), flags("echo")),
        (json!("safe,idempotent"), json!("internal"), json!(""))
    );
}

#[tokio::test]
async fn stats_count_exactly() {
    let app = TestApp::start(Probe::default()).await;
    let before = stats(app.url(), "find").await;
    assert_eq!(
        (&before["num_requests"], &before["last_error"]),
        (&json!(0), &json!(""))
    );
    for _ in 0..7 {
        app.raw("probe_service.echo", r#"[["a"]]"#)
            .await
            .expect(r#"[["a!"], {}]"#);
    }
    for _ in 0..2 {
        app.raw("probe_service.echo", "{")
            .await
            .expect_error("malformed_json");
    }
    app.raw("probe_service.panic_later", "")
        .await
        .expect_error("internal");
    app.raw("probe_service.sleep", "[[20]]")
        .await
        .expect("[[], {}]");

    let body = ask(app.url(), "$SRV.STATS.probe_service", "").await;
    common(&body, "stats");
    assert_eq!(
        keys(&body),
        [
            "endpoints",
            "id",
            "metadata",
            "name",
            "started",
            "type",
            "version"
        ]
    );
    let started = body["started"].as_str().unwrap();
    let started = humantime::parse_rfc3339(started).expect("RFC 3339, in UTC");
    assert!(started.elapsed().unwrap() < PATIENCE * 4);

    let of = |name: &str| {
        let endpoints = body["endpoints"].as_array().unwrap();
        endpoints
            .iter()
            .find(|endpoint| endpoint["name"] == name)
            .unwrap()
    };
    for endpoint in body["endpoints"].as_array().unwrap() {
        assert_eq!(
            keys(endpoint),
            [
                "average_processing_time",
                "data",
                "last_error",
                "name",
                "num_errors",
                "num_requests",
                "processing_time",
                "queue_group",
                "subject",
            ]
        );
        assert!(endpoint["last_error"].is_string());
        for number in [
            "num_requests",
            "num_errors",
            "processing_time",
            "average_processing_time",
        ] {
            assert!(endpoint[number].is_u64(), "{number}: {}", endpoint[number]);
        }
        assert_eq!(endpoint["data"]["in_flight"], 0);
    }
    let echo = of("echo");
    assert_eq!(
        (&echo["num_requests"], &echo["num_errors"]),
        (&json!(9), &json!(2))
    );
    assert!(
        echo["last_error"]
            .as_str()
            .unwrap()
            .starts_with("400:malformed_json"),
        "{echo}"
    );
    let time = |field: &str| echo[field].as_u64().unwrap();
    assert_eq!(time("average_processing_time"), time("processing_time") / 9);
    let panicked = of("panic_later");
    assert_eq!(
        (&panicked["num_requests"], &panicked["num_errors"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(panicked["data"]["panics"], 1);
    assert!(!panicked.to_string().contains("secret"));
    let slept = of("sleep");
    assert!(
        slept["processing_time"].as_u64().unwrap() >= 20_000_000,
        "nanoseconds: {slept}"
    );
}

#[tokio::test]
async fn each_instance_answers_on_nine_subjects_whatever_the_body() {
    let app = TestApp::start(Probe::default()).await;
    let ping = ask(app.url(), "$SRV.PING.probe_service", "").await;
    let id = common(&ping, "ping");
    for verb in ["PING", "INFO", "STATS"] {
        for end in [
            String::new(),
            ".probe_service".to_owned(),
            format!(".probe_service.{id}"),
        ] {
            let subject = format!("$SRV.{verb}{end}");
            for body in ["", "{}", "not json at all \u{0}"] {
                let reply = ask(app.url(), &subject, body).await;
                assert_eq!(common(&reply, &verb.to_lowercase()), id, "{subject}");
            }
        }
    }
}

#[tokio::test]
async fn a_question_without_a_reply_subject_has_no_answer_and_does_no_harm() {
    let app = TestApp::start(Probe::default()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut heard = nats.subscribe("probe_answers.>").await.unwrap();
    for verb in ["PING", "INFO", "STATS"] {
        nats.publish(format!("$SRV.{verb}"), "".into())
            .await
            .unwrap();
        nats.publish_with_reply(format!("$SRV.{verb}"), "probe_answers.x", "".into())
            .await
            .unwrap();
    }
    common(&ask(app.url(), "$SRV.PING.probe_service", "").await, "ping");
    assert!(is_silent(&nats, &mut heard).await);
}

#[tokio::test]
async fn services_of_one_process_answer_each_for_itself() {
    let app = TestApp::run(|runner| runner.service(Probe::default()).service(Quiet)).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let inbox = nats.new_inbox();
    let mut replies = nats.subscribe(inbox.clone()).await.unwrap();
    nats.publish_with_reply("$SRV.INFO", inbox, "".into())
        .await
        .unwrap();
    let mut found = BTreeMap::new();
    for _ in 0..2 {
        let reply = timeout(PATIENCE, replies.next()).await.unwrap().unwrap();
        let body: Value = serde_json::from_slice(&reply.payload).unwrap();
        found.insert(body["name"].as_str().unwrap().to_owned(), body);
    }
    let quiet = &found["quiet_service"];
    let endpoint = &quiet["endpoints"][0];
    assert_eq!(
        (&endpoint["subject"], &endpoint["queue_group"]),
        (&json!("v2.quiet_service.nothing"), &json!("few"))
    );
    assert_ne!(quiet["id"], found["probe_service"]["id"]);
    assert_ne!(
        quiet["metadata"]["rpc.hash"],
        found["probe_service"]["metadata"]["rpc.hash"]
    );
    app.raw("v2.quiet_service.nothing", "")
        .await
        .expect("[[], {}]");
}

#[tokio::test]
async fn the_catalog_finds_methods_and_asks_once_for_what_is_not_there() {
    let app = TestApp::start(Probe::default()).await;
    let catalog = Catalog::new(app.client().clone());
    let method = catalog.lookup("probe_service.context").await.unwrap();
    assert_eq!(
        (&*method.service, &*method.name),
        ("probe_service", "context")
    );
    assert!(method.safe && method.idempotent && !method.internal);
    assert!(
        catalog
            .lookup("probe_service.bytes")
            .await
            .unwrap()
            .internal
    );
    assert_eq!(catalog.lookup("probe_service.unknown").await, None);
}

#[tokio::test]
async fn askers_who_leave_do_not_make_the_catalog_ask_again() {
    // Each lookup that was dropped half-way took its question along, so the next one asked anew:
    // callers who hang up early made a question each.
    let app = TestApp::start(Probe::default()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let catalog = Catalog::new(app.client().clone());
    // From here on it polls no more before the test is over.
    assert!(catalog.lookup("probe_service.context").await.is_some());
    let mut questions = nats.subscribe("$SRV.PING").await.unwrap();
    assert!(is_silent(&nats, &mut questions).await);
    for n in 0..10 {
        let name = format!("nobody.method_{n}");
        let lookup = timeout(Duration::from_millis(5), catalog.lookup(&name));
        assert!(
            lookup.await.is_err(),
            "a miss takes until everybody has answered"
        );
    }
    eventually("the question has come", async || {
        timeout(PATIENCE, questions.next()).await.unwrap().is_some()
    })
    .await;
    assert!(is_silent(&nats, &mut questions).await);
}
