//! Methods that compute, `#[rpc(blocking)]`: each call on a thread of its own.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use super::room::Taken;
use super::{Dispatcher, deadline_exceeded, stopped};
use crate::context::Context;
use crate::protocol::{Outcome, RpcError, WireReply};

impl Dispatcher {
    /// Runs a call on a thread and waits for it, but no longer than until its deadline.
    ///
    /// A thread cannot be stopped. When nobody waits any more, the method ends at its next `.await`
    /// or never, and the thread keeps its slot until then: `limit` bounds the threads, too.
    pub(super) async fn run_on_thread(
        self: &Arc<Self>,
        context: Arc<Context>,
        payload: Bytes,
        slot: Option<Taken>,
    ) -> Result<WireReply, RpcError> {
        let deadline = context.deadline();
        let abandoned = CancellationToken::new();
        // Dropping this future abandons the call as well.
        let _waiting = abandoned.clone().drop_guard();
        let dispatcher = self.clone();
        let thread = spawn_blocking(move || {
            let _slot = slot;
            let running = dispatcher.start(context, payload, Instant::now(), false);
            Handle::current().block_on(async {
                tokio::select! {
                    // In this order: a call that is given up before a thread was free never runs.
                    biased;
                    () = abandoned.cancelled() => None,
                    result = running => Some(result),
                }
            })
        });
        match timeout_at(deadline.into(), thread).await {
            Ok(Ok(Some(result))) => result,
            // The runtime ends, so that no thread took the call.
            Ok(Ok(None) | Err(_)) => Err(stopped()),
            Err(_) => Err(deadline_exceeded("while it ran").with_outcome(Outcome::Unknown)),
        }
    }
}
