//! Layers: what stands around calls, where they are served and where they are made.
//!
//! A layer is written in one file: `FooLayer`, which implements [`Layer`], makes `Foo<S>`, which
//! implements [`RpcService`] around another one. [`Runner::layer`] puts it around methods and
//! [`Client::layer`] around requests; one that is generic over its service fits both. What is added
//! first is outermost, and a tuple of layers is a layer, too, the first of it outermost.
//!
//! | layer | where | |
//! |---|---|---|
//! | [`TraceLayer`] | both | a span of [`tracing`] for each call |
#![cfg_attr(
    feature = "metrics",
    doc = "| [`MetricsLayer`] | both | counts and durations, for Prometheus |"
)]
//! | [`ConcurrencyLimitLayer`] | both | refuses what is more than a number at once |
//! | [`TimeoutLayer`] | both | ends calls that take longer |
//! | [`RequireScopesLayer`] | serving | refuses callers who may not |
//! | [`CircuitBreakerLayer`] | calling | spares methods that fail to answer |
//!
//! Without layers a call takes another way, so they cost nothing where there are none. With them,
//! each call takes one allocation for each [`layer`](crate::Runner::layer), and a tuple counts as one.
//!
//! Sending a call again is no layer: it depends on what discovery says of the method and on the
//! client's budget, so [`OutgoingCall`](crate::OutgoingCall) does it, and layers are passed by each
//! try. Nor is catching panics: one of a method, or of a layer around it, ends its own call as
//! `internal` and is counted, with or without layers.
//!
//! [`Runner::layer`]: crate::Runner::layer
//! [`Client::layer`]: crate::Client::layer
//!
//! # Examples
//! ```
//! use rpc_core::middleware::{Layer, Request, RpcService};
//! use rpc_core::protocol::WireReply;
//!
//! /// Logs how long each call took.
//! struct StopwatchLayer;
//!
//! impl<S> Layer<S> for StopwatchLayer {
//!     type Service = Stopwatch<S>;
//!
//!     fn layer(&self, inner: S) -> Stopwatch<S> {
//!         Stopwatch { inner }
//!     }
//! }
//!
//! struct Stopwatch<S> {
//!     inner: S,
//! }
//!
//! impl<S: RpcService> RpcService for Stopwatch<S> {
//!     type Error = S::Error;
//!
//!     async fn call(&self, request: Request) -> Result<WireReply, S::Error> {
//!         let (began, subject) = (std::time::Instant::now(), request.subject().to_owned());
//!         let result = self.inner.call(request).await;
//!         println!("{subject} took {:?}", began.elapsed());
//!         result
//!     }
//! }
//! ```

// What a layer is written with.
mod failure;
mod next;
mod request;

// The ready-made ones.
mod circuit_breaker;
mod concurrency_limit;
#[cfg(feature = "metrics")]
mod metrics;
mod require_scopes;
mod timeout;
mod trace;

mod ending;
mod layers;
#[cfg(test)]
mod stub;

use std::future::Future;

/// The library that [`MetricsLayer`] counts with, in the version that it takes a registry of.
#[cfg(feature = "metrics")]
pub use prometheus_client;
/// Wraps a service into another one.
pub use tower_layer::Layer;
/// Makes a layer of a function, such as the constructor of its service: `layer_fn(Foo)`.
pub use tower_layer::layer_fn;

pub use self::circuit_breaker::{BreakerConfig, CircuitBreaker, CircuitBreakerLayer};
pub use self::concurrency_limit::{ConcurrencyLimit, ConcurrencyLimitLayer};
pub use self::failure::LayerError;
pub(crate) use self::layers::Layers;
#[cfg(feature = "metrics")]
pub use self::metrics::{Metrics, MetricsLayer};
pub use self::next::Next;
pub(crate) use self::next::NextFuture;
pub use self::request::Request;
pub(crate) use self::request::{Outgoing, Served};
pub(crate) use self::require_scopes::require_scopes;
pub use self::require_scopes::{RequireScopes, RequireScopesLayer};
pub use self::timeout::{Timeout, TimeoutLayer};
pub use self::trace::{Trace, TraceLayer};
use crate::protocol::WireReply;

/// What answers a request: a method, the network, or a layer around them.
///
/// It may answer by itself, change what it passes on or gets back, or call what is inside it and
/// nothing more. Dropping the future gives the call up, which is also how a call ends whose time is
/// over.
pub trait RpcService: Send + Sync + 'static {
    /// Why a call has no reply: [`RpcError`](struct@crate::RpcError) where calls are served,
    /// [`CallError`](crate::CallError) where they are made.
    type Error: LayerError;

    /// Answers one request.
    ///
    /// # Errors
    /// Those of the method, of the way there and back, or of a layer. A reply that is an error
    /// reply comes as an error.
    fn call(&self, request: Request)
    -> impl Future<Output = Result<WireReply, Self::Error>> + Send;
}
