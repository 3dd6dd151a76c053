//! Stopping without losing what runs.

use std::time::Duration;

use http_bridge::{Config, Limits};
use tokio::net::TcpStream;

use crate::support::raw::Connection;
use crate::support::{Setup, post};

#[tokio::test]
async fn running_calls_finish_idle_connections_close_and_nobody_new_comes_in() {
    let mut setup = Setup::new().await;
    let mut idle = Connection::open(setup.address).await;
    assert_eq!(
        idle.exchange(setup.post("hello", "", "[]")).await.status,
        200
    );
    let mut silent = Connection::open(setup.address).await;
    let mut running = Vec::new();
    for number in 0..20 {
        let mut connection = Connection::open(setup.address).await;
        connection
            .send(setup.post("wait", "", &format!("[[\"{number}\"]]")))
            .await;
        setup.service.arrived.notified().await;
        running.push(connection);
    }
    setup.stop();
    assert!(idle.rest().await.is_empty());
    assert!(silent.rest().await.is_empty());
    while TcpStream::connect(setup.address).await.is_ok() {}
    setup.service.release.notify_waiters();
    for (number, connection) in running.iter_mut().enumerate() {
        let answer = connection.answer().await.unwrap();
        assert_eq!(answer.text(), format!("[[\"Hello, {number}\"], {{}}]"));
        assert!(connection.rest().await.is_empty());
    }
    setup.stopped().await;
}

#[tokio::test]
async fn what_runs_longer_than_the_drain_is_cut() {
    let drain_timeout = Duration::from_millis(100);
    let mut setup = Setup::with(Config {
        drain_timeout,
        ..Config::default()
    })
    .await;
    let mut connection = Connection::open(setup.address).await;
    connection.send(setup.post("never", "", "[]")).await;
    setup.assert_healthy().await;
    setup.stop();
    assert!(connection.answer().await.is_none());
    setup.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_request_that_was_taken_is_answered() {
    let mut setup = Setup::new().await;
    setup.assert_healthy().await;
    let (address, path) = (setup.address, setup.path("hello"));
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let mut answered = 0;
                while let Some(mut connection) = Connection::open_if_possible(address).await {
                    // Whoever reads `connection: close` knows that the next request needs another.
                    loop {
                        connection.send(post(&path, "", "[[\"Bob\"]]")).await;
                        let Some(answer) = connection.answer().await else {
                            break;
                        };
                        assert_eq!(
                            (answer.status, answer.text()),
                            (200, "[[\"Hello, Bob\"], {}]")
                        );
                        answered += 1;
                        if answer.header("connection") == Some("close") {
                            break;
                        }
                    }
                }
                answered
            })
        })
        .collect();
    for _ in 0..50 {
        setup.assert_healthy().await;
    }
    setup.stop();
    setup.stopped().await;
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_head_that_stops_does_not_hold_up_the_drain() {
    let limits = Limits {
        header_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let mut setup = Setup::with_limits(limits).await;
    let mut connection = Connection::open(setup.address).await;
    assert_eq!(
        connection
            .exchange(setup.post("hello", "", "[]"))
            .await
            .status,
        200
    );
    let mut slow = Connection::open(setup.address).await;
    slow.send("POST / HTTP/1.1\r\nHost: ").await;
    setup.assert_healthy().await;
    setup.stop();
    slow.answer()
        .await
        .unwrap()
        .assert_problem(408, "request_timeout");
    setup.stopped().await;
}

#[tokio::test]
async fn a_bridge_that_is_dropped_closes_its_connections() {
    let mut setup = Setup::new().await;
    let mut idle = Connection::open(setup.address).await;
    assert_eq!(
        idle.exchange(setup.post("hello", "", "[]")).await.status,
        200
    );
    setup.abort().await;
    assert!(idle.rest().await.is_empty());
}
