//! What the log says of a call that failed, and its caller does not read; and how often.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use rpc_broker::EmbeddedBroker;
use rpc_core::prelude::*;
use rpc_core::testing::call_raw;
use rpc_core::{Config, Runner};

#[derive(Debug, thiserror::Error)]
#[error("the query failed")]
struct QueryFailed(#[source] io::Error);

struct Users;

#[rpc]
impl Users {
    /// Fails because of what failed because of what failed.
    #[rpc]
    async fn get(&self, status: u16) -> Result<u8, RpcError> {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, Rooted);
        let error = RpcError::custom("users.gone", status, "no users now");
        Err(error.with_source(QueryFailed(refused)))
    }
}

/// An error with a cause of its own.
#[derive(Debug)]
struct Rooted;

impl fmt::Display for Rooted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("10.0.0.7:5432 refused the connection")
    }
}

impl Error for Rooted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&fmt::Error)
    }
}

/// Where a test reads what was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Hears what this thread logs while the guard lives.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn lines(&self, with: &str) -> usize {
        let text = self.text();
        text.lines().filter(|line| line.contains(with)).count()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn the_log_has_every_cause_and_the_reply_has_none() {
    for (status, level) in [(503, "ERROR"), (410, "DEBUG")] {
        let log = Log::default();
        let _logging = log.listen();
        let payload = format!("[[{status}]]");
        let error = call_raw(&Arc::new(Users), "get", payload).await;
        let error = error.unwrap_err();

        let line = log.text();
        let causes = format!(
            "cause=the query failed: 10.0.0.7:5432 refused the connection: {}",
            fmt::Error
        );
        assert!(line.contains(level) && line.contains(&causes), "{line}");
        assert!(line.contains(error.request_id().unwrap()), "{line}");
        let read = error.to_json(None);
        assert!(!read.contains("query") && !read.contains("5432"), "{read}");
    }
}

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
