//! Every failure that docs/wire.md lists, from a real process: code, number, headers and body.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use rpc_core::protocol::{Headers, Outcome, WireReply, headers};
use rpc_core::{Client, Code, RpcError};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::cluster::{Cluster, PATIENCE, connect, eventually};
use crate::load::{Ended, report};
use crate::on_both_servers;
use crate::servers::Server;

on_both_servers!(each_failure_is_what_the_contract_says);

/// A call and how it must fail.
struct Row {
    method: &'static str,
    header: Option<(&'static str, &'static str)>,
    payload: String,
    code: String,
    number: u16,
    outcome: Option<Outcome>,
    message: &'static str,
}

impl Row {
    fn new(
        method: &'static str,
        payload: impl ToString,
        code: Code,
        message: &'static str,
    ) -> Self {
        Self {
            method,
            header: None,
            payload: payload.to_string(),
            code: code.to_string(),
            number: code.number(),
            outcome: None,
            message,
        }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }
}

fn rows() -> Vec<Row> {
    let mut rows: Vec<_> = Code::ALL
        .into_iter()
        .map(|code| Row::new("fail", json!([[code.as_str(), "as told"]]), code, "as told"))
        .collect();
    let own = Row::new(
        "fail",
        json!([["probe.own", "as told"]]),
        Code::Unknown,
        "as told",
    );
    rows.push(Row {
        code: "probe.own".to_owned(),
        number: 418,
        ..own
    });
    rows.extend([
        Row::new("echo", "[[7", Code::MalformedJson, ""),
        Row::new("echo", "\"seven\"", Code::BadEnvelope, ""),
        Row::new("echo", "[[7]]", Code::BadEnvelope, "text/csv").header("Content-Type", "text/csv"),
        Row::new("echo", "[[]]", Code::InvalidArgument, "value"),
        Row::new(
            "echo",
            r#"{"valeu": 7}"#,
            Code::InvalidArgument,
            "did you mean",
        ),
        Row::new("sleep", r#"[["long"]]"#, Code::InvalidArgument, "ms"),
        Row::new("panic", r#"[["the secret is 42"]]"#, Code::Internal, "log"),
        Row::new("unencodable", "", Code::Internal, "could not be encoded"),
        Row::new("big", "[[2000000]]", Code::PayloadTooLarge, "1048576"),
        Row::new("nested", "[[40]]", Code::FailedPrecondition, "32"),
        Row::new("echo", "[[7]]", Code::DeadlineExceeded, "before it ran")
            .header(headers::TIMEOUT, "0")
            .outcome(Outcome::NotSent),
        Row::new("sleep", "[[60000]]", Code::DeadlineExceeded, "while it ran")
            .header(headers::TIMEOUT, "30")
            .outcome(Outcome::Unknown),
    ]);
    rows
}

async fn each_failure_is_what_the_contract_says(server: Server) {
    let _cluster = Cluster::start(&server.url(), 1);
    let client = connect(&server.url()).await;
    let mut calls = Vec::new();
    for row in rows() {
        let mut sent = Headers::new();
        sent.insert(headers::REQUEST_ID, "r-7");
        if let Some((name, value)) = row.header {
            sent.insert(name, value);
        }
        let subject = format!("probe_service.{}", row.method);
        let started = Instant::now();
        let reply = client
            .request(&subject, sent, row.payload.clone().into(), PATIENCE)
            .await;
        calls.push(Ended {
            key: subject,
            took: started.elapsed(),
            error: None,
        });
        check(&row, &reply.unwrap());
    }
    report(
        "failure table",
        server.name(),
        &calls,
        "every reply as the contract says",
    );
    what_never_becomes_a_reply(&client).await;
    a_full_method_refuses_at_once(&client).await;
    a_call_that_is_given_up_is_cancelled(&server.url()).await;
    // After all that it serves as before.
    let call = client.call::<String>("probe_service.hash_password");
    assert_eq!(call.arg("secret").await.unwrap().len(), 32);
    let depth: u32 = client.call("probe_service.nested").arg(5).await.unwrap();
    assert_eq!(depth, 5);
}

/// Compares headers and body of a reply with what is expected.
fn check(row: &Row, reply: &WireReply) {
    let body: Value = serde_json::from_slice(&reply.payload).unwrap();
    let of = format!("{} {}: {body}", row.method, row.payload);
    assert_eq!(body["code"], row.code, "{of}");
    assert_eq!(body["request_id"], "r-7", "{of}");
    let message = body["message"].as_str().unwrap();
    assert!(message.contains(row.message), "{of}");
    assert!(!body.to_string().contains("secret"), "{of}");
    let retryable = ["unavailable", "resource_exhausted"].contains(&&*row.code);
    assert_eq!(body["retryable"] == true, retryable, "{of}");

    let number = reply.headers.get(headers::ERROR_CODE);
    assert_eq!(number, Some(&*row.number.to_string()), "{of}");
    let line = reply.headers.get(headers::ERROR).unwrap();
    assert!(line.starts_with(&format!("{}: ", row.code)), "{line}");
    assert_eq!(reply.headers.get(headers::REQUEST_ID), Some("r-7"), "{of}");

    let error = reply.error().unwrap();
    assert_eq!((error.code(), error.status()), (&*row.code, row.number));
    assert_eq!(error.outcome(), row.outcome, "{of}");
}

/// The failures that the caller's side notices, and what they are to a caller further up.
async fn what_never_becomes_a_reply(client: &Client) {
    let too_large = "x".repeat(2_000_000);
    let expected = |error: RpcError, code: Code, outcome| {
        let text = format!("{error:?}");
        assert_eq!(
            (error.code(), error.outcome()),
            (code.as_str(), Some(outcome)),
            "{text}"
        );
        assert_eq!(error.status(), code.number(), "{text}");
    };
    let call = async |subject: &str, value: &str| {
        let call = client.call::<u8>(subject).arg(value);
        let answer = call.timeout(Duration::from_millis(100)).await;
        RpcError::from(answer.unwrap_err())
    };
    let not_sent = Outcome::NotSent;
    let unknown = call("probe_service.nobody", "").await;
    // Not there, or known not to exist: that depends on whether discovery was asked.
    assert!(["not_found", "unavailable"].contains(&unknown.code()));
    assert_eq!(unknown.outcome(), Some(not_sent));
    expected(call("nobody.at_all", "").await, Code::Unavailable, not_sent);
    expected(call("not a subject", "").await, Code::NotFound, not_sent);
    expected(
        call("probe_service.echo", &too_large).await,
        Code::PayloadTooLarge,
        not_sent,
    );
    expected(
        call("probe_service.echo", "text").await,
        Code::BadReply,
        Outcome::Unknown,
    );
    let sleep = client.call::<()>("probe_service.sleep").arg(60_000);
    let error = sleep.timeout(Duration::from_millis(50)).await.unwrap_err();
    expected(error.into(), Code::DeadlineExceeded, Outcome::Unknown);
}

/// Eight run and three wait; the others are refused while those still run.
async fn a_full_method_refuses_at_once(client: &Client) {
    let calls = (0..20).map(async |number| {
        let call = client.call::<u64>("probe_service.count_few");
        let started = Instant::now();
        let key = format!("few-{number}");
        let answer = call.arg(key).arg(400).timeout(PATIENCE).await;
        (answer, started.elapsed())
    });
    let mut refused = 0;
    for (answer, took) in join_all(calls).await {
        let Err(error) = answer else { continue };
        let error = RpcError::from(error);
        let full = (
            error.code(),
            error.status(),
            error.is_retryable(),
            error.outcome(),
        );
        let expected = ("resource_exhausted", 429, true, Some(Outcome::NotSent));
        assert_eq!(full, expected, "{error}");
        assert!(took < Duration::from_millis(300), "{took:?}");
        refused += 1;
    }
    assert_eq!(refused, 20 - 8 - 3);
}

/// The caller says so in the way that docs/wire.md describes, as one in another language would.
async fn a_call_that_is_given_up_is_cancelled(url: &str) {
    let nats = async_nats::connect(url).await.unwrap();
    let reply = nats.new_inbox();
    let mut replies = nats.subscribe(reply.clone()).await.unwrap();
    let payload = Bytes::from("[[60000]]");
    let sent = nats.publish_with_reply("probe_service.sleep", reply.clone(), payload);
    sent.await.unwrap();
    let mut answer = None;
    eventually("it is cancelled", async || {
        sleep(Duration::from_millis(100)).await;
        let given_up = format!("{reply}.c");
        nats.publish(given_up, Bytes::new()).await.unwrap();
        answer = timeout(Duration::from_millis(100), replies.next())
            .await
            .ok();
        answer.is_some()
    })
    .await;
    let answer = answer.flatten().unwrap();
    let number = answer
        .headers
        .as_ref()
        .and_then(|headers| headers.get(headers::ERROR_CODE));
    assert_eq!(number.map(|value| value.as_str()), Some("499"));
    let body: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(body["code"], "cancelled", "{body}");
    assert_eq!(body["outcome"], "unknown", "{body}");
}
