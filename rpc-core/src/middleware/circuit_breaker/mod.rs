//! Spares a method that fails to answer, and its callers the wait for it.

mod circuit;
mod circuits;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tracing::{info, warn};

use self::circuit::{Change, Circuit, Refused};
use self::circuits::Circuits;
use super::{Layer, LayerError, Request, RpcService};
use crate::protocol::{Code, Outcome, RpcError, WireReply};

/// When a circuit opens and closes.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerConfig {
    /// The share of failures at which a method is spared; 0.5 by default.
    pub failure_ratio: f64,
    /// How many calls there must be in the window before the share counts; 20 by default.
    pub minimum_calls: u32,
    /// Over how long calls are counted; 10 s by default.
    pub window: Duration,
    /// How long a method is spared before it is tried again; 5 s by default.
    pub pause: Duration,
    /// How many calls try it, all of which must succeed; 3 by default, and at least 1.
    pub probes: u32,
    /// How many methods are kept apart; 1,024 by default, and at least 1. One more takes the place
    /// of the one that was not called for the longest time, of which nothing is known afterwards.
    pub most_methods: usize,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failure_ratio: 0.5,
            minimum_calls: 20,
            window: Duration::from_secs(10),
            pause: Duration::from_secs(5),
            probes: 3,
            most_methods: 1_024,
        }
    }
}

/// Makes [`CircuitBreaker`]: a method that fails too often to answer is called no more for a while.
///
/// What counts as failure is that no answer came, or that the service had no room: the codes
/// `deadline_exceeded`, `resource_exhausted` and `unavailable`. What a method says, a service's own
/// errors included, counts as success. Calls that were given up or never sent count as neither.
///
/// Each method has a circuit of its own. It is *closed* while calls pass; it *opens* when the share of
/// failures over the window reaches the ratio; after the pause it is *half open*, and lets a few calls
/// through: if all of them succeed it closes, if one fails it opens again. A call that is not let
/// through ends at once as `unavailable` with the outcome `not_sent`; its message says until when, and
/// so do its details, `{"retry_after_ms": 4200}`. It is not retryable, or each call would be sent
/// again to no avail and use up the budget for that.
///
/// # Examples
/// ```
/// use rpc_core::middleware::{BreakerConfig, CircuitBreakerLayer};
/// # fn example(client: rpc_core::Client) {
/// let breaker = CircuitBreakerLayer::new(BreakerConfig { minimum_calls: 50, ..Default::default() });
/// let client = client.layer(breaker);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer {
    circuits: Arc<Circuits>,
}

impl CircuitBreakerLayer {
    /// Creates the layer; what it is added to shares its circuits.
    pub fn new(config: BreakerConfig) -> Self {
        let circuits = Arc::new(Circuits::new(config));
        Self { circuits }
    }
}

impl Default for CircuitBreakerLayer {
    fn default() -> Self {
        Self::new(BreakerConfig::default())
    }
}

impl<S> Layer<S> for CircuitBreakerLayer {
    type Service = CircuitBreaker<S>;

    fn layer(&self, inner: S) -> CircuitBreaker<S> {
        let circuits = self.circuits.clone();
        CircuitBreaker { inner, circuits }
    }
}

/// Ends calls of methods that are spared, at once.
#[derive(Clone, Debug)]
pub struct CircuitBreaker<S> {
    inner: S,
    circuits: Arc<Circuits>,
}

impl<S: RpcService> RpcService for CircuitBreaker<S> {
    type Error = S::Error;

    async fn call(&self, request: Request) -> Result<WireReply, S::Error> {
        let subject = request.subject();
        let now = Instant::now();
        let circuit = self.circuits.of(subject, now);
        let entered = lock(&circuit).enter(now, self.circuits.config());
        let epoch = match entered {
            Ok(epoch) => epoch,
            Err(refused) => return Err(S::Error::from_layer(refusal(subject, refused))),
        };
        let mut passage = Passage {
            circuits: &self.circuits,
            subject: subject.to_owned(),
            circuit,
            epoch,
            succeeded: None,
        };
        let result = self.inner.call(request).await;
        passage.succeeded = verdict(&result);
        result
    }
}

/// A call that was let through. Dropping it says how it ended, or that nobody waited for its end.
struct Passage<'a> {
    circuits: &'a Circuits,
    subject: String,
    circuit: Arc<Mutex<Circuit>>,
    epoch: u64,
    succeeded: Option<bool>,
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        let config = self.circuits.config();
        let change = lock(&self.circuit).leave(self.epoch, self.succeeded, Instant::now(), config);
        let subject = &self.subject;
        match change {
            Some(Change::Opened) => {
                let pause = config.pause;
                warn!(%subject, ?pause, "calls of the method fail, it is spared for a while");
            }
            Some(Change::Closed) => info!(%subject, "calls of the method succeed again"),
            None => {}
        }
    }
}

/// Says whether a call succeeded as far as a circuit is concerned; `None` when it says nothing of
/// the method.
fn verdict<E: LayerError>(result: &Result<WireReply, E>) -> Option<bool> {
    let Err(failure) = result else {
        return Some(true);
    };
    match Code::from_text(failure.code()) {
        Some(Code::DeadlineExceeded | Code::ResourceExhausted | Code::Unavailable) => Some(false),
        Some(Code::Cancelled) => None,
        _ if failure.outcome() == Some(Outcome::NotSent) => None,
        _ => Some(true),
    }
}

fn refusal(subject: &str, refused: Refused) -> RpcError {
    let (until, left) = match refused {
        Refused::Open(left) => (format!("it is tried again in {left:.1?}"), left),
        Refused::Probing => ("it is being tried now".to_owned(), Duration::ZERO),
    };
    let text = format!("calls of `{subject}` have failed too often: {until}");
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    RpcError::new(Code::Unavailable, text)
        .with_outcome(Outcome::NotSent)
        .with_retryable(false)
        .with_details(json!({ "retry_after_ms": millis }))
}

fn lock(circuit: &Mutex<Circuit>) -> MutexGuard<'_, Circuit> {
    circuit.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
