//! A call that waits for something, and the three ways in which it ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{Dispatcher, stopped};
use crate::context::Context;
use crate::protocol::{Code, Outcome, RpcError, WireReply};

/// A call that was dispatched and has not ended.
pub(crate) struct Pending {
    pub(super) work: Pin<Box<dyn Future<Output = Result<WireReply, RpcError>> + Send>>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) context: Arc<Context>,
}

impl Pending {
    /// Drives the call to its end, which comes early when `given_up` does: the method is dropped
    /// where it stands, and with it the calls that it makes.
    pub(crate) async fn finish(self, given_up: impl Future<Output = ()>) -> WireReply {
        let Self {
            work,
            dispatcher,
            context,
        } = self;
        let result = tokio::select! {
            biased;
            result = work => result,
            () = dispatcher.cut.cancelled() => Err(stopped()),
            () = given_up => {
                dispatcher.stats.cancelled();
                let text = "the caller gave the call up";
                Err(RpcError::new(Code::Cancelled, text).with_outcome(Outcome::Unknown))
            }
        };
        dispatcher.finish(&context, result)
    }
}
