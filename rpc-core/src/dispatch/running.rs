//! A method that runs: its panics end one call, and its time is counted wherever it ends.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use super::Dispatcher;
use crate::endpoint::HandlerFuture;
use crate::protocol::{Outcome, RpcError, WireReply};

/// A method that runs longer before it first waits keeps the loop that received the call from
/// receiving others.
pub(super) const LONG_FIRST_POLL: Duration = Duration::from_millis(50);

/// A started call; dropping it drops the method where it stands.
pub(super) struct Running {
    /// There until this is dropped.
    future: Option<HandlerFuture>,
    dispatcher: Arc<Dispatcher>,
    started: Instant,
    /// Whether it runs on the loop that received it, which can receive nothing meanwhile.
    on_loop: bool,
}

impl Running {
    pub(super) fn new(
        future: HandlerFuture,
        dispatcher: Arc<Dispatcher>,
        started: Instant,
        on_loop: bool,
    ) -> Self {
        dispatcher.stats.enter();
        Self {
            future: Some(future),
            dispatcher,
            started,
            on_loop,
        }
    }

    /// Notes that the call goes on in a task of its own.
    pub(super) fn leave_loop(&mut self) {
        self.on_loop = false;
        self.dispatcher.note_first_poll(self.started.elapsed());
    }
}

impl Future for Running {
    type Output = Result<WireReply, RpcError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        // The future is not polled again after a panic, so nothing sees its broken state.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            // Of a chain, its end knows what the method said: a layer may refuse what never ran.
            Ok(polled) if self.dispatcher.has_chain => polled,
            Ok(polled) => polled.map(of_method),
            Err(panic) => {
                self.dispatcher.stats.panicked();
                let text = format!("panic: {}", panic_text(&*panic));
                Poll::Ready(Err(RpcError::internal(text)))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What a method holds may panic when it is dropped; its caller is answered all the same.
        let future = self.future.take();
        if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
            self.dispatcher.stats.panicked();
        }
        let took = self.started.elapsed();
        self.dispatcher.stats.left(took);
        if self.on_loop {
            self.dispatcher.note_first_poll(took);
        }
    }
}

/// Returns what a method has said in its own words: a call that it made was perhaps not sent, but the
/// method itself did run.
pub(super) fn of_method(result: Result<WireReply, RpcError>) -> Result<WireReply, RpcError> {
    match result {
        Err(failure) if failure.outcome() == Some(Outcome::NotSent) => {
            Err(failure.with_outcome(Outcome::Unknown))
        }
        result => result,
    }
}

/// Returns what a panic says of itself.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<&str>() {
        Some(text) => text,
        None => panic
            .downcast_ref::<String>()
            .map_or("not a text", String::as_str),
    }
}
