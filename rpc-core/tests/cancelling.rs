//! Calls that are given up: the method is dropped, and what it has called is given up in its turn.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use rpc_core::testing::TestApp;
use rpc_core::{CallError, Client};
use support::{PATIENCE, Probe, eventually, is_silent, stats};
use tokio::time::{sleep, timeout};

/// Makes a call and gives it up as soon as `enough` has happened.
async fn give_up_when(
    client: &Client,
    method: &str,
    argument: &str,
    enough: impl Future<Output = ()>,
) {
    let call = async { client.call::<()>(method).arg(argument).await };
    tokio::select! {
        outcome = call => panic!("the call ended: {outcome:?}"),
        () = enough => {}
    }
}

async fn begun(probe: &Probe, calls: u64) {
    eventually("the method runs", async || {
        probe.0.begun.load(SeqCst) >= calls
    })
    .await;
}

async fn ended(probe: &Probe) {
    eventually("the method is dropped", async || {
        probe.0.running.load(SeqCst) == 0
    })
    .await;
}

#[tokio::test]
async fn a_slow_call_that_is_given_up_is_dropped() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let slowly = async {
        begun(&probe, 1).await;
        sleep(Duration::from_millis(150)).await;
    };
    give_up_when(app.client(), "probe_service.wait", "", slowly).await;
    ended(&probe).await;
    let of_wait = stats(app.url(), "wait").await;
    assert_eq!(of_wait["data"]["cancelled"], 1);
    assert_eq!(of_wait["num_errors"], 1);
    assert!(
        of_wait["last_error"]
            .as_str()
            .unwrap()
            .starts_with("499:cancelled"),
        "{of_wait}"
    );
}

#[tokio::test]
async fn a_call_that_is_given_up_at_once_is_dropped_soon_after() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    give_up_when(app.client(), "probe_service.wait", "", begun(&probe, 1)).await;
    assert_eq!(app.client().in_flight(), 0);
    ended(&probe).await;
}

#[tokio::test]
async fn nested_calls_are_given_up_in_their_turn() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    give_up_when(
        app.client(),
        "probe_service.relay",
        "probe_service.wait",
        begun(&probe, 1),
    )
    .await;
    ended(&probe).await;
    for method in ["relay", "wait"] {
        let of_method = stats(app.url(), method).await;
        assert_eq!(of_method["data"]["cancelled"], 1, "{method}");
    }
}

#[tokio::test]
async fn a_call_that_still_waits_for_a_slot_is_given_up_too() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let narrow = || async { app.client().call::<()>("probe_service.narrow").await };
    let mut running = pin!(async { tokio::join!(narrow(), narrow()) });
    assert!((&mut running).now_or_never().is_none());
    begun(&probe, 2).await;

    let queued = timeout(Duration::from_millis(150), narrow()).await;
    assert!(queued.is_err(), "it was to wait: {queued:?}");
    eventually("the queued call is dropped", async || {
        stats(app.url(), "narrow").await["data"]["cancelled"] == 1
    })
    .await;
    assert_eq!(probe.0.begun.load(SeqCst), 2, "a given up call never ran");

    probe.0.gate.add_permits(2);
    let (first, second) = timeout(PATIENCE, running).await.unwrap();
    assert!(first.is_ok() && second.is_ok());
}

#[tokio::test]
async fn fast_calls_cost_no_further_message() {
    let app = TestApp::start(Probe::default()).await;
    let spy = async_nats::connect(app.url()).await.unwrap();
    let mut words = spy.subscribe("_INBOX.*.*.c").await.unwrap();
    assert!(is_silent(&spy, &mut words).await);
    for _ in 0..200 {
        let text: String = app
            .client()
            .call("probe_service.echo")
            .arg("a")
            .await
            .unwrap();
        assert_eq!(text, "a!");
    }
    // One that is given up after its reply has come, unread.
    let mut call = Box::pin(
        app.client()
            .call::<String>("probe_service.echo")
            .arg("a")
            .into_future(),
    );
    assert!((&mut call).now_or_never().is_none());
    app.client().round_trip(PATIENCE).await.unwrap();
    drop(call);
    sleep(Duration::from_millis(200)).await;
    assert!(is_silent(&spy, &mut words).await);
}

#[tokio::test]
async fn a_call_at_its_deadline_costs_no_further_message() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let spy = async_nats::connect(app.url()).await.unwrap();
    let mut words = spy.subscribe("_INBOX.*.*.c").await.unwrap();
    assert!(is_silent(&spy, &mut words).await);
    let call = app.client().call::<String>("probe_service.wait");
    let late = call.timeout(Duration::from_millis(50)).await;
    assert!(
        matches!(
            late,
            Err(CallError::Deadline { .. } | CallError::Service(_))
        ),
        "{late:?}"
    );
    ended(&probe).await;
    sleep(Duration::from_millis(200)).await;
    assert!(is_silent(&spy, &mut words).await);
}

#[tokio::test]
async fn what_others_say_below_an_inbox_cancels_nothing() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let inbox = nats.new_inbox();
    let mut replies = nats.subscribe(inbox.clone()).await.unwrap();
    nats.publish_with_reply("probe_service.wait", inbox.clone(), r#"[["a"]]"#.into())
        .await
        .unwrap();
    begun(&probe, 1).await;
    sleep(Duration::from_millis(100)).await;
    for subject in [
        format!("{inbox}.d"),
        format!("{inbox}.c.c"),
        inbox.clone() + "c",
    ] {
        nats.publish(subject, "".into()).await.unwrap();
    }
    probe.0.gate.add_permits(1);
    let reply = timeout(PATIENCE, replies.next()).await.unwrap().unwrap();
    assert_eq!(reply.payload, r#"[["a"], {}]"#);
}
