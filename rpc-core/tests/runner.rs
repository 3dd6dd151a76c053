//! What keeps services from starting, and how it is said.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use expect_test::expect;
use rpc_core::prelude::*;
use rpc_core::{Config, ConnectError, RunError};
use support::server::{Server, free_port};
use support::{PATIENCE, Probe, ask};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

struct Twin;

/// Claims a subject of another service.
#[rpc(name = "probe_service")]
impl Twin {
    #[rpc]
    async fn echo(&self) {}
}

struct Quiet;

#[rpc(name = "quiet_service")]
impl Quiet {
    #[rpc]
    async fn nothing(&self) {}
}

fn nowhere() -> Config {
    Config::new("nats://127.0.0.1:1").give_up_after(Duration::ZERO)
}

async fn error(runner: Runner) -> RunError {
    match runner.start().await {
        Ok(_) => panic!("it must not start"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn two_services_cannot_have_one_subject() {
    let error = error(
        Runner::new(nowhere())
            .service(Probe::default())
            .service(Twin),
    )
    .await;
    expect!["subject `probe_service.echo` of `probe_service` is already used by `probe_service`"]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn there_must_be_a_service() {
    let error = error(Runner::new(nowhere())).await;
    expect!["there is nothing to run: add a service with `.service(…)`"]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let config = Config::new("nats://bob:secret@127.0.0.1:1").give_up_after(Duration::ZERO);
    let error = error(Runner::new(config).service(Twin)).await;
    assert!(
        matches!(error, RunError::Connect(ConnectError::Unreachable { .. })),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1:1") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_at_once() {
    for url in ["", " , ", "nats://a:99999"] {
        let error =
            error(Runner::new(Config::new(url).give_up_after(Duration::ZERO)).service(Twin)).await;
        assert!(
            matches!(error, RunError::Connect(ConnectError::Url { .. })),
            "{url}: {error:?}"
        );
    }
}

#[test]
fn the_embedded_broker_says_that_its_port_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = rpc_broker::Config {
        port,
        ..Default::default()
    };
    let error = RunError::from(rpc_broker::EmbeddedBroker::start(config).unwrap_err());
    assert!(matches!(
        error,
        RunError::Broker(rpc_broker::StartError::AddressInUse { .. })
    ));
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn a_contract_that_the_server_would_not_carry_is_said_at_the_start() {
    let config = rpc_broker::Config {
        port: 0,
        max_payload: 4 * 1024,
        ..rpc_broker::Config::default()
    };
    let broker = rpc_broker::EmbeddedBroker::start(config).unwrap();
    let runner = Runner::new(Config::new(&broker.url()));
    let error = error(runner.service(Probe::default())).await.to_string();
    for expected in [
        "did not take the subscriptions of `probe_service`: its INFO has",
        "at most 4096; the largest schemas, in bytes: `unwritable` ",
        "split the service",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn operators_see_which_instances_have_a_connection() {
    let monitor = free_port();
    let Some(server) = Server::start(&format!("http: \"127.0.0.1:{monitor}\"\n")) else {
        return;
    };
    let url = server.open_url();
    let config = Config::new(&url).give_up_after(PATIENCE).name("not this");
    let runner = Runner::new(config).service(Probe::default()).service(Quiet);
    let service = runner.start().await.unwrap();
    let mut instances = Vec::new();
    for name in ["probe_service", "quiet_service"] {
        let ping = ask(&url, &format!("$SRV.PING.{name}"), "").await;
        instances.push(format!("{name}/{}", ping["id"].as_str().unwrap()));
    }
    let connections = get(monitor, "/connz").await;
    assert!(
        connections.contains(&format!("\"name\": \"{}\"", instances.join(","))),
        "{connections}"
    );
    service.stop().await;
}

/// Returns what an HTTP server answers.
async fn get(port: u16, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}
