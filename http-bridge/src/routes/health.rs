//! `GET /livez` and `GET /readyz`: what an orchestrator asks.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use hyper::Response;
use rpc_core::{Client, Code, RpcError};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::edge::Edge;
use crate::problem::Problem;
use crate::routes::{json, read_only};
use crate::stack::Exchange;

/// How long the outcome of a round trip is news: a flood of probes makes two a second.
const FRESH: Duration = Duration::from_millis(500);
/// How long a round trip may take. Probes themselves often wait for one second only.
const PATIENCE: Duration = Duration::from_millis(800);

/// Whether a round trip through NATS succeeded just now.
#[derive(Debug)]
pub(crate) struct Readiness(Mutex<Option<(Instant, bool)>>);

impl Readiness {
    /// Creates a readiness that knows nothing yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Makes a round trip, or shares the last one where that is fresh.
    ///
    /// A connection's state is never taken for an answer: it reads "connected" for seconds after
    /// the server has frozen.
    pub(crate) async fn check(&self, client: &Client) -> bool {
        let mut last = self.0.lock().await;
        match *last {
            Some((at, reached)) if at.elapsed() < FRESH => reached,
            _ => {
                let reached = client.round_trip(PATIENCE).await.is_ok();
                *last = Some((Instant::now(), reached));
                reached
            }
        }
    }
}

/// 200 while the process serves.
pub(crate) fn live(exchange: Exchange<'_>) -> Result<Response<Full<Bytes>>, Problem> {
    read_only(exchange.head, json(r#"{"status": "live"}"#))
}

/// 200 when calls would get through.
pub(crate) async fn ready(exchange: Exchange<'_>) -> Result<Response<Full<Bytes>>, Problem> {
    if matches!(exchange.head.method, Method::GET | Method::HEAD) {
        reachable(exchange.edge).await?;
    }
    read_only(exchange.head, json(r#"{"status": "ready"}"#))
}

async fn reachable(edge: &Edge) -> Result<(), Problem> {
    if edge.draining.is_cancelled() {
        return Err(RpcError::new(Code::Unavailable, "the bridge is stopping").into());
    }
    match edge.readiness.check(&edge.client).await {
        true => Ok(()),
        false => Err(RpcError::new(Code::Unavailable, "NATS does not answer").into()),
    }
}
