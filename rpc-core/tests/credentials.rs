//! A server withdraws the credentials of a running session, and takes them again.
//!
//! The embedded broker cannot do that, so these tests start real servers, also where `NATS_URL`
//! names one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::{Duration, Instant};

use rpc_core::protocol::Outcome;
use rpc_core::{CallError, Client, Config, Runner};
use support::server::Server;
use support::{PATIENCE, Probe, connect, eventually};

fn password(password: &str) -> String {
    format!("authorization {{ users: [ {{ user: bob, password: \"{password}\" }} ] }}\n")
}

async fn is_served(client: &Client) -> bool {
    let call = client.call::<String>("probe_service.echo").arg("a");
    let answer = call.timeout(Duration::from_secs(1)).await;
    answer.is_ok_and(|text| text == "a!")
}

#[tokio::test]
async fn withdrawn_credentials_fail_calls_at_once_until_they_are_taken_again() {
    let Some(server) = Server::start(&password("old")) else {
        return;
    };
    let url = server.url("bob", "old");
    let runner = Runner::new(Config::new(&url).give_up_after(PATIENCE)).service(Probe::default());
    let service = runner.start().await.unwrap();
    let client = connect(&url).await;
    assert!(is_served(&client).await);

    server.reload(&password("new"));
    let refused = |client: &Client| client.connection_stats().refused_credentials;
    eventually("the session is ended", async || {
        refused(&client) > 1 && refused(service.client()) > 1
    })
    .await;
    // Also the readiness: a round trip, not what a flag says.
    let asked = Instant::now();
    for client in [&client, service.client()] {
        let answer = client.call::<()>("probe_service.nothing").await;
        assert!(
            matches!(answer, Err(CallError::Disconnected(Outcome::NotSent))),
            "{answer:?}"
        );
        let ready = client.round_trip(PATIENCE).await;
        assert!(
            matches!(ready, Err(CallError::Disconnected(_))),
            "{ready:?}"
        );
    }
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );

    server.reload(&password("old"));
    let taken = Instant::now();
    eventually("it serves again", async || is_served(&client).await).await;
    // Tries are at most half a second apart.
    assert!(
        taken.elapsed() < Duration::from_secs(4),
        "{:?}",
        taken.elapsed()
    );
    assert!(service.client().round_trip(PATIENCE).await.is_ok());
    service.stop().await;
}
