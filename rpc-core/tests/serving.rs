//! What a caller gets: results, failures, deadlines, and exactly one reply.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::HashSet;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use rpc_core::Code;
use rpc_core::testing::TestApp;
use serde_json::{Value, json};
use support::{PATIENCE, Probe, eventually, headers, is_silent, stats};
use tokio::time::timeout;

fn body(reply: &rpc_core::protocol::WireReply) -> Value {
    serde_json::from_slice(&reply.payload).unwrap()
}

#[tokio::test]
async fn a_call_is_answered_in_the_form_of_the_contract() {
    let app = TestApp::start(Probe::default()).await;
    for (method, payload, reply) in [
        ("echo", r#"[["a"]]"#, r#"[["a!"], {}]"#),
        ("echo", r#"[["a"], {"end": "?"}]"#, r#"[["a?"], {}]"#),
        (
            "echo",
            r#"[[], {"end": "", "text": "b"}]"#,
            r#"[["b"], {}]"#,
        ),
        ("echo", r#"{"text": "c"}"#, r#"[["c!"], {}]"#),
        ("nothing", "", "[[], {}]"),
        ("nothing", "null", "[[], {}]"),
        ("nothing", "[]", "[[], {}]"),
        ("several", "", r#"[[1, "one"], {"exact": true}]"#),
    ] {
        let reply_of = app
            .raw(&format!("probe_service.{method}"), payload)
            .await
            .reply();
        assert_eq!(reply_of.payload, reply, "{method} {payload}");
        assert!(reply_of.headers.is_empty(), "{:?}", reply_of.headers);
    }
}

#[tokio::test]
async fn a_failure_has_the_headers_of_adr_32_and_a_json_body() {
    let app = TestApp::start(Probe::default()).await;
    let request = headers([("X-Request-Id", "r-7")]);
    let reply = app
        .raw_with_headers("probe_service.find", request, "[[7]]")
        .await
        .reply();
    let mut told: Vec<_> = reply.headers.iter().collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("Nats-Service-Error", "not_found: no user 7"),
            ("Nats-Service-Error-Code", "404"),
            ("X-Request-Id", "r-7"),
        ]
    );
    assert_eq!(
        reply.payload,
        r#"{"code":"not_found","message":"no user 7","details":{"id":7},"request_id":"r-7"}"#
    );
}

#[tokio::test]
async fn a_failure_without_a_request_id_gets_one_of_its_own() {
    let app = TestApp::start(Probe::default()).await;
    let too_long = "x".repeat(500);
    let mut ids = HashSet::new();
    for request in [
        headers([]),
        headers([]),
        headers([("x-request-id", &too_long)]),
        headers([("X-Request-Id", "")]),
    ] {
        let reply = app
            .raw_with_headers("probe_service.find", request, "[[7]]")
            .await
            .reply();
        let id = reply.headers.get("X-Request-Id").unwrap();
        assert_eq!(body(&reply)["request_id"], id);
        assert!(id.len() == 36 && ids.insert(id.to_owned()), "{id}");
    }
}

#[tokio::test]
async fn every_code_travels_with_its_number_and_never_with_its_cause() {
    let app = TestApp::start(Probe::default()).await;
    let known = Code::ALL.map(|code| (code.as_str(), code.number(), code.is_retryable()));
    for (code, number, retryable) in known.into_iter().chain([("user.gone", 410, false)]) {
        let answer = app
            .raw("probe_service.fail", format!(r#"[["{code}"]]"#))
            .await;
        let reply = answer.reply();
        assert_eq!(
            reply.headers.get("Nats-Service-Error-Code"),
            Some(&*number.to_string())
        );
        let line = reply.headers.get("Nats-Service-Error").unwrap();
        assert!(
            line.starts_with(code) && line.bytes().all(|b| (b' '..=b'~').contains(&b)),
            "{line}"
        );
        let body = body(&reply);
        assert_eq!(
            (&body["code"], body["retryable"].as_bool().unwrap_or(false)),
            (&json!(code), retryable)
        );
        assert!(!String::from_utf8_lossy(&reply.payload).contains("secret"));
    }
}

#[tokio::test]
async fn a_panic_ends_one_call_and_says_nothing_of_itself() {
    let app = TestApp::start(Probe::default()).await;
    for method in [
        "panic_at_once",
        "panic_later",
        "panic_at_once",
        "panic_later",
    ] {
        let error = app
            .raw(&format!("probe_service.{method}"), "")
            .await
            .expect_error("internal");
        assert!(!error.message().contains("secret"), "{error}");
        app.raw("probe_service.echo", r#"[["a"]]"#)
            .await
            .expect(r#"[["a!"], {}]"#);
    }
    for method in ["panic_at_once", "panic_later"] {
        let stats = stats(app.url(), method).await;
        assert_eq!(
            (&stats["num_errors"], &stats["data"]["panics"]),
            (&json!(2), &json!(2))
        );
        assert_eq!(stats["data"]["in_flight"], 0);
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_refused_with_the_reason() {
    let app = TestApp::start(Probe::default()).await;
    let deep = format!("[[{}{}]]", "[".repeat(5_000), "]".repeat(5_000));
    for (payload, code) in [
        (&b"{"[..], "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b"[[\"\xff\"]]", "malformed_json"),
        (b"[[\"a\"]] x", "malformed_json"),
        (b"[\"a\"]", "bad_envelope"),
        (b"\"a\"", "bad_envelope"),
        (b"[[\"a\"], {}, 3]", "bad_envelope"),
        (b"[[]]", "invalid_argument"),
        (b"[[1]]", "invalid_argument"),
        (b"[[\"a\", \"b\", \"c\"]]", "invalid_argument"),
        (b"[[\"a\"], {\"text\": \"b\"}]", "invalid_argument"),
        (b"[[\"a\"], {\"ned\": \"b\"}]", "invalid_argument"),
        (b"{\"text\": \"a\", \"text\": \"b\"}", "invalid_argument"),
        (deep.as_bytes(), "invalid_argument"),
    ] {
        let answer = app
            .raw("probe_service.echo", Bytes::copy_from_slice(payload))
            .await;
        let error = answer.expect_error(code);
        assert!(!error.message().is_empty());
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_encoded_is_an_opaque_failure() {
    let app = TestApp::start(Probe::default()).await;
    let error = app
        .raw("probe_service.unwritable", "")
        .await
        .expect_error("internal");
    assert!(!error.message().contains("key"), "{error}");
}

#[tokio::test]
async fn a_reply_the_server_would_not_take_says_both_sizes() {
    let app = TestApp::start(Probe::default()).await;
    let limit = app.client().max_payload();
    let overhead = r#"[[""], {}]"#.len();
    let largest = limit - overhead;
    let reply = app
        .raw("probe_service.large", format!("[[{largest}]]"))
        .await
        .reply();
    assert_eq!(reply.payload.len(), limit);
    let request = headers([("X-Request-Id", "r-8")]);
    let payload = format!("[[{}]]", largest + 1);
    let reply = app
        .raw_with_headers("probe_service.large", request, payload)
        .await
        .reply();
    let body = body(&reply);
    assert_eq!(
        (&body["code"], &body["request_id"]),
        (&json!("payload_too_large"), &json!("r-8"))
    );
    let text = body["message"].as_str().unwrap();
    assert!(
        text.contains(&limit.to_string()) && text.contains(&(limit + 1).to_string()),
        "{text}"
    );
    let stats = stats(app.url(), "large").await;
    assert_eq!(
        (&stats["num_requests"], &stats["num_errors"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test]
async fn the_callers_deadline_holds_where_it_is_one() {
    let app = TestApp::start(Probe::default()).await;
    for (value, longest) in [
        ("5000", 5_000),
        ("30001", 30_000),
        ("18446744073709551615", 30_000),
        ("99999999999999999999999", 30_000),
        ("-1", 30_000),
        ("1.5", 30_000),
        ("soon", 30_000),
        ("", 30_000),
    ] {
        let request = headers([("rpc-timeout", value)]);
        let reply = app
            .raw_with_headers("probe_service.context", request, "")
            .await
            .reply();
        let left = body(&reply)[0][0]["left"].as_u64().unwrap();
        assert!(left <= longest && left + 4_000 > longest, "{value}: {left}");
    }
}

#[tokio::test]
async fn a_call_that_comes_too_late_does_not_run() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let request = headers([("Rpc-Timeout", "0")]);
    let answer = app
        .raw_with_headers("probe_service.count", request, "")
        .await;
    let error = answer.expect_error("deadline_exceeded");
    assert!(error.message().contains("before it ran"), "{error}");
    assert_eq!(probe.0.counted.load(SeqCst), 0);
}

#[tokio::test]
async fn a_method_is_dropped_at_its_deadline() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    for (method, request) in [
        ("wait", headers([("Rpc-Timeout", "40")])),
        ("impatient", headers([])),
        ("impatient", headers([("Rpc-Timeout", "9000")])),
    ] {
        let subject = format!("probe_service.{method}");
        let error = app
            .raw_with_headers(&subject, request, "")
            .await
            .expect_error("deadline_exceeded");
        assert!(error.message().contains("while it ran"), "{error}");
        assert_eq!(probe.0.running.load(SeqCst), 0);
    }
}

#[tokio::test]
async fn a_burst_over_limit_and_queue_is_refused_at_once() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let calls = (0..100).map(|_| app.raw("probe_service.narrow", ""));
    let mut calls = join_all(calls);
    let refused = eventually("95 refusals", async || {
        stats(app.url(), "narrow").await["data"]["rejected"] == 95
    });
    tokio::select! {
        _ = &mut calls => panic!("five calls must wait"),
        () = refused => {}
    }
    assert_eq!(probe.0.begun.load(SeqCst), 2);
    probe.0.gate.add_permits(5);
    let mut counts = (0, 0);
    for answer in timeout(PATIENCE, calls).await.unwrap() {
        match answer.reply().error() {
            None => counts.0 += 1,
            Some(error) => {
                assert_eq!(
                    (error.code(), error.is_retryable()),
                    ("resource_exhausted", true)
                );
                assert_eq!(error.status(), 429);
                counts.1 += 1;
            }
        }
    }
    assert_eq!(counts, (5, 95));
    assert_eq!(probe.0.most_running.load(SeqCst), 2);
}

#[tokio::test]
async fn a_call_whose_time_runs_out_in_the_queue_never_runs() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let held = join_all((0..2).map(|_| app.raw("probe_service.narrow", "")));
    let late = async {
        eventually("both slots taken", async || probe.0.begun.load(SeqCst) == 2).await;
        let request = headers([("Rpc-Timeout", "30")]);
        let answer = app
            .raw_with_headers("probe_service.narrow", request, "")
            .await;
        let error = answer.expect_error("deadline_exceeded");
        assert!(error.message().contains("waited"), "{error}");
        probe.0.gate.add_permits(2);
    };
    tokio::join!(held, late);
    assert_eq!(probe.0.begun.load(SeqCst), 2);
}

#[tokio::test]
async fn a_slow_call_does_not_delay_fast_ones() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let slow = join_all((0..50).map(|_| app.raw("probe_service.wait", r#"[["slow"]]"#)));
    let fast = async {
        eventually("the slow calls run", async || {
            probe.0.begun.load(SeqCst) == 50
        })
        .await;
        for _ in 0..100 {
            app.raw("probe_service.echo", r#"[["a"]]"#)
                .await
                .expect(r#"[["a!"], {}]"#);
        }
        assert_eq!(probe.0.running.load(SeqCst), 50);
        probe.0.gate.add_permits(50);
    };
    let (slow, ()) = tokio::join!(slow, fast);
    slow.into_iter()
        .for_each(|answer| answer.expect(r#"[["slow"], {}]"#));
}

#[tokio::test]
async fn a_call_without_a_reply_subject_runs() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    for method in ["count", "panic_at_once", "count"] {
        nats.publish(format!("probe_service.{method}"), "".into())
            .await
            .unwrap();
    }
    eventually("both ran", async || probe.0.counted.load(SeqCst) == 2).await;
}

#[tokio::test]
async fn nobody_makes_a_service_publish_where_he_likes() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut heard = nats.subscribe("orders.>").await.unwrap();
    for subject in ["probe_service.count", "$SRV.PING.probe_service"] {
        nats.publish_with_reply(subject, "orders.new", "".into())
            .await
            .unwrap();
    }
    // On the same connection, so it is received after the ones before it.
    let inbox = nats.new_inbox();
    let mut answered = nats.subscribe(inbox.clone()).await.unwrap();
    nats.publish_with_reply("probe_service.count", inbox, "".into())
        .await
        .unwrap();
    let answer = timeout(PATIENCE, answered.next()).await.unwrap().unwrap();
    assert_eq!(answer.payload, "[[1], {}]");
    assert_eq!(stats(app.url(), "count").await["data"]["rejected"], 1);
    assert!(is_silent(&nats, &mut heard).await);
}

#[tokio::test]
async fn each_of_a_thousand_calls_at_once_gets_one_reply() {
    let app = TestApp::start(Probe::default()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let inbox = nats.new_inbox();
    let mut replies = nats.subscribe(format!("{inbox}.*")).await.unwrap();
    for n in 0..1_000 {
        let (method, payload) = match n % 100 {
            0 => ("panic_at_once", String::new()),
            1 => ("panic_later", String::new()),
            2..20 => ("echo", r#"{"no": 1}"#.to_owned()),
            20..40 => ("find", format!("[[{n}]]")),
            40..60 => ("sleep", format!("[[{}]]", n % 7)),
            _ => ("echo", format!(r#"[["{n}"]]"#)),
        };
        let (subject, reply) = (format!("probe_service.{method}"), format!("{inbox}.{n}"));
        nats.publish_with_reply(subject, reply, payload.into())
            .await
            .unwrap();
    }
    let mut seen = HashSet::new();
    while seen.len() < 1_000 {
        let reply = timeout(PATIENCE, replies.next()).await.unwrap().unwrap();
        assert!(
            seen.insert(reply.subject.to_string()),
            "{} twice",
            reply.subject
        );
    }
    app.raw("probe_service.echo", r#"[["a"]]"#)
        .await
        .expect(r#"[["a!"], {}]"#);
    assert!(is_silent(&nats, &mut replies).await);
}

#[tokio::test]
async fn headers_a_caller_may_send_change_nothing_they_should_not() {
    let app = TestApp::start(Probe::default()).await;
    let long = "x".repeat(10_000);
    for (name, value, code) in [
        ("Content-Type", "application/json", None),
        ("content-type", "Application/JSON; charset=utf-8", None),
        ("Content-Type", "application/msgpack", Some("bad_envelope")),
        ("Content-Type", "text/plain", Some("bad_envelope")),
        ("X-Request-Id", "é \u{2003} ☃", None),
        ("X-Custom", &long, None),
        ("X-Custom", ": : :", None),
        ("Rpc-Depth", "99999999999", None),
        ("Nats-Service-Error-Code", "500", None),
        ("Nats-Service-Error", "no", None),
    ] {
        let answer = app
            .raw_with_headers("probe_service.echo", headers([(name, value)]), r#"[["a"]]"#)
            .await;
        match code {
            None => answer.expect(r#"[["a!"], {}]"#),
            Some(code) => drop(answer.expect_error(code)),
        }
    }
}

#[tokio::test]
async fn a_refusal_is_as_fast_as_an_answer() {
    let app = TestApp::start(Probe::default()).await;
    let started = Instant::now();
    for _ in 0..100 {
        app.raw("probe_service.echo", "{")
            .await
            .expect_error("malformed_json");
    }
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}
