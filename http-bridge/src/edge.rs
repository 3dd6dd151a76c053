//! What all connections of one bridge share.

use std::sync::Arc;

use rpc_core::protocol::Outcome;
use rpc_core::{Catalog, Client, Code, RpcError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::auth::Gate;
use crate::config::{Config, ConfigError};
use crate::idempotency;
use crate::layers::rate_limit::RateLimiter;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::routes::health::Readiness;
use crate::routes::openapi;
use crate::routes::rest::table::Routes;

/// The state of a bridge.
pub(crate) struct Edge {
    pub(crate) config: Config,
    pub(crate) client: Client,
    pub(crate) catalog: Catalog,
    pub(crate) readiness: Readiness,
    /// The routes that methods have of their own.
    pub(crate) routes: Routes,
    /// What `/openapi.json` answers.
    pub(crate) openapi: openapi::Described,
    pub(crate) gate: Option<Gate>,
    /// Replies for repeats, where they are kept.
    pub(crate) idempotency: Option<Arc<idempotency::Store>>,
    pub(crate) metrics: Option<Arc<Metrics>>,
    pub(crate) rate_limiter: Option<RateLimiter>,
    /// Whether only this machine reaches the bridge, so that a foreign host name is an attack.
    pub(crate) loopback: bool,
    /// Cancelled when the bridge stops: connections finish what runs, probes hear of it.
    pub(crate) draining: CancellationToken,
    in_flight: Semaphore,
}

impl Edge {
    /// Creates the state; must be called in a Tokio runtime, where the catalog listens.
    pub(crate) fn new(config: Config, client: Client, loopback: bool) -> Result<Self, ConfigError> {
        Ok(Self {
            catalog: Catalog::new(client.clone()),
            readiness: Readiness::new(),
            routes: Routes::new(),
            openapi: openapi::Described::default(),
            gate: config.auth.clone().map(Gate::new).transpose()?,
            idempotency: config.idempotency.is_on().then(|| {
                let store =
                    idempotency::Store::new(config.idempotency, config.limits.requests_in_flight);
                Arc::new(store)
            }),
            metrics: config.metrics.map(|_| Arc::new(Metrics::new())),
            rate_limiter: config.rate_limit.map(RateLimiter::new),
            loopback,
            in_flight: Semaphore::new(config.limits.requests_in_flight.min(Semaphore::MAX_PERMITS)),
            draining: CancellationToken::new(),
            config: config.bounded(),
            client,
        })
    }

    /// Admits one more request, for as long as the permit lives.
    ///
    /// There is no queue: one that is full only adds its wait to what is slow already.
    pub(crate) fn admit(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.in_flight.try_acquire().map_err(|_| {
            let full = RpcError::new(Code::Unavailable, "too many requests in flight");
            full.with_outcome(Outcome::NotSent).into()
        })
    }
}
