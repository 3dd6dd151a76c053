//! What a client does when nobody answers, too late, or nonsense.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use rpc_core::CallError;
use rpc_core::middleware::TimeoutLayer;
use rpc_core::prelude::*;
use rpc_core::protocol::{Headers, Outcome};
use rpc_core::testing::TestApp;
use serde_json::{Value, json};
use support::{PATIENCE, Probe, connect, eventually, headers, is_silent};

#[tokio::test]
async fn the_first_call_of_a_client_learns_at_once_that_nobody_listens() {
    let app = TestApp::start(Probe::default()).await;
    for _ in 0..10 {
        let client = connect(app.url()).await;
        for _ in 0..3 {
            let started = Instant::now();
            let answer = client.call::<()>("nobody.home").await;
            assert!(
                matches!(&answer, Err(CallError::NoService { service }) if service == "nobody")
            );
            assert!(
                started.elapsed() < Duration::from_millis(500),
                "{:?}",
                started.elapsed()
            );
            let error = RpcError::from(answer.unwrap_err());
            assert_eq!((error.code(), error.is_retryable()), ("unavailable", true));
            assert_eq!(error.outcome(), Some(Outcome::NotSent));
        }
    }
}

#[tokio::test]
async fn a_deadline_ends_the_wait() {
    let app = TestApp::start(Probe::default()).await;
    // A subscriber that never answers, so that the deadline is the client's own.
    let nats = async_nats::connect(app.url()).await.unwrap();
    let _silent = nats.subscribe("silent.method").await.unwrap();
    support::ask(app.url(), "$SRV.PING", "").await;
    let client = app.client();
    for millis in [0, 1, 60, 1_000] {
        let limit = Duration::from_millis(millis);
        eventually("somebody listens", async || {
            let started = Instant::now();
            let answer = client.call::<()>("silent.method").timeout(limit).await;
            let late = started.elapsed().saturating_sub(limit);
            assert!(late < Duration::from_secs(1), "{late:?} late");
            matches!(answer, Err(CallError::Deadline { .. }))
        })
        .await;
    }
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn a_time_limit_past_the_end_of_the_clock_is_no_limit() {
    let app = TestApp::start(Probe::default()).await;
    let call = app.client().call::<String>("probe_service.echo").arg("a");
    assert_eq!(call.timeout(Duration::MAX).await.unwrap(), "a!");
    app.client().round_trip(Duration::MAX).await.unwrap();
}

#[tokio::test]
async fn calls_that_are_given_up_leave_nothing_behind() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let client = app.client();
    for round in 1..=3 {
        let calls =
            join_all((0..100).map(|_| client.call::<String>("probe_service.wait").into_future()));
        let begun = eventually("all run", async || {
            probe.0.begun.load(SeqCst) == 100 * round && client.in_flight() == 100
        });
        tokio::select! {
            _ = calls => panic!("nothing ends them"),
            () = begun => {}
        }
        assert_eq!(client.in_flight(), 0);
    }
    // The late replies find nobody, and harm no other call.
    probe.0.gate.add_permits(300);
    eventually("they end", async || probe.0.running.load(SeqCst) == 0).await;
    for n in 0..300 {
        let text: String = client
            .call("probe_service.echo")
            .arg(n.to_string())
            .await
            .unwrap();
        assert_eq!(text, format!("{n}!"));
    }
}

