//! Repeats with an `Idempotency-Key`.

use std::time::Duration;

use http_bridge::{Auth, Config, Idempotency, KeySource};

use crate::support::files::File;
use crate::support::raw::{Answer, Connection};
use crate::support::tokens::{AUDIENCE, ISSUER, Issuer};
use crate::support::{SOON, Setup};

async fn call(setup: &Setup, method: &str, key: &str, body: &str) -> Answer {
    let headers = format!("Idempotency-Key: {key}\r\n");
    setup.send(setup.post(method, &headers, body)).await
}

#[tokio::test]
async fn a_repeat_gets_the_first_reply_and_runs_nothing() {
    let setup = Setup::new().await;
    let first = call(&setup, "count", "k1", "[[1]]").await;
    assert_eq!(first.status, 200);
    for key in ["k1", "\"k1\""] {
        let again = call(&setup, "count", key, "[[1]]").await;
        assert_eq!((again.status, again.text()), (200, first.text()), "{key}");
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    }
    // Another key, another method, no key: other calls.
    assert_ne!(
        call(&setup, "count", "k2", "[[1]]").await.text(),
        first.text()
    );
    assert_eq!(
        call(&setup, "hello", "k1", "[[\"Bob\"]]").await.text(),
        r#"[["Hello, Bob"], {}]"#
    );
    let bare = setup.send(setup.post("count", "", "[[1]]")).await;
    assert_ne!(bare.text(), first.text());
    // The service learns the key, and may keep it for longer.
    let told = call(&setup, "headers", "k3", "[]").await;
    assert!(told.text().contains("Idempotency-Key: k3"), "{told:?}");
}

#[tokio::test]
async fn a_key_belongs_to_one_body() {
    let setup = Setup::new().await;
    let first = call(&setup, "count", "k", "[[1]]").await;
    for body in ["[[2]]", "[[1] ]", "[]", ""] {
        let answer = call(&setup, "count", "k", body).await;
        let problem = answer.assert_problem(422, "invalid_argument");
        assert!(
            problem["detail"].as_str().unwrap().contains("another body"),
            "{problem}"
        );
    }
    assert_eq!(
        call(&setup, "count", "k", "[[1]]").await.text(),
        first.text()
    );
}

#[tokio::test]
async fn while_the_first_runs_a_repeat_is_told_so_even_when_its_client_has_left() {
    let setup = Setup::new().await;
    let request = setup.post("wait", "Idempotency-Key: k\r\n", "[[\"Bob\"]]");
    let mut first = Connection::open(setup.address).await;
    first.send(&request).await;
    setup.service.arrived.notified().await;
    let answer = setup.send(&request).await;
    let problem = answer.assert_problem(409, "aborted");
    assert_eq!(problem["retryable"], true);
    assert_eq!(answer.header("retry-after"), Some("1"));

    // The client gives up, but its call does not: the repeat wants to know how it ended.
    drop(first);
    tokio::time::sleep(Duration::from_millis(300)).await;
    setup.send(&request).await.assert_problem(409, "aborted");
    setup.service.release.notify_one();
    let repeated = tokio::time::timeout(SOON, async {
        loop {
            let answer = setup.send(&request).await;
            if answer.status != 409 {
                return answer;
            }
        }
    });
    let repeated = repeated.await.expect("the first call ends");
    assert_eq!(
        (repeated.status, repeated.text()),
        (200, r#"[["Hello, Bob"], {}]"#)
    );
}

#[tokio::test]
async fn failures_are_kept_when_a_repeat_would_end_the_same() {
    let setup = Setup::new().await;
    for (status, code, is_kept) in [
        (404, "not_found", true),
        (410, "thing.gone", true),
        (422, "invalid_argument", true),
        (409, "aborted", false),
        (429, "resource_exhausted", false),
        (500, "internal", false),
        (503, "unavailable", false),
    ] {
        let error = format!("[[{status}, {{\"code\": \"{code}\", \"message\": \"no\"}}]]");
        let key = format!("k{status}");
        let first = call(&setup, "fail", &key, &error).await;
        first.assert_problem(status, code);
        // Under another body the key is taken, or free.
        let other = call(
            &setup,
            "fail",
            &key,
            "[[410, {\"code\": \"x\", \"message\": \"x\"}]]",
        )
        .await;
        match is_kept {
            true => drop(other.assert_problem(422, "invalid_argument")),
            false => drop(other.assert_problem(410, "x")),
        }
        let again = call(&setup, "fail", &key, &error).await;
        match is_kept {
            true => drop(again.assert_problem(status, code)),
            false => drop(again.assert_problem(422, "invalid_argument")),
        }
    }
    // What never reached a service takes no key.
    for (method, body, status) in [
        ("nope", "[]", 404),
        ("gone", "[]", 503),
        ("count", "not json", 400),
    ] {
        assert_eq!(call(&setup, method, "k", body).await.status, status);
    }
    assert_eq!(call(&setup, "count", "k", "[]").await.status, 200);
}

#[tokio::test]
async fn a_key_is_one_short_text() {
    let setup = Setup::new().await;
    let long = "k".repeat(256);
    for headers in [
        "Idempotency-Key:\r\n".to_owned(),
        "Idempotency-Key: \"\"\r\n".to_owned(),
        format!("Idempotency-Key: {long}\r\n"),
        "Idempotency-Key: a\r\nIdempotency-Key: a\r\n".to_owned(),
        "Idempotency-Key: \u{e9}\r\n".to_owned(),
    ] {
        let answer = setup.send(setup.post("count", &headers, "[]")).await;
        answer.assert_problem(400, "bad_request");
    }
    assert_eq!(call(&setup, "count", &long[1..], "[]").await.status, 200);
}

#[tokio::test]
async fn callers_with_tokens_have_keys_of_their_own() {
    let issuer = Issuer::new();
    let keys = File::new("keys.json", issuer.jwks().to_string());
    let auth = Auth::new(KeySource::File(keys.path().into()), ISSUER, AUDIENCE);
    let setup = Setup::with(Config {
        auth: Some(auth),
        ..Config::default()
    })
    .await;
    let call = async |subject: &str| {
        let token = issuer.good(subject, "");
        let headers = format!("Authorization: Bearer {token}\r\nIdempotency-Key: k\r\n");
        let answer = setup.send(setup.post("count", &headers, "[]")).await;
        answer.text().to_owned()
    };
    let bobs = call("bob").await;
    assert_ne!(call("eve").await, bobs);
    assert_eq!(call("bob").await, bobs);
}

#[tokio::test]
async fn without_time_nothing_is_kept() {
    let setup = Setup::with(Config {
        idempotency: Idempotency {
            time: Duration::ZERO,
            ..Idempotency::default()
        },
        ..Config::default()
    })
    .await;
    let first = call(&setup, "count", "k", "[]").await;
    assert_ne!(call(&setup, "count", "k", "[]").await.text(), first.text());
}
