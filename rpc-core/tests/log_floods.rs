//! How often the log says one thing: a flood of mistakes is a few lines.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;

use rpc_broker::EmbeddedBroker;
use rpc_core::prelude::*;
use rpc_core::{Config, Runner};
use support::log::Log;

fn broker() -> rpc_broker::Handle {
    let config = rpc_broker::Config {
        port: 0,
        ..Default::default()
    };
    EmbeddedBroker::start(config).unwrap()
}

struct Flooded;

#[rpc]
impl Flooded {
    #[event_handler("flood.came", limit = 1, queue = 0)]
    async fn hear(&self) {
        std::future::pending::<()>().await;
    }

    #[rpc]
    async fn nothing(&self) {}
}

#[tokio::test]
async fn a_flood_of_mistakes_is_a_few_lines() {
    // Each of them was a line.
    let log = Log::default();
    let _logging = log.listen();
    let broker = broker();
    let runner = Runner::new(Config::new(&broker.url())).service(Flooded);
    // On this thread, where the log is heard.
    let service = runner.start().await.unwrap();
    let nats = async_nats::connect(broker.url()).await.unwrap();
    for _ in 0..101 {
        nats.publish("flood.came", "".into()).await.unwrap();
    }
    for _ in 0..100 {
        let reply = "orders.new".to_owned();
        let sent = nats.publish_with_reply("flooded.nothing", reply, "".into());
        sent.await.unwrap();
    }
    nats.flush().await.unwrap();
    // What is answered comes after them.
    let dropped = || service.entrypoints()[0].dropped;
    let started = std::time::Instant::now();
    while dropped() < 100 || log.lines("is no inbox") < 7 {
        assert!(started.elapsed().as_secs() < 15, "{} dropped", dropped());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let client = service.client();
    client.call::<()>("flooded.nothing").await.unwrap();
    assert_eq!(log.lines("event dropped"), 7, "{}", log.text());
    assert_eq!(log.lines("is no inbox"), 7, "{}", log.text());
    assert_eq!(log.lines("event failed"), 0, "{}", log.text());
    service.abort().await;
}

struct Endless(Arc<tokio::sync::Notify>);

#[rpc]
impl Endless {
    #[timer("1h", eager)]
    async fn wait(&self) {
        self.0.notify_one();
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_tick_that_is_cut_short_has_no_empty_request_id() {
    let log = Log::default();
    let _logging = log.listen();
    let begun = Arc::<tokio::sync::Notify>::default();
    let broker = broker();
    let runner = Runner::new(Config::new(&broker.url())).service(Endless(begun.clone()));
    let service = runner.start().await.unwrap();
    begun.notified().await;
    service.abort().await;
    let text = log.text();
    let mut lines = text.lines();
    let line = lines.find(|line| line.contains("tick failed")).unwrap();
    assert!(line.contains("endless.wait"), "{line}");
    assert!(!line.contains("request_id"), "{line}");
}
