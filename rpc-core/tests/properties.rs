//! Any bytes and any headers: no panic, and exactly one reply.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use futures_util::StreamExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use rpc_core::protocol::{Headers, headers};
use rpc_core::testing::{TestApp, call_with_headers};
use support::{PATIENCE, Probe, is_silent, stats};
use tokio::time::timeout;

/// Methods that end by themselves.
const METHODS: [&str; 6] = ["echo", "nothing", "find", "fail", "context", "bytes"];

/// Bytes of every kind: noise, almost JSON, and calls with one piece replaced.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(","),
        Just(":"),
        Just("\""),
        Just("\"text\""),
        Just("null"),
        Just("-1e999"),
        Just("1"),
        Just("\\u0000"),
        Just("\"\\ud800\""),
        Just(" "),
        Just("[[\"a\"], {}]"),
        Just("\"a\""),
    ];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat().into_bytes()),
        ".{0,40}".prop_map(|text| serde_json::json!([[text], {"end": text}])
            .to_string()
            .into_bytes()),
        (0usize..400).prop_map(|depth| [b"[".repeat(depth), b"]".repeat(depth)].concat()),
    ]
}

/// Headers that mean something with values that do not, and others; those that cannot be sent are
/// left out, as they are when they come.
fn any_headers() -> impl Strategy<Value = Headers> {
    let name = prop_oneof![
        Just(headers::TIMEOUT.to_owned()),
        Just(headers::REQUEST_ID.to_owned()),
        Just(headers::CONTENT_TYPE.to_owned()),
        Just(headers::DEPTH.to_owned()),
        Just(headers::ERROR.to_owned()),
        Just(headers::ERROR_CODE.to_owned()),
        Just("traceparent".to_owned()),
        "[!-~]{1,12}",
    ];
    let value = prop_oneof![
        ".{0,30}",
        "[0-9]{1,25}",
        "-?[0-9.e]{1,8}",
        Just("application/json; q".to_owned())
    ];
    prop::collection::vec((name, value), 0..5).prop_map(|pairs| {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.insert(name, value);
        }
        headers
    })
}

fn method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&METHODS[..])
}

#[test]
fn whatever_comes_is_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let service = Arc::new(Probe::default());
    proptest!(ProptestConfig::with_cases(1_000), |(method in method(), headers in any_headers(), payload in payload())| {
        let reply = runtime.block_on(call_with_headers(&service, method, headers, payload));
        match reply {
            Ok(reply) => prop_assert!(serde_json::from_slice::<(Vec<serde_json::Value>, serde_json::Map<_, _>)>(&reply.payload).is_ok()),
            Err(error) => prop_assert!((400..600).contains(&error.status()) && !error.code().is_empty()),
        }
    });
    assert_eq!(service.0.running.load(SeqCst), 0);
}

#[tokio::test]
async fn whatever_comes_over_the_network_is_answered_once() {
    const CALLS: usize = 300;
    let app = TestApp::start(Probe::default()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let inbox = nats.new_inbox();
    let mut replies = nats.subscribe(format!("{inbox}.*")).await.unwrap();
    let mut random = TestRunner::default();
    for n in 0..CALLS {
        let (method, headers, payload) = (method(), any_headers(), payload())
            .new_tree(&mut random)
            .unwrap()
            .current();
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers.iter() {
            if let (Ok(name), Ok(value)) = (
                name.parse::<async_nats::HeaderName>(),
                value.parse::<async_nats::HeaderValue>(),
            ) {
                map.append(name, value);
            }
        }
        let (subject, reply) = (format!("probe_service.{method}"), format!("{inbox}.{n}"));
        nats.publish_with_reply_and_headers(subject, reply, map, payload.into())
            .await
            .unwrap();
    }
    let mut answered = vec![false; CALLS];
    for _ in 0..CALLS {
        let reply = timeout(PATIENCE, replies.next()).await.unwrap().unwrap();
        let n: usize = reply.subject.rsplit('.').next().unwrap().parse().unwrap();
        assert!(!std::mem::replace(&mut answered[n], true), "{n} twice");
    }
    assert!(is_silent(&nats, &mut replies).await);
    for method in METHODS {
        assert_eq!(stats(app.url(), method).await["data"]["panics"], 0);
    }
}
