//! How large, how many.

use std::time::Duration;

use http_bridge::{Config, Limits};

use crate::support::raw::Connection;
use crate::support::{Setup, post};

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_its_length_is_known_or_not() {
    let setup = Setup::new().await;
    let path = setup.path("echo");
    let two_mib = format!("[\"{}\"]", "x".repeat(2 * 1024 * 1024));

    // Announced: refused without reading it, and the answer survives what is still being sent.
    let answer = setup.send(post(&path, "", &two_mib)).await;
    answer.assert_problem(413, "payload_too_large");
    assert_eq!(answer.header("connection"), Some("close"));

    // Announced, and the client waits to be asked for it: it is not asked.
    let expecting = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2097156\r\n\r\n"
    );
    setup
        .send(expecting)
        .await
        .assert_problem(413, "payload_too_large");

    // Not announced.
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunks: String = two_mib
        .as_bytes()
        .chunks(0x4000)
        .map(|chunk| {
            format!(
                "{:x}\r\n{}\r\n",
                chunk.len(),
                std::str::from_utf8(chunk).unwrap()
            )
        })
        .collect();
    let answer = setup.send(format!("{head}{chunks}0\r\n\r\n")).await;
    answer.assert_problem(413, "payload_too_large");

    // Announced as more than a number can hold.
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551000\r\n\r\n"
    );
    let answer = setup.send(head).await;
    assert!([400, 413].contains(&answer.problem()["status"].as_u64().unwrap()));
    setup.assert_healthy().await;
}

#[tokio::test]
async fn headers_and_body_together_never_exceed_what_nats_takes() {
    let setup = Setup::with_limits(Limits {
        body_bytes: usize::MAX,
        ..Limits::default()
    })
    .await;
    let fits = |length: usize| format!("[\"{}\"]", "x".repeat(length - 4));
    let most = 1024 * 1024;
    // The method answers with an error, which is all that fits beside such a request.
    let answer = setup.send(setup.post("junk", "", &fits(most))).await;
    answer.assert_problem(502, "bad_reply");
    let answer = setup.send(setup.post("junk", "", &fits(most + 1))).await;
    answer.assert_problem(413, "payload_too_large");
    let problem = setup
        .send(setup.post("junk", "X-Request-Id: r1\r\n", &fits(most)))
        .await;
    assert_eq!(
        problem.assert_problem(413, "payload_too_large")["outcome"],
        "not_sent"
    );
    setup.assert_healthy().await;
}

#[tokio::test]
async fn a_body_may_wait_to_be_asked_for() {
    let setup = Setup::new().await;
    let path = setup.path("hello");
    let mut connection = Connection::open(setup.address).await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    );
    assert_eq!(connection.exchange(head).await.status, 100);
    assert_eq!(
        connection.exchange("[[\"Bob\"]]").await.text(),
        "[[\"Hello, Bob\"], {}]"
    );
}

#[tokio::test]
async fn heads_are_bounded_in_bytes_and_number() {
    let setup = Setup::new().await;
    let path = setup.path("hello");
    let many = |count: usize| "X: y\r\n".repeat(count);
    let large = |bytes: usize| format!("X: {}\r\n", "y".repeat(bytes));
    // Beside `Host` and `Content-Length`.
    for (headers, status) in [
        (many(62), 200),
        (many(63), 431),
        (many(200), 431),
        (many(100_000), 431),
        (large(16_000), 200),
        (large(17_000), 431),
        (large(200_000), 431),
        (large(8_000).repeat(100), 431),
    ] {
        let answer = setup.send(post(&path, &headers, "[]")).await;
        assert_eq!(answer.status, status, "{} bytes of headers", headers.len());
        if status == 431 {
            answer.assert_problem(431, "headers_too_large");
        }
        setup.assert_healthy().await;
    }
}

