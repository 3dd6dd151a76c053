//! A limit on how long calls take, besides their deadline.

use std::time::Duration;

use super::{Layer, LayerError, Request, RpcService};
use crate::protocol::{Code, Outcome, RpcError, WireReply};

/// Makes [`Timeout`]: calls take no longer than `limit`.
///
/// Around methods it caps those of a whole runner, where `#[rpc(timeout = "…")]` is for one. Around
/// requests it limits each try, so that a call that is sent again has time left for it, and the
/// service learns of the shorter deadline.
///
/// # Examples
/// ```
/// use rpc_core::middleware::TimeoutLayer;
/// use std::time::Duration;
/// # fn example(client: rpc_core::Client) {
/// let client = client.layer(TimeoutLayer::new(Duration::from_secs(2)));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    limit: Duration,
}

impl TimeoutLayer {
    /// Creates the layer.
    pub fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        let limit = self.limit;
        Timeout { inner, limit }
    }
}

/// Ends calls that take too long with `deadline_exceeded`.
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    limit: Duration,
}

impl<S: RpcService> RpcService for Timeout<S> {
    type Error = S::Error;

    async fn call(&self, mut request: Request) -> Result<WireReply, S::Error> {
        let limit = self.limit;
        // The deadline comes first anyway, and somebody watches it already.
        if request.time_left() <= limit {
            return self.inner.call(request).await;
        }
        request.shorten(limit);
        match tokio::time::timeout(limit, self.inner.call(request)).await {
            Ok(result) => result,
            Err(_) => {
                let text = format!("the call took longer than {limit:?}, which is its limit here");
                let late = RpcError::new(Code::DeadlineExceeded, text);
                Err(S::Error::from_layer(late.with_outcome(Outcome::Unknown)))
            }
        }
    }
}
