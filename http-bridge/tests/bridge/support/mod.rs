//! A broker, a service and a bridge, each with names of its own; and a client that sends bytes.

pub mod files;
pub mod raw;
pub mod service;
pub mod tokens;

use std::net::SocketAddr;
use std::time::Duration;

use http_bridge::{Bridge, Config, Limits};
use rpc_broker::EmbeddedBroker;
use rpc_core::Client;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use raw::Answer;
use service::Service;

/// What a test may wait for something that happens at once.
pub const SOON: Duration = Duration::from_secs(10);

/// A running bridge and what is behind it.
pub struct Setup {
    pub address: SocketAddr,
    pub service: Service,
    /// Where `/metrics` is, when it has an address of its own.
    pub metrics: Option<SocketAddr>,
    pub nats_url: String,
    pub broker: Option<rpc_broker::Handle>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Setup {
    pub async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with_limits(limits: Limits) -> Self {
        Self::with(Config {
            limits,
            ..Config::default()
        })
        .await
    }

    /// Starts a bridge like `config`, on a free port.
    pub async fn with(config: Config) -> Self {
        let mut setup = Self::without_bridge().await;
        setup.start(config).await;
        setup
    }

    /// Starts a service, and no bridge yet.
    pub async fn without_bridge() -> Self {
        let (broker, nats_url) = broker();
        let service = Service::start(&nats_url).await;
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            service,
            metrics: None,
            nats_url,
            broker,
            stop: None,
            served: tokio::spawn(async {}),
        }
    }

    /// Starts the bridge of [`without_bridge`](Self::without_bridge).
    pub async fn start(&mut self, config: Config) {
        let client = Client::connect(rpc_core::Config::new(&self.nats_url))
            .await
            .unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let bridge = Bridge::bind(Config { listen, ..config }, client).unwrap();
        self.address = bridge.local_addr();
        self.metrics = bridge.metrics_addr();
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        self.served = tokio::spawn(bridge.serve(async {
            let _ = stopped.await;
        }));
    }

    /// Returns the path of the service's method.
    pub fn path(&self, method: &str) -> String {
        format!("/{}.{method}", self.service.name)
    }

    /// Returns a POST of `body` to the service's method, with more header lines.
    pub fn post(&self, method: &str, headers: &str, body: &str) -> String {
        post(&self.path(method), headers, body)
    }

    /// Sends bytes on a connection of their own and returns the first answer.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        raw::Connection::open(self.address)
            .await
            .exchange(request)
            .await
    }

    /// Asserts that the bridge still answers a good call.
    pub async fn assert_healthy(&self) {
        let answer = self.send(self.post("hello", "", r#"[["Bob"], {}]"#)).await;
        assert_eq!(
            (answer.status, answer.text()),
            (200, r#"[["Hello, Bob"], {}]"#)
        );
    }

    /// Tells the bridge to stop.
    pub fn stop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    /// Drops the bridge as it runs.
    pub async fn abort(&mut self) {
        self.served.abort();
        let _ = (&mut self.served).await;
    }

    /// Waits until the bridge has stopped.
    pub async fn stopped(self) {
        tokio::time::timeout(SOON, self.served)
            .await
            .expect("the bridge stops")
            .unwrap();
    }
}

/// Returns a POST with a correct `Content-Length`.
pub fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Returns a GET.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Starts a broker, unless `NATS_URL` names one.
pub fn broker() -> (Option<rpc_broker::Handle>, String) {
    match std::env::var("NATS_URL") {
        Ok(url) if !url.is_empty() => (None, url),
        _ => {
            let config = rpc_broker::Config {
                port: 0,
                ..rpc_broker::Config::default()
            };
            let broker = EmbeddedBroker::start(config).unwrap();
            let url = broker.url();
            (Some(broker), url)
        }
    }
}
