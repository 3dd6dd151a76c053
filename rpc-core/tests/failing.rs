//! Why a call failed: each cause has its kind, its code and its outcome, and says so at once.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_core::protocol::Outcome;
use rpc_core::testing::TestApp;
use rpc_core::{CallError, Client, RpcError, Stage};
use support::server::Server;
use support::{PATIENCE, Probe, connect, eventually, is_silent};

/// Calls a method that is not there and returns what that is taken for.
async fn failure(client: &Client, subject: &str) -> CallError {
    let started = Instant::now();
    let error = client.call::<()>(subject).await.unwrap_err();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{subject}: {took:?}");
    error
}

#[tokio::test]
async fn no_service_and_no_method_are_told_apart() {
    let app = TestApp::start(Probe::default()).await;
    for (subject, text, code) in [
        ("nobody.home", "there is no service `nobody`", "unavailable"),
        (
            "v2.nobody.home",
            "there is no service `nobody`",
            "unavailable",
        ),
        (
            "probe_service.ecko",
            "`probe_service` has no method `ecko`, did you mean `probe_service.echo`?",
            "not_found",
        ),
        (
            "probe_service.countt",
            "`probe_service` has no method `countt`, did you mean `probe_service.count`?",
            "not_found",
        ),
        (
            "probe_service.delete_everything",
            "`probe_service` has no method `delete_everything`",
            "not_found",
        ),
        (
            // An internal method is suggested to nobody.
            "probe_service.byte",
            "`probe_service` has no method `byte`",
            "not_found",
        ),
    ] {
        let error = failure(app.client(), subject).await;
        assert_eq!(error.to_string(), text);
        assert_eq!(error.outcome(), Some(Outcome::NotSent), "{subject}");
        assert_eq!(error.is_retryable(), code == "unavailable", "{subject}");
        assert_eq!(RpcError::from(error).code(), code, "{subject}");
    }
    assert_eq!(app.client().in_flight(), 0);
}

#[tokio::test]
async fn a_flood_of_wrong_names_costs_one_question_a_second() {
    let app = TestApp::start(Probe::default()).await;
    let spy = async_nats::connect(app.url()).await.unwrap();
    let mut questions = spy.subscribe("$SRV.INFO.probe_service").await.unwrap();
    assert!(is_silent(&spy, &mut questions).await);
    let client = app.client();
    let started = Instant::now();
    let wrong = (0..2_000).map(|n| {
        client
            .call::<()>(format!("probe_service.x{n}"))
            .into_future()
    });
    for answer in join_all(wrong).await {
        assert!(
            matches!(answer, Err(CallError::NoMethod { .. })),
            "{answer:?}"
        );
    }
    let most = 1 + started.elapsed().as_secs();
    let mut asked = 0;
    while !is_silent_but(&spy, &mut questions, &mut asked).await {}
    assert!((1..=most).contains(&asked), "{asked} of at most {most}");
}

/// Counts a message that is there; returns whether there was none.
async fn is_silent_but(
    nats: &async_nats::Client,
    heard: &mut async_nats::Subscriber,
    count: &mut u64,
) -> bool {
    match is_silent(nats, heard).await {
        true => true,
        false => {
            *count += 1;
            false
        }
    }
}

#[tokio::test]
async fn a_flood_of_wrong_services_costs_ten_questions_a_second() {
    let app = TestApp::start(Probe::default()).await;
    let spy = async_nats::connect(app.url()).await.unwrap();
    let mut questions = spy.subscribe("$SRV.INFO.*").await.unwrap();
    assert!(is_silent(&spy, &mut questions).await);
    let client = app.client();
    let started = Instant::now();
    let wrong = (0..500).map(|n| client.call::<()>(format!("nobody{n}.home")).into_future());
    let answers = join_all(wrong).await;
    let most = 10 * (1 + started.elapsed().as_secs());
    // The spy is a listener that never answers, so nobody knows whether the service is there.
    for answer in answers {
        let answer = answer.unwrap_err();
        assert!(matches!(answer, CallError::Unavailable(_)), "{answer:?}");
        assert_eq!(answer.outcome(), Some(Outcome::NotSent));
    }
    let mut asked = 0;
    while !is_silent_but(&spy, &mut questions, &mut asked).await {}
    assert!((1..=most).contains(&asked), "{asked} of at most {most}");
}

