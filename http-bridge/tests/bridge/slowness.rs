//! Clients that take their time. Times are totals, and end with an answer where one can be given.

use std::time::Duration;

use http_bridge::Limits;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, interval};

use crate::support::raw::{Answer, Connection};
use crate::support::{SOON, Setup};

const SHORT: Duration = Duration::from_millis(300);

fn short() -> Limits {
    Limits {
        header_time: SHORT,
        body_time: SHORT,
        idle_time: 3 * SHORT,
        ..Limits::default()
    }
}

/// Sends a byte every now and then until the bridge has had enough.
async fn trickle(connection: &mut Connection, bytes: &[u8]) -> Option<Answer> {
    let mut tick = interval(SHORT / 15);
    let mut bytes = bytes.iter().cycle();
    loop {
        tokio::select! {
            biased;
            readable = connection.stream.readable() => {
                readable.unwrap();
                return connection.answer().await;
            }
            _ = tick.tick() => {
                let _ = connection.stream.write_all(&[*bytes.next().unwrap()]).await;
            }
        }
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let setup = Setup::with_limits(short()).await;
    let mut connection = Connection::open(setup.address).await;
    assert!(connection.answer().await.is_none());
    setup.assert_healthy().await;
}

#[tokio::test]
async fn a_head_that_stops_is_answered_and_closed() {
    let setup = Setup::with_limits(short()).await;
    for start in [
        "P",
        "PRI * HTTP/2.0\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\n",
        "G",
    ] {
        let mut connection = Connection::open(setup.address).await;
        let answer = connection.exchange(start).await;
        answer.assert_problem(408, "request_timeout");
        assert!(connection.rest().await.is_empty(), "{start:?}");
        setup.assert_healthy().await;
    }
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_extend_the_time_for_the_head() {
    let setup = Setup::with_limits(short()).await;
    let began = Instant::now();
    let mut connection = Connection::open(setup.address).await;
    connection
        .send("GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        .await;
    trickle(&mut connection, b"x")
        .await
        .unwrap()
        .assert_problem(408, "request_timeout");
    assert!(began.elapsed() < 10 * SHORT, "{:?}", began.elapsed());

    // Neither does it later on the same connection, where the time counts from the first byte.
    let mut connection = Connection::open(setup.address).await;
    assert_eq!(
        connection
            .exchange(setup.post("hello", "", "[]"))
            .await
            .status,
        200
    );
    connection
        .send("GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        .await;
    trickle(&mut connection, b"x")
        .await
        .unwrap()
        .assert_problem(408, "request_timeout");
    setup.assert_healthy().await;
}

#[tokio::test]
async fn a_body_that_stops_or_trickles_is_answered() {
    let setup = Setup::with_limits(short()).await;
    let path = setup.path("hello");
    let length =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n[");
    let chunked =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut connection = Connection::open(setup.address).await;
    connection
        .exchange(&length)
        .await
        .assert_problem(408, "request_timeout");
    assert!(connection.rest().await.is_empty());

    for (head, bytes) in [(&length, &b" "[..]), (&chunked, b"1\r\n \r\n")] {
        let began = Instant::now();
        let mut connection = Connection::open(setup.address).await;
        connection.send(head).await;
        trickle(&mut connection, bytes)
            .await
            .unwrap()
            .assert_problem(408, "request_timeout");
        assert!(began.elapsed() < 10 * SHORT, "{:?}", began.elapsed());
        setup.assert_healthy().await;
    }
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_a_head_and_is_then_closed() {
    let setup = Setup::with_limits(short()).await;
    let mut connection = Connection::open(setup.address).await;
    let began = Instant::now();
    assert_eq!(
        connection
            .exchange(setup.post("hello", "", "[]"))
            .await
            .status,
        200
    );
    assert!(connection.rest().await.is_empty());
    assert!(began.elapsed() >= 3 * SHORT, "{:?}", began.elapsed());
    setup.assert_healthy().await;
}

#[tokio::test]
async fn a_call_that_takes_longer_than_a_head_or_an_idle_connection_is_not_cut() {
    let setup = Setup::with_limits(Limits {
        idle_time: SHORT,
        ..short()
    })
    .await;
    let mut connection = Connection::open(setup.address).await;
    connection.send(setup.post("wait", "", "[[\"Bob\"]]")).await;
    setup.service.arrived.notified().await;
    // The passing of the time is what is tested here.
    tokio::time::sleep(3 * SHORT).await;
    setup.service.release.notify_one();
    assert_eq!(
        connection.answer().await.unwrap().text(),
        "[[\"Hello, Bob\"], {}]"
    );
}

#[tokio::test]
async fn half_a_request_and_the_end_is_no_request() {
    let setup = Setup::new().await;
    for part in [
        "",
        "P",
        "POST / HT",
        "POST /a.b HTTP/1.1\r\nContent-Length: 9\r\n\r\n[[",
    ] {
        let mut connection = Connection::open(setup.address).await;
        connection.send(part).await;
        connection.stream.shutdown().await.unwrap();
        let rest = connection.rest().await;
        assert!(
            !rest.starts_with(b"HTTP/1.1 2"),
            "{part:?}: {}",
            rest.escape_ascii()
        );
        setup.assert_healthy().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answers_is_closed() {
    let setup = Setup::with_limits(short()).await;
    let mut connection = Connection::open(setup.address).await;
    let request = setup.post("echo", "", &format!("[\"{}\"]", "x".repeat(500_000)));
    // Until the bridge, which answers into full buffers, reads no more, and then resets.
    let ended = async {
        while connection
            .stream
            .write_all(request.as_bytes())
            .await
            .is_ok()
        {}
    };
    tokio::time::timeout(SOON, ended)
        .await
        .expect("the connection is closed");
    setup.assert_healthy().await;
}
