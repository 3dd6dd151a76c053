//! What a service's user may not do on the NATS server.
//!
//! The embedded broker knows no permissions, so these tests start real servers, also where
//! `NATS_URL` names one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use rpc_core::{Config, RunError, Runner};
use support::server::Server;
use support::{PATIENCE, Probe, connect};

fn users(allowed: &str) -> String {
    format!(
        "authorization {{ users = [
            {{ user: all, password: all }},
            {{ user: some, password: some, permissions: {{ subscribe: [{allowed}] }} }},
        ] }}\n"
    )
}

#[tokio::test]
async fn a_service_that_may_not_hear_cancellations_tries_once() {
    // Each slow call made a refusal, and a line in two logs.
    let allowed = r#""probe_service.*", "$SRV.>", "_INBOX.*", "_INBOX.*.*""#;
    let Some(server) = Server::start(&users(allowed)) else {
        return;
    };
    let config = Config::new(&server.url("some", "some")).give_up_after(PATIENCE);
    let runner = Runner::new(config).service(Probe::default());
    let service = runner.start().await.unwrap();
    let client = connect(&server.url("all", "all")).await;
    let violations = || service.client().connection_stats().permission_violations;
    for _ in 0..5 {
        let call = client.call::<()>("probe_service.sleep").arg(80);
        call.await.unwrap();
        assert!(service.client().round_trip(PATIENCE).await.is_ok());
        assert_eq!(violations(), 1);
    }
    service.stop().await;
}

#[tokio::test]
async fn a_service_that_may_not_subscribe_to_its_methods_does_not_start() {
    let Some(server) = Server::start(&users(r#""$SRV.>", "_INBOX.>""#)) else {
        return;
    };
    let config = Config::new(&server.url("some", "some")).give_up_after(PATIENCE);
    let Err(error) = Runner::new(config).service(Probe::default()).start().await else {
        panic!("it must not start");
    };
    assert!(matches!(error, RunError::Subscribe { .. }), "{error:?}");
    let text = error.to_string();
    for part in ["`probe_service`", "Subscription to \"probe_service."] {
        assert!(text.contains(part), "{text}");
    }
}
