//! Services that start, stop and change while the bridge runs.

use std::time::{Duration, Instant};

use rpc_core::prelude::*;
use rpc_core::{Running, Service};
use serde_json::{Value, json};

use crate::support::raw::Answer;
use crate::support::{SOON, Setup};

macro_rules! service {
    ($type:ident, $name:literal, $version:literal, $path:literal, $id:ident, $answer:literal) => {
        struct $type;

        #[rpc(name = $name, version = $version)]
        impl $type {
            #[rpc(http(GET, $path))]
            async fn get(&self, $id: u32) -> String {
                format!("{} {}", $answer, $id)
            }
        }
    };
}

service!(
    Starting,
    "live_starting",
    "1.0.0",
    "/v1/live/starting/{id}",
    id,
    "started"
);
service!(
    Stopping,
    "live_stopping",
    "1.0.0",
    "/v1/live/stopping/{id}",
    id,
    "there"
);
service!(
    Old,
    "live_changing",
    "1.0.0",
    "/v1/live/old/{id}",
    id,
    "old"
);
service!(
    New,
    "live_changing",
    "1.1.0",
    "/v1/live/new/{id}",
    id,
    "new"
);
service!(
    First,
    "live_first",
    "1.0.0",
    "/v1/live/claimed/{id}",
    id,
    "first"
);
service!(
    Second,
    "live_second",
    "1.0.0",
    "/v1/live/claimed/{other}",
    other,
    "second"
);

async fn start(setup: &Setup, service: impl Service) -> Running {
    let runner = Runner::new(rpc_core::Config::new(&setup.nats_url));
    runner.service(service).start().await.unwrap()
}

async fn get(setup: &Setup, path: &str) -> Answer {
    setup
        .send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .await
}

/// Asks again and again until an answer has this status; how long that took.
async fn until(setup: &Setup, path: &str, status: u16) -> Duration {
    let began = Instant::now();
    loop {
        let answer = get(setup, path).await;
        if answer.status == status {
            return began.elapsed();
        }
        assert!(began.elapsed() < SOON, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_service_that_starts_is_there_for_the_very_next_request() {
    let setup = Setup::new().await;
    let path = "/v1/live/starting/7";
    assert_eq!(get(&setup, path).await.status, 404);
    let running = start(&setup, Starting).await;
    let answer = get(&setup, path).await;
    assert_eq!((answer.status, answer.text()), (200, r#""started 7""#));
    running.stop().await;
}

#[tokio::test]
async fn a_service_that_stops_is_unavailable_within_a_second() {
    let setup = Setup::new().await;
    let path = "/v1/live/stopping/7";
    let running = start(&setup, Stopping).await;
    assert_eq!(get(&setup, path).await.status, 200);
    running.stop().await;
    let took = until(&setup, path, 503).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let answer = get(&setup, path).await;
    assert_eq!(answer.header("retry-after"), Some("1"));
    let running = start(&setup, Stopping).await;
    assert_eq!(get(&setup, path).await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn a_contract_that_changes_has_new_routes() {
    let setup = Setup::new().await;
    let old = start(&setup, Old).await;
    assert_eq!(get(&setup, "/v1/live/old/7").await.status, 200);
    assert_eq!(get(&setup, "/v1/live/new/7").await.status, 404);
    // The newest version says where the method is, while both run and after.
    let new = start(&setup, New).await;
    assert!(matches!(get(&setup, "/v1/live/new/7").await.status, 200));
    until(&setup, "/v1/live/old/7", 404).await;
    old.stop().await;
    let answer = get(&setup, "/v1/live/new/7").await;
    assert_eq!((answer.status, answer.text()), (200, r#""new 7""#));
    new.stop().await;
}

#[tokio::test]
async fn the_first_service_keeps_a_path_and_the_conflict_is_shown() {
    let setup = Setup::new().await;
    let path = "/v1/live/claimed/7";
    let first = start(&setup, First).await;
    assert_eq!(get(&setup, path).await.text(), r#""first 7""#);
    let second = start(&setup, Second).await;
    // So that the bridge has heard of it.
    assert_eq!(get(&setup, "/live_second.get?id=1").await.status, 422);
    assert_eq!(get(&setup, path).await.text(), r#""first 7""#);
    let routes: Value = serde_json::from_slice(&get(&setup, "/routes").await.body).unwrap();
    let conflicts = routes["conflicts"].as_array().unwrap().iter();
    let of_second = |it: &&Value| it["claimed_by"] == "live_second.get";
    let conflict = conflicts
        .clone()
        .find(of_second)
        .expect("the conflict is listed");
    assert_eq!(conflict["path"], "/v1/live/claimed/{other}");
    assert!(routes["conflict_count"].as_u64().unwrap() >= 1);
    first.stop().await;
    let began = Instant::now();
    while get(&setup, path).await.text() != r#""second 7""# {
        assert!(began.elapsed() < SOON, "whoever is there gets it");
    }
    second.stop().await;
}

#[tokio::test]
async fn every_route_is_listed_and_internal_methods_are_not() {
    let setup = Setup::new().await;
    let running = start(&setup, Starting).await;
    until(&setup, "/v1/live/starting/7", 200).await;
    setup.assert_healthy().await;
    let answer = get(&setup, "/routes").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let routes: Value = serde_json::from_slice(&answer.body).unwrap();
    let services = routes["services"].as_array().unwrap();
    let of = |name: &str| services.iter().find(|it| it["name"] == name).unwrap();
    let starting = of("live_starting");
    assert_eq!(starting["version"], "1.0.0");
    assert_eq!(starting["instances"], 1);
    assert_eq!(
        starting["methods"],
        json!([{ "subject": "live_starting.get", "flags": ["safe", "idempotent"],
            "http": [{ "method": "GET", "path": "/v1/live/starting/{id}" }] }])
    );
    assert!(!of(&setup.service.name).to_string().contains("secret"));
    running.stop().await;
}