#[tokio::test]
async fn a_question_that_nobody_answers_ends_soon_and_never_past_the_deadline() {
    let app = TestApp::start(Probe::default()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut deaf = nats.subscribe("$SRV.INFO.deaf").await.unwrap();
    assert!(is_silent(&nats, &mut deaf).await);
    for (limit, longest) in [(PATIENCE, 150), (Duration::from_millis(20), 20)] {
        // Another client each time, because the first question's failure is remembered.
        let client = connect(app.url()).await;
        let started = Instant::now();
        let answer = client.call::<()>("deaf.listen").timeout(limit).await;
        let took = started.elapsed();
        assert!(
            matches!(answer, Err(CallError::Unavailable(_))),
            "{answer:?}"
        );
        let slack = Duration::from_millis(100);
        assert!(took < Duration::from_millis(longest) + slack, "{took:?}");
    }
}

#[tokio::test]
async fn what_a_service_answers_becomes_a_kind_and_stays_reachable() {
    let app = TestApp::start(Probe::default()).await;
    let kind = |error: &CallError| match error {
        CallError::Full(_) => "full",
        CallError::Cancelled(_) => "cancelled",
        CallError::Unavailable(_) => "unavailable",
        CallError::Deadline { .. } => "deadline",
        CallError::Service(_) => "service",
        _ => "other",
    };
    for (code, expected) in [
        ("resource_exhausted", "full"),
        ("cancelled", "cancelled"),
        ("unavailable", "unavailable"),
        ("deadline_exceeded", "deadline"),
        ("not_found", "service"),
        ("permission_denied", "service"),
        ("user.gone", "service"),
    ] {
        let call = app.client().call::<()>("probe_service.fail").arg(code);
        let error = call.await.unwrap_err();
        assert_eq!(kind(&error), expected, "{error:?}");
        let reply = error.reply().unwrap();
        assert_eq!(reply.code(), code);
        assert!(reply.request_id().is_some(), "{code}");
        assert_eq!(RpcError::from(error).code(), code);
    }
    let call = app.client().call::<()>("probe_service.find").arg(7);
    let Err(CallError::Service(error)) = call.await else {
        panic!("no such user")
    };
    assert_eq!(error.details().unwrap()["id"], 7);
}

#[tokio::test]
async fn a_deadline_says_how_far_the_call_had_come() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let client = app.client();
    let stage = |answer: Result<(), CallError>| match answer {
        Err(CallError::Deadline { stage, error }) => (stage, error.outcome().unwrap()),
        other => panic!("{other:?}"),
    };
    // Its method is limited to 50 ms, and the caller waits longer.
    let running = client.call::<()>("probe_service.impatient").await;
    assert_eq!(stage(running), (Stage::Running, Outcome::Unknown));

    // The service says so at once, so that it is heard before the caller's own deadline.
    let refused = {
        let headers = support::headers([("Rpc-Timeout", "0")]);
        let answer = app.raw_with_headers("probe_service.nothing", headers, "");
        answer.await.expect_error("deadline_exceeded")
    };
    assert_eq!(refused.outcome(), Some(Outcome::NotSent));

    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut silent = nats.subscribe("silent.method").await.unwrap();
    assert!(is_silent(&nats, &mut silent).await);
    let call = client.call::<()>("silent.method");
    let unanswered = call.timeout(Duration::from_millis(30)).await;
    assert_eq!(stage(unanswered), (Stage::NoAnswer, Outcome::Unknown));
}

#[tokio::test]
async fn what_the_server_does_not_let_out_fails_at_once() {
    let Some(server) = Server::start(
        r#"authorization { users = [
            { user: all, password: all },
            { user: some, password: some, permissions: { publish: { deny: ["probe_service.wait", "secret.>"] } } },
        ] }"#,
    ) else {
        return;
    };
    let listener = async_nats::ConnectOptions::with_user_and_password("all".into(), "all".into());
    let nats = listener.connect(server.url("all", "all")).await.unwrap();
    let _listeners = (
        nats.subscribe("probe_service.*").await.unwrap(),
        nats.subscribe("secret.>").await.unwrap(),
    );
    let client = connect(&server.url("some", "some")).await;
    // A call on a subject that is allowed goes on waiting.
    let allowed = client
        .call::<()>("probe_service.echo")
        .timeout(Duration::from_secs(2))
        .into_future();
    let denied = async {
        eventually("the other call waits", async || client.in_flight() == 1).await;
        let calls = (0..50).map(|n| {
            let subject = match n % 2 {
                0 => "probe_service.wait".to_owned(),
                _ => format!("secret.method{n}"),
            };
            let call = client.call::<()>(subject.clone()).into_future();
            async move { (subject, call.await) }
        });
        let started = Instant::now();
        for (subject, answer) in join_all(calls).await {
            let error = answer.unwrap_err();
            assert!(
                matches!(&error, CallError::PermissionDenied(denied) if *denied == subject),
                "{subject}: {error:?}"
            );
            assert_eq!(error.outcome(), Some(Outcome::NotSent));
            assert_eq!(RpcError::from(error).status(), 403);
        }
        let took = started.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(client.in_flight(), 1);
    };
    let (allowed, ()) = tokio::join!(allowed, denied);
    assert!(
        matches!(
            allowed,
            Err(CallError::Deadline {
                stage: Stage::NoAnswer,
                ..
            })
        ),
        "{allowed:?}"
    );
    assert_eq!(client.in_flight(), 0);
    drop(nats);
}
