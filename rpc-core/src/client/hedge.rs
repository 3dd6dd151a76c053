//! A second request when the first is slow: what one slow instance costs is cut off.
//!
//! The first good answer wins, and the other request is given up, which cancels it at its service.
//! A hedge is paid from the same budget as a retry: when everything is slow, hedging stops by itself.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{Either, select};
use tokio::time::sleep;

use super::CallError;
use super::call::OutgoingCall;
use super::retry::graver;
use crate::protocol::WireReply;

impl<T, K> OutgoingCall<'_, T, K> {
    /// Sends a request, and a second one if there is no answer `after` some time.
    pub(super) async fn hedged(
        &self,
        payload: Bytes,
        began: Instant,
        timeout: Duration,
        after: Duration,
    ) -> Result<WireReply, CallError> {
        let first = pin!(self.send_once(payload.clone(), began, timeout));
        let first = match select(first, pin!(sleep(after))).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(((), first)) => first,
        };
        let now = Instant::now();
        let left = timeout.saturating_sub(now.duration_since(began));
        if left.is_zero() || !self.client.core.budget.spend() {
            return first.await;
        }
        let second = pin!(self.send_once(payload, now, left));
        match select(first, second).await {
            Either::Left((answer, second)) => settle(answer, second).await,
            Either::Right((answer, first)) => settle(answer, first).await,
        }
    }
}

/// Returns the answer that came first, or the other one when that may be better.
async fn settle(
    answer: Result<WireReply, CallError>,
    other: impl Future<Output = Result<WireReply, CallError>>,
) -> Result<WireReply, CallError> {
    match answer {
        Err(error) if error.is_retryable() => other.await.map_err(|second| graver(error, second)),
        // What the method says is said, and an instance that answers is not the slow one.
        answer => answer,
    }
}
