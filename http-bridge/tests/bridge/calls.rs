//! Calls that reach a service, and what comes back.

use std::time::Duration;

use http_bridge::Config;
use serde_json::{Value, json};

use crate::support::raw::Connection;
use crate::support::service::Service;
use crate::support::{SOON, Setup, post};

#[tokio::test]
async fn the_bytes_of_the_body_go_there_and_the_bytes_of_the_reply_come_back() {
    let setup = Setup::new().await;
    let answer = setup
        .send(setup.post("hello", "", r#"[["Bob"], {}]"#))
        .await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, r#"[["Hello, Bob"], {}]"#)
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    for body in [
        "",
        "[]",
        " [ [1,  2] , {\"a\" :1}]\n",
        "{\"a\": 1.0, \"a\": 1e400}",
        "null",
        "\"Bob\"",
    ] {
        let answer = setup.send(setup.post("echo", "", body)).await;
        assert_eq!(
            (answer.status, answer.text()),
            (200, &*format!("[[{body}], {{}}]"))
        );
    }
}

#[tokio::test]
async fn a_body_in_pieces_arrives_whole() {
    let setup = Setup::new().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        setup.path("echo")
    );
    let answer = setup
        .send(format!(
            "{head}3\r\n[1,\r\n6;x=y\r\n 2, 3]\r\n0\r\nTrailer: x\r\n\r\n"
        ))
        .await;
    assert_eq!((answer.status, answer.text()), (200, "[[[1, 2, 3]], {}]"));

    let mut connection = Connection::open(setup.address).await;
    for piece in [
        head.as_str(),
        "3\r\n[1,",
        "\r\n1\r\n2\r\n1\r",
        "\n]\r\n0\r\n\r\n",
    ] {
        connection.send(piece).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.answer().await.unwrap().text(), "[[[1,2]], {}]");

    let large = format!("[\"{}\"]", "x".repeat(600_000));
    let answer = setup.send(setup.post("echo", "", &large)).await;
    assert_eq!(
        (answer.status, answer.body.len()),
        (200, large.len() + "[[], {}]".len())
    );
}

#[tokio::test]
async fn one_connection_takes_many_calls_also_before_their_answers() {
    let setup = Setup::new().await;
    let mut connection = Connection::open(setup.address).await;
    for name in ["a", "b"] {
        let answer = connection
            .exchange(setup.post("hello", "", &format!("[[\"{name}\"]]")))
            .await;
        assert_eq!(answer.text(), format!("[[\"Hello, {name}\"], {{}}]"));
    }
    let both = [
        setup.post("hello", "", "[[\"c\"]]"),
        setup.post("hello", "", "[[\"d\"]]"),
    ]
    .concat();
    assert_eq!(
        connection.exchange(both).await.text(),
        "[[\"Hello, c\"], {}]"
    );
    assert_eq!(
        connection.answer().await.unwrap().text(),
        "[[\"Hello, d\"], {}]"
    );
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let setup = Setup::new().await;
    for (given, kept) in [
        ("abc-1", true),
        ("with space", true),
        ("", false),
        ("ümlaut", false),
        (&"x".repeat(129), false),
    ] {
        let answer = setup
            .send(setup.post("hello", &format!("X-Request-Id: {given}\r\n"), ""))
            .await;
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(id == given, kept, "{given:?} became {id:?}");
        assert!(kept || id.len() == 36, "{id}");
    }
}

#[tokio::test]
async fn headers_cross_the_border_by_list_only() {
    let setup = Setup::new().await;
    let seen = async |headers: &str| -> Vec<String> {
        let answer = setup.send(setup.post("headers", headers, "")).await;
        let mut reply: Value = serde_json::from_slice(&answer.body).unwrap();
        serde_json::from_value(reply[0][0].take()).unwrap()
    };
    assert!(
        seen("Nats-Trace-Dest: x\r\nRpc-Sub: root\r\nRpc-Scopes: all\r\nCookie: c\r\n")
            .await
            .is_empty()
    );
    assert_eq!(seen("x-request-id: r1\r\n").await, ["X-Request-Id: r1"]);
    // The default, and what is over it, travels only as what services take for granted anyway.
    assert!(seen("Rpc-Timeout: 30000\r\n").await.is_empty());
    assert!(seen("grpc-timeout: 5M\r\n").await.is_empty());
    let mut short = seen("Rpc-Timeout: 1500\r\nX-Request-Id: r2\r\n").await;
    short.sort();
    assert_eq!(short, ["Rpc-Timeout: 1500", "X-Request-Id: r2"]);
    assert!(
        seen("grpc-timeout: 2S\r\n")
            .await
            .contains(&"Rpc-Timeout: 2000".to_owned())
    );
}

#[tokio::test]
async fn a_service_error_keeps_status_code_message_details_and_id() {
    let setup = Setup::new().await;
    let body = json!([[410, {"code": "user.gone", "message": "user 7 is gone", "details": {"user": 7}, "request_id": "s-1"}]]);
    let answer = setup.send(setup.post("fail", "", &body.to_string())).await;
    assert_eq!(
        answer.problem(),
        json!({
            "type": "/errors#user.gone", "title": "User gone", "status": 410, "detail": "user 7 is gone",
            "instance": setup.path("fail"), "code": "user.gone", "request_id": "s-1", "retryable": false,
            "details": {"user": 7},
        })
    );
    // Services written with other libraries say it in headers only.
    let answer = setup
        .send(setup.post("fail", "", "[[418, \"no object\"]]"))
        .await;
    let problem = answer.assert_problem(418, "unknown");
    assert_eq!(problem["detail"], "went wrong");
    for number in [399, 600] {
        let answer = setup
            .send(setup.post("fail", "", &format!("[[{number}, 0]]")))
            .await;
        answer.assert_problem(500, "unknown");
    }
    for number in [429, 503] {
        let answer = setup
            .send(setup.post("fail", "", &format!("[[{number}, 0]]")))
            .await;
        assert_eq!(answer.header("retry-after"), Some("1"), "{number}");
    }
}

#[tokio::test]
async fn what_does_not_come_back_has_its_own_statuses() {
    let setup = Setup::with(Config {
        call_timeout: Duration::from_millis(200),
        ..Config::default()
    })
    .await;
    let answer = setup.send(setup.post("gone", "", "[]")).await;
    let problem = answer.assert_problem(503, "unavailable");
    assert_eq!(
        (&problem["retryable"], &problem["outcome"]),
        (&json!(true), &json!("not_sent"))
    );
    assert_eq!(answer.header("retry-after"), Some("1"));

    let answer = setup.send(setup.post("never", "", "[]")).await;
    assert_eq!(
        answer.assert_problem(504, "deadline_exceeded")["outcome"],
        "unknown"
    );
    let answer = setup
        .send(setup.post("never", "Rpc-Timeout: 1\r\n", "[]"))
        .await;
    answer.assert_problem(504, "deadline_exceeded");
    let answer = setup
        .send(setup.post("never", "Rpc-Timeout: 0\r\n", "[]"))
        .await;
    assert_eq!(
        answer.assert_problem(504, "deadline_exceeded")["outcome"],
        "not_sent"
    );

    setup
        .send(setup.post("junk", "", "[]"))
        .await
        .assert_problem(502, "bad_reply");
    setup.assert_healthy().await;
}

#[tokio::test]
async fn escapes_that_mean_the_same_are_the_same_path() {
    let setup = Setup::new().await;
    let escaped = setup.path("hello").replace('.', "%2E").replace('h', "%68");
    let answer = setup.send(post(&escaped, "", "[[\"Bob\"]]")).await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, "[[\"Hello, Bob\"], {}]")
    );
    let answer = setup
        .send(post(
            &format!("{}?a=1", setup.path("hello")),
            "",
            "[[\"Bob\"]]",
        ))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_service_that_starts_later_is_found_without_a_restart() {
    let setup = Setup::new().await;
    let late = format!("/test_late_{:016x}.hello", fastrand::u64(..));
    let answer = setup.send(post(&late, "", "[]")).await;
    answer.assert_problem(404, "not_found");
    let name = late[1..].strip_suffix(".hello").unwrap().to_owned();
    let _service = Service::start_as(name, &setup.nats_url).await;
    // The miss is remembered for a second.
    let found = async { while setup.send(post(&late, "", "[]")).await.status == 404 {} };
    tokio::time::timeout(SOON, found)
        .await
        .expect("the service is found");
    assert_eq!(setup.send(post(&late, "", "[]")).await.status, 200);
}
