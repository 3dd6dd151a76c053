//! Limits on how long calls take, how many there are, and whether they are sent at all.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use rpc_core::middleware::{
    BreakerConfig, CircuitBreakerLayer, ConcurrencyLimitLayer, TimeoutLayer,
};
use rpc_core::protocol::Outcome;
use rpc_core::testing::TestApp;
use rpc_core::{CallError, Stage};
use serde_json::Value;

use crate::support::{Probe, State, eventually, stats};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_method_takes_no_longer_than_the_timeout_around_it() {
    let layer = TimeoutLayer::new(SHORT);
    let app = TestApp::run(move |runner| runner.layer(layer).service(Probe::default())).await;
    let error = app.raw("probe_service.wait", "").await;
    let error = error.expect_error("deadline_exceeded");
    assert_eq!(error.outcome(), Some(Outcome::Unknown));
    assert!(error.message().contains("50ms"), "{error}");
    app.raw("probe_service.nothing", "")
        .await
        .expect("[[], {}]");
}

#[tokio::test]
async fn a_try_takes_no_longer_than_the_timeout_around_it_and_its_service_learns_it() {
    let app = TestApp::start(Probe::default()).await;
    let client = app
        .client()
        .clone()
        .layer(TimeoutLayer::new(Duration::from_secs(2)));
    let seen: Value = client.call("probe_service.context").await.unwrap();
    assert!(
        (1..=2_000).contains(&seen["left"].as_u64().unwrap()),
        "{seen}"
    );
    // The call's own deadline counts where it is shorter.
    let call = client.call::<()>("probe_service.wait").timeout(SHORT);
    let error = call.await.unwrap_err();
    assert!(matches!(error, CallError::Deadline { .. }), "{error}");
    assert!(!error.to_string().contains("its limit here"), "{error}");

    let client = app.client().clone().layer(TimeoutLayer::new(SHORT));
    let began = Instant::now();
    let error = client.call::<()>("probe_service.wait").await.unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let stage = match error {
        CallError::Deadline { stage, .. } => stage,
        other => panic!("expected a deadline, got: {other}"),
    };
    // Which of the two clocks was quicker is up to the machine.
    assert!(
        matches!(stage, Stage::NoAnswer | Stage::Running),
        "{stage:?}"
    );
    eventually("the method is dropped", async || {
        stats(app.url(), "wait").await["data"]["in_flight"] == 0
    })
    .await;
}

/// Fills a limit of two, and returns what a third call reads and whether a fourth one passes after.
async fn third_of_two(app: &TestApp, state: &Arc<State>, client: rpc_core::Client) -> CallError {
    let call = || {
        let client = client.clone();
        tokio::spawn(async move { client.call::<String>("probe_service.wait").await })
    };
    let running = [call(), call()];
    eventually("two calls run", async || state.begun.load(SeqCst) == 2).await;
    let began = Instant::now();
    let refused = client
        .call::<()>("probe_service.nothing")
        .await
        .unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it waits for nothing"
    );
    state.gate.add_permits(2);
    for call in running {
        call.await.unwrap().unwrap();
    }
    client.call::<()>("probe_service.nothing").await.unwrap();
    assert_eq!(stats(app.url(), "wait").await["num_requests"], 2);
    refused
}

#[tokio::test]
async fn a_runner_that_is_full_refuses_at_once() {
    let (probe, layer) = (Probe::default(), ConcurrencyLimitLayer::new(2));
    let state = probe.0.clone();
    let app = TestApp::run(move |runner| runner.layer(layer).service(probe)).await;
    let error = third_of_two(&app, &state, app.client().clone()).await;
    let CallError::Full(said) = error else {
        panic!("expected `Full`, got: {error}");
    };
    assert_eq!((said.code(), said.status()), ("resource_exhausted", 429));
    // The layer refused it, so the method never ran.
    assert_eq!(said.outcome(), Some(Outcome::NotSent));
    assert!(
        said.is_retryable() && said.message().contains("2 calls"),
        "{said}"
    );
}

#[tokio::test]
async fn a_client_with_enough_under_way_refuses_at_once() {
    let probe = Probe::default();
    let state = probe.0.clone();
    let app = TestApp::start(probe).await;
    let client = app.client().clone().layer(ConcurrencyLimitLayer::new(2));
    let error = third_of_two(&app, &state, client).await;
    assert!(matches!(error, CallError::Full(_)), "{error}");
    assert_eq!(error.outcome(), Some(Outcome::NotSent));
    // It was never sent: the one call that came is the one that passed.
    assert_eq!(stats(app.url(), "nothing").await["num_requests"], 1);
}

#[tokio::test]
async fn a_method_that_fails_to_answer_is_spared() {
    let app = TestApp::start(Probe::default()).await;
    let client = app
        .client()
        .clone()
        .layer(CircuitBreakerLayer::new(BreakerConfig {
            minimum_calls: 5,
            pause: Duration::from_secs(3_600),
            ..BreakerConfig::default()
        }));
    let fail = async |code: &str| {
        let call = client.call::<()>("probe_service.fail").arg(code);
        call.await.unwrap_err()
    };
    // What a method says of itself spares it nothing.
    for _ in 0..10 {
        assert!(matches!(fail("user.gone").await, CallError::Service(_)));
    }
    for _ in 0..10 {
        fail("unavailable").await;
    }
    let before = stats(app.url(), "fail").await["num_requests"].clone();
    assert_eq!(before, 20);
    let error = fail("user.gone").await;
    assert_eq!(error.outcome(), Some(Outcome::NotSent));
    assert!(error.to_string().contains("is tried again in"), "{error}");
    assert_eq!(stats(app.url(), "fail").await["num_requests"], before);
    client.call::<()>("probe_service.nothing").await.unwrap();
}