#[tokio::test]
async fn targets_are_bounded() {
    let setup = Setup::new().await;
    for (length, status, code) in [
        (8_000, 404, "not_found"),
        (8_300, 414, "uri_too_long"),
        (20_000, 414, "uri_too_long"),
        // More than hyper reads at all: it cannot tell a long target from long headers.
        (70_000, 431, "headers_too_large"),
    ] {
        let answer = setup
            .send(post(&format!("/{}", "a".repeat(length)), "", "[]"))
            .await;
        answer.assert_problem(status, code);
        let answer = setup
            .send(post(
                &format!("{}?{}", setup.path("nope"), "a".repeat(length)),
                "",
                "[]",
            ))
            .await;
        answer.assert_problem(status, code);
        setup.assert_healthy().await;
    }
}

#[tokio::test]
async fn requests_in_flight_are_bounded_and_probes_are_exempt() {
    let setup = Setup::with_limits(Limits {
        requests_in_flight: 2,
        ..Limits::default()
    })
    .await;
    setup.assert_healthy().await;
    let mut running = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::open(setup.address).await;
        connection.send(setup.post("wait", "", "[]")).await;
        setup.service.arrived.notified().await;
        running.push(connection);
    }
    let answer = setup.send(setup.post("hello", "", "[]")).await;
    assert_eq!(
        answer.assert_problem(503, "unavailable")["outcome"],
        "not_sent"
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    for probe in ["/livez", "/readyz"] {
        assert_eq!(
            setup
                .send(format!("GET {probe} HTTP/1.1\r\n\r\n"))
                .await
                .status,
            200
        );
    }
    setup.service.release.notify_waiters();
    for connection in &mut running {
        assert_eq!(connection.answer().await.unwrap().status, 200);
    }
    setup.assert_healthy().await;
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let setup = Setup::with_limits(Limits {
        requests_in_flight: 1,
        ..Limits::default()
    })
    .await;
    setup.assert_healthy().await;
    for _ in 0..3 {
        let mut connection = Connection::open(setup.address).await;
        connection.send(setup.post("wait", "", "[]")).await;
        setup.service.arrived.notified().await;
        drop(connection);
        // The end of a connection takes a moment to be noticed.
        while setup.send(setup.post("hello", "", "[]")).await.status == 503 {}
    }
    setup.assert_healthy().await;
}

#[tokio::test]
async fn connections_are_bounded() {
    let setup = Setup::with_limits(Limits {
        connections: 3,
        ..Limits::default()
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut connection = Connection::open(setup.address).await;
        assert_eq!(
            connection
                .exchange("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await
                .status,
            200
        );
        open.push(connection);
    }
    let mut refused = Connection::open(setup.address).await;
    let answer = refused.answer().await.unwrap();
    answer.assert_problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(refused.rest().await.is_empty());
    // Those that are open are not touched, and a place that comes free is taken again.
    assert_eq!(
        open[0].exchange(setup.post("hello", "", "[]")).await.status,
        200
    );
    drop(open);
    loop {
        let mut connection = Connection::open(setup.address).await;
        match connection
            .exchange(setup.post("hello", "", "[]"))
            .await
            .status
        {
            503 => {}
            status => break assert_eq!(status, 200),
        }
    }
}

#[tokio::test]
async fn limits_may_be_as_good_as_none() {
    let setup = Setup::with(Config {
        call_timeout: Duration::MAX,
        drain_timeout: Duration::MAX,
        limits: Limits {
            body_bytes: usize::MAX,
            header_bytes: usize::MAX,
            headers: usize::MAX,
            uri_bytes: usize::MAX,
            header_time: Duration::MAX,
            body_time: Duration::MAX,
            idle_time: Duration::MAX,
            connections: usize::MAX,
            connections_per_address: usize::MAX,
            requests_in_flight: usize::MAX,
            http2_streams: u32::MAX,
        },
        ..Config::default()
    })
    .await;
    setup.assert_healthy().await;
    let mut connection = Connection::open(setup.address).await;
    connection.send(setup.post("wait", "", "[]")).await;
    setup.service.arrived.notified().await;
    setup.service.release.notify_one();
    assert_eq!(connection.answer().await.unwrap().status, 200);
}