#[tokio::test]
async fn what_the_server_would_not_take_is_not_sent() {
    let app = TestApp::start(Probe::default()).await;
    let (client, limit) = (app.client(), app.client().max_payload());
    let call = async |headers: Headers, size: usize| {
        let payload = Bytes::from(vec![b' '; size]);
        client
            .request("probe_service.nothing", headers, payload, PATIENCE)
            .await
    };
    call(headers([]), limit).await.unwrap();
    let with = headers([("X-Request-Id", "7")]);
    let room = limit - with.wire_len();
    call(with.clone(), room).await.unwrap();
    for (headers, payload) in [(headers([]), limit + 1), (with, room + 1)] {
        let Err(CallError::TooLarge { size, limit: told }) = call(headers, payload).await else {
            panic!("{payload} bytes are too many")
        };
        assert_eq!((size, told), (limit + 1, limit));
    }
    let argument = "x".repeat(limit);
    let answer = client
        .call::<String>("probe_service.echo")
        .arg(argument)
        .await;
    assert!(matches!(answer, Err(CallError::TooLarge { .. })));
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn subjects_that_name_no_method_are_not_sent() {
    let app = TestApp::start(Probe::default()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut heard = nats.subscribe("a.>").await.unwrap();
    let long = format!("a.{}", "b".repeat(300));
    for subject in [
        "",
        "a",
        ">",
        "*",
        "a.*",
        "a.>",
        "a..b",
        "a.b.",
        "a.\u{a0}b",
        "a.b c",
        "a.b\r\nPUB a.c 0\r\n",
        "$SYS.REQ",
        "_INBOX.x.y",
        "wamp.x",
        &long,
    ] {
        let answer = app.client().call::<()>(subject).await;
        assert!(
            matches!(answer, Err(CallError::InvalidSubject(_))),
            "{subject:?}: {answer:?}"
        );
    }
    assert!(is_silent(&nats, &mut heard).await);
}

#[tokio::test]
async fn an_argument_that_cannot_be_encoded_fails_its_call_only() {
    let app = TestApp::start(Probe::default()).await;
    let unwritable = BTreeMap::from([(vec![1], 1)]);
    let call = app
        .client()
        .call::<String>("probe_service.echo")
        .arg("a")
        .kwarg("end", unwritable);
    assert!(matches!(call.await, Err(CallError::Unencodable(_))));
    let call = app.client().call::<String>("probe_service.echo").arg("a");
    assert_eq!(call.await.unwrap(), "a!");
}

#[tokio::test]
async fn replies_of_strangers_are_judged() {
    let app = TestApp::start(Probe::default()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut calls = nats.subscribe("stranger.*").await.unwrap();
    let error_only = {
        let mut map = async_nats::HeaderMap::new();
        map.insert("Nats-Service-Error-Code", "418");
        map.insert("Nats-Service-Error", "a teapot");
        map
    };
    let stranger = async {
        while let Some(call) = calls.next().await {
            let reply = call.reply.unwrap();
            let payload: &str = match call.subject.as_str() {
                "stranger.nonsense" => "\u{0}\u{1}nonsense",
                "stranger.other" => r#"{"result": 7}"#,
                "stranger.bare" => "7",
                "stranger.text" => r#"[["seven"], {}]"#,
                "stranger.good" => "[[7], {}]",
                "stranger.error" => {
                    nats.publish_with_headers(reply, error_only.clone(), "".into())
                        .await
                        .unwrap();
                    continue;
                }
                _ => "",
            };
            // Twice: the second one finds nobody.
            nats.publish(reply.clone(), payload.into()).await.unwrap();
            nats.publish(reply, payload.into()).await.unwrap();
        }
    };
    let client = app.client();
    let caller = async {
        eventually("the stranger listens", async || {
            client.call::<u64>("stranger.good").await.is_ok()
        })
        .await;
        for subject in ["nonsense", "other", "bare", "text", "empty"] {
            let subject = format!("stranger.{subject}");
            let answer = client.call::<u64>(&subject).await;
            assert!(
                matches!(&answer, Err(CallError::BadReply { .. })),
                "{subject}: {answer:?}"
            );
            assert_eq!(RpcError::from(answer.unwrap_err()).code(), "bad_reply");
        }
        let Err(CallError::Service(error)) = client.call::<u64>("stranger.error").await else {
            panic!("error headers are an error")
        };
        assert_eq!(
            (error.code(), error.status(), error.message()),
            ("unknown", 418, "a teapot")
        );
        assert_eq!(client.call::<u64>("stranger.good").await.unwrap(), 7);
    };
    tokio::select! {
        () = stranger => {}
        () = caller => {}
    }
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn a_thousand_calls_in_flight_find_their_replies() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let client = app.client();
    let calls = join_all((0..1_000).map(|n| {
        client
            .call::<String>("probe_service.wait")
            .arg(n.to_string())
            .into_future()
    }));
    let release = async {
        eventually("all run", async || probe.0.begun.load(SeqCst) == 1_000).await;
        assert_eq!(client.in_flight(), 1_000);
        probe.0.gate.add_permits(1_000);
    };
    let (answers, ()) = tokio::join!(calls, release);
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), n.to_string());
    }
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn a_nested_call_inherits_deadline_request_id_and_depth() {
    let app = TestApp::start(Probe::default()).await;
    let outer = headers([
        ("Rpc-Timeout", "5000"),
        ("X-Request-Id", "r-9"),
        ("Rpc-Depth", "4"),
    ]);
    let payload = r#"[["probe_service.context"]]"#;
    let reply = app
        .raw_with_headers("probe_service.relay", outer, payload)
        .await
        .reply();
    let seen = &serde_json::from_slice::<Value>(&reply.payload).unwrap()[0][0];
    assert_eq!(
        (&seen["request_id"], &seen["depth"]),
        (&json!("r-9"), &json!(5))
    );
    let left = seen["left"].as_u64().unwrap();
    assert!((1_000..=5_000).contains(&left), "{left}");
}

#[tokio::test]
async fn calls_nest_at_most_32_deep() {
    let app = TestApp::start(Probe::default()).await;
    let payload = r#"[["probe_service.context"]]"#;
    for (depth, allowed) in [
        ("31", true),
        ("32", false),
        ("33", false),
        ("4294967295", false),
    ] {
        let request = headers([("Rpc-Depth", depth)]);
        let answer = app
            .raw_with_headers("probe_service.relay", request, payload)
            .await;
        match allowed {
            true => assert!(answer.reply().error().is_none()),
            false => {
                let error = answer.expect_error("failed_precondition");
                assert!(error.message().contains("32"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn the_failure_of_a_nested_call_does_not_say_that_the_outer_one_never_ran() {
    // Passed on as it came, `not_sent` told the caller that repeating the outer call is safe.
    let app = TestApp::start(Probe::default()).await;
    let answer = app.raw("probe_service.relay", r#"[["nobody.home"]]"#).await;
    let error = answer.expect_error("unavailable");
    assert_eq!(error.outcome(), Some(Outcome::Unknown));
}

/// Asks with undecoded bytes from within its calls.
struct Asker;

#[rpc]
impl Asker {
    /// Asks another method and returns what it says.
    #[rpc]
    async fn ask(
        &self,
        context: &Context,
        method: &str,
        own: BTreeMap<String, String>,
    ) -> Result<Value, RpcError> {
        let mut headers = Headers::new();
        for (name, value) in own {
            headers.insert(name, value);
        }
        let payload = Bytes::from_static(b"[[], {}]");
        let client = context.client()?;
        let asked = client.request(method, headers, payload, Duration::MAX);
        let reply = asked.await?;
        match reply.error() {
            None => Ok(reply.result().unwrap()),
            Some(error) => Err(error),
        }
    }

    /// Asks itself without end.
    #[rpc]
    async fn circle(&self, context: &Context) -> Result<Value, RpcError> {
        self.ask(context, "asker.circle", BTreeMap::new()).await
    }

    /// Returns the headers of its call.
    #[rpc]
    async fn headers(&self, context: &Context) -> BTreeMap<String, String> {
        let pairs = context.headers().iter();
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

#[tokio::test]
async fn a_nested_request_inherits_what_a_nested_call_does() {
    let outer = || {
        headers([
            ("X-Request-Id", "outer-1"),
            ("Rpc-Timeout", "5000"),
            ("Rpc-Depth", "4"),
            ("Rpc-Sub", "bob"),
            ("Rpc-Scopes", "a b"),
        ])
    };
    for with_layer in [false, true] {
        let limit = Duration::from_secs(if with_layer { 3 } else { 60 });
        let app = TestApp::run(move |runner| match with_layer {
            true => runner.client_layer(TimeoutLayer::new(limit)).service(Asker),
            false => runner.service(Asker),
        })
        .await;
        let seen = async |own: Value| {
            let payload = json!([["asker.headers", own], {}]).to_string();
            let answer = app.raw_with_headers("asker.ask", outer(), payload).await;
            answer.reply().result::<Value>().unwrap()
        };
        let inherited = seen(json!({})).await;
        let text = |seen: &Value, name: &str| seen[name].as_str().unwrap_or("none").to_owned();
        for (name, value) in [
            ("X-Request-Id", "outer-1"),
            ("Rpc-Depth", "5"),
            ("Rpc-Sub", "bob"),
            ("Rpc-Scopes", "a b"),
        ] {
            assert_eq!(text(&inherited, name), value, "{name}: {inherited}");
        }
        assert!(
            text(&inherited, "Rpc-Caller").starts_with("asker/"),
            "{inherited}"
        );
        // A header of the request's own counts, apart from a deadline that is past the call's or a
        // layer's.
        let longest = limit.min(Duration::from_secs(5)).as_millis();
        for (own, expected) in [("100", 100..=100), ("60000", 1_000..=longest)] {
            let own = json!({ "rpc-timeout": own, "Rpc-Sub": "eve", "X-Request-Id": "own" });
            let seen = seen(own).await;
            let timeout = text(&seen, "Rpc-Timeout").replace("none", &text(&seen, "rpc-timeout"));
            assert!(expected.contains(&timeout.parse().unwrap()), "{seen}");
            assert_eq!(text(&seen, "X-Request-Id"), "own");
            // Bob's scopes are not Eve's.
            assert_eq!(
                (text(&seen, "Rpc-Sub"), text(&seen, "Rpc-Scopes")),
                ("eve".into(), "none".into())
            );
        }
    }
}

/// Services that ask each other in a circle used to go on until their deadline.
#[tokio::test]
async fn a_circle_of_requests_ends_at_the_depth_limit() {
    let app = TestApp::start(Asker).await;
    let answer = app.raw("asker.circle", "").await;
    let error = answer.expect_error("failed_precondition");
    assert!(error.message().contains("32 deep"), "{error}");
}

#[tokio::test]
async fn a_timeout_layer_shortens_a_deadline_that_the_request_has_already() {
    let app = TestApp::start(Asker).await;
    let client = app
        .client()
        .clone()
        .layer(TimeoutLayer::new(Duration::from_secs(2)));
    let own = headers([("rpc-timeout", "20000")]);
    let asked = client.request("asker.headers", own, Bytes::new(), Duration::from_secs(20));
    let seen: BTreeMap<String, String> = asked.await.unwrap().result().unwrap();
    let all: Vec<_> = seen.iter().collect();
    let [(name, millis)] = all[..] else {
        panic!("expected one header, got: {seen:?}");
    };
    assert_eq!(name, "Rpc-Timeout");
    assert!(
        (1_000..=2_000).contains(&millis.parse().unwrap()),
        "{seen:?}"
    );
}

/// Of a subject that was too long, the scopes used to travel on alone.
#[tokio::test]
async fn a_subject_and_its_scopes_are_handed_down_together_or_not_at_all() {
    let app = TestApp::start(Asker).await;
    let (short, long_subject, long_scopes) = ("a", "s".repeat(1_025), "s".repeat(4_097));
    for (subject, scopes, handed_down) in [
        (short, short, true),
        (&*"s".repeat(1_024), &*"s".repeat(4_096), true),
        (&*long_subject, short, false),
        (short, &*long_scopes, false),
    ] {
        let outer = headers([("Rpc-Sub", subject), ("Rpc-Scopes", scopes)]);
        let payload = r#"[["asker.headers", {}]]"#;
        let answer = app.raw_with_headers("asker.ask", outer, payload).await;
        let seen: BTreeMap<String, String> = answer.reply().result().unwrap();
        let expected = handed_down.then(|| (subject.to_owned(), scopes.to_owned()));
        let pair = seen
            .get("Rpc-Sub")
            .cloned()
            .zip(seen.get("Rpc-Scopes").cloned());
        assert_eq!(pair, expected);
        assert_eq!(
            seen.contains_key("Rpc-Sub"),
            seen.contains_key("Rpc-Scopes")
        );
    }
}
