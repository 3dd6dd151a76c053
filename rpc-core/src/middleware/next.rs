//! The rest of a chain, whatever it is made of.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{LayerError, Request, RpcService};
use crate::protocol::WireReply;

/// What is inside a layer: further layers, then the method or the network.
///
/// It hides their types, so that a list of layers needs no type as long as itself. Each call of it
/// takes one allocation.
pub struct Next<E>(Arc<dyn Erased<E>>);

/// The future of one call, on its way through the rest of a chain.
pub(crate) type NextFuture<E> = Pin<Box<dyn Future<Output = Result<WireReply, E>> + Send>>;

/// An [`RpcService`] without its type. The future owns it, because that of a method does.
trait Erased<E>: Send + Sync {
    fn call(self: Arc<Self>, request: Request) -> NextFuture<E>;
}

impl<S: RpcService> Erased<S::Error> for S {
    fn call(self: Arc<Self>, request: Request) -> NextFuture<S::Error> {
        // Nothing of the service runs before the future is polled, which is where panics are caught.
        Box::pin(async move { RpcService::call(&*self, request).await })
    }
}

impl<E: LayerError> Next<E> {
    pub(super) fn new(service: impl RpcService<Error = E>) -> Self {
        Self(Arc::new(service))
    }

    /// Begins a call; nothing happens before its future is polled.
    pub(crate) fn begin(&self, request: Request) -> NextFuture<E> {
        self.0.clone().call(request)
    }
}

impl<E: LayerError> RpcService for Next<E> {
    type Error = E;

    async fn call(&self, request: Request) -> Result<WireReply, E> {
        self.begin(request).await
    }
}

impl<E> Clone for Next<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> fmt::Debug for Next<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}
