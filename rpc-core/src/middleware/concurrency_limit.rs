//! A limit on how many calls are under way.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Layer, LayerError, Request, RpcService};
use crate::protocol::{Code, Outcome, RpcError, WireReply};

/// Makes [`ConcurrencyLimit`]: at most so many calls at once, and the next is refused at once.
///
/// The limit is one for everything that the layer is added to: all methods of a runner, or all
/// requests of a client and its clones. One method has `#[rpc(limit = 8, queue = 100)]`, which also
/// lets calls wait; nothing waits here.
///
/// # Examples
/// ```
/// use rpc_core::middleware::ConcurrencyLimitLayer;
/// # fn example(runner: rpc_core::Runner) {
/// let runner = runner.layer(ConcurrencyLimitLayer::new(5_000));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer {
    slots: Arc<Semaphore>,
    most: usize,
}

impl ConcurrencyLimitLayer {
    /// Creates the layer; with 0, it refuses every call.
    pub fn new(most: usize) -> Self {
        let slots = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { slots, most }
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimit<S>;

    fn layer(&self, inner: S) -> ConcurrencyLimit<S> {
        let limit = self.clone();
        ConcurrencyLimit { inner, limit }
    }
}

/// Refuses calls with `resource_exhausted` while too many are under way.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S> {
    inner: S,
    limit: ConcurrencyLimitLayer,
}

impl<S: RpcService> RpcService for ConcurrencyLimit<S> {
    type Error = S::Error;

    async fn call(&self, request: Request) -> Result<WireReply, S::Error> {
        let ConcurrencyLimitLayer { slots, most } = &self.limit;
        let Ok(_slot) = slots.try_acquire() else {
            let text = format!("{most} calls are under way, which is the limit");
            let full = RpcError::new(Code::ResourceExhausted, text);
            return Err(S::Error::from_layer(full.with_outcome(Outcome::NotSent)));
        };
        self.inner.call(request).await
    }
}
