//! Bytes in, bytes out: one call through one method. No network.
//!
//! A call is polled once where it arrived. Most methods finish in that poll and cost neither a
//! task nor a timer; one that waits takes a permit and moves to a task of its own, where its
//! deadline is watched. Whatever goes wrong, a panic included, ends this call only, and every call
//! ends in exactly one reply.

use std::any::Any;
use std::error::Error as _;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{self, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::client::Client;
use crate::context::Context;
use crate::endpoint::{Endpoint, EndpointSpec, HandlerFuture};
use crate::protocol::{Call, Code, Outcome, RpcError, WireReply};
use crate::service::Service;
use crate::stats::Stats;

/// One method of one service instance, ready to be called.
pub(crate) struct Dispatcher {
    spec: EndpointSpec,
    subject: String,
    invoke: Box<dyn Fn(Arc<Context>, Bytes) -> HandlerFuture + Send + Sync>,
    client: Option<Client>,
    /// Ends the calls that still run when the service may wait no longer.
    cut: CancellationToken,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    stats: Stats,
}

/// How far a call came in its first poll.
pub(crate) enum Dispatched {
    /// It has ended.
    Done(WireReply),
    /// It waits for something; whoever dispatched it drives it to the end.
    Pending(Pending),
}

/// A call that was dispatched and has not ended.
pub(crate) struct Pending {
    work: Pin<Box<dyn Future<Output = Result<WireReply, RpcError>> + Send>>,
    dispatcher: Arc<Dispatcher>,
    context: Arc<Context>,
    received: Instant,
}

impl Pending {
    /// Drives the call to its end, which comes early when `given_up` does: the method is dropped
    /// where it stands, and with it the calls that it makes.
    pub(crate) async fn finish(self, given_up: impl Future<Output = ()>) -> WireReply {
        let Self {
            work,
            dispatcher,
            context,
            received,
        } = self;
        let result = tokio::select! {
            biased;
            result = work => result,
            () = dispatcher.cut.cancelled() => {
                let text = "the service stopped before the call ended";
                Err(RpcError::new(Code::Unavailable, text).with_outcome(Outcome::Unknown))
            }
            () = given_up => {
                dispatcher.stats.cancelled();
                let text = "the caller gave the call up";
                Err(RpcError::new(Code::Cancelled, text).with_outcome(Outcome::Unknown))
            }
        };
        dispatcher.finish(&context, received, result)
    }
}

impl Dispatcher {
    /// Binds a method to the service instance it is called on.
    pub(crate) fn new<S: Service>(
        endpoint: &Endpoint<S>,
        service: Arc<S>,
        client: Option<Client>,
        cut: CancellationToken,
    ) -> Self {
        let handler = endpoint.handler;
        Self {
            spec: endpoint.spec,
            subject: endpoint.subject(),
            invoke: Box::new(move |context, payload| handler(service.clone(), context, payload)),
            client,
            cut,
            permits: Arc::new(Semaphore::new(endpoint.spec.options.limit)),
            waiting: AtomicUsize::new(0),
            stats: Stats::default(),
        }
    }

    pub(crate) fn spec(&self) -> &EndpointSpec {
        &self.spec
    }

    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Takes a call as far as it goes without waiting.
    pub(crate) fn dispatch(self: &Arc<Self>, call: Call) -> Dispatched {
        let context = Arc::new(Context::new(
            call.headers,
            call.received,
            self.spec.options.timeout,
            self.client.clone(),
        ));
        if context.deadline() <= call.received {
            let late = deadline_exceeded("before it ran");
            let refusal = Err(late.with_outcome(Outcome::NotSent));
            return Dispatched::Done(self.finish(&context, call.received, refusal));
        }
        if self.permits.available_permits() == 0 {
            return self.enqueue(context, call.payload, call.received);
        }
        let mut running = self.start(context.clone(), call.payload);
        match Pin::new(&mut running).poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Dispatched::Done(self.finish(&context, call.received, result)),
            Poll::Pending => {
                // Taken now and not by the task that drives the call: a burst is dispatched before
                // any such task runs, and every call of it would find a slot free.
                let permit = self.permits.clone().try_acquire_owned().ok();
                let (dispatcher, of_call) = (self.clone(), context.clone());
                let work = async move { dispatcher.run(&of_call, permit, running).await };
                self.pending(context, call.received, work)
            }
        }
    }

    /// Lets a call wait for a permit, unless too many wait already.
    fn enqueue(
        self: &Arc<Self>,
        context: Arc<Context>,
        payload: Bytes,
        received: Instant,
    ) -> Dispatched {
        let Some(place) = Place::take(self) else {
            self.stats.rejected();
            let text = format!(
                "`{}` is full: every slot and every waiting place is taken",
                self.subject
            );
            let full = RpcError::new(Code::ResourceExhausted, text);
            let refusal = Err(full.with_outcome(Outcome::NotSent));
            return Dispatched::Done(self.finish(&context, received, refusal));
        };
        let (dispatcher, of_call) = (self.clone(), context.clone());
        let work = async move {
            let deadline = of_call.deadline().into();
            let permit = dispatcher.permits.clone().acquire_owned();
            let Ok(permit) = timeout_at(deadline, permit).await else {
                let late = deadline_exceeded("while it waited for a free slot");
                return Err(late.with_outcome(Outcome::NotSent));
            };
            drop(place);
            dispatcher.stats.queued(received.elapsed());
            let running = dispatcher.start(of_call.clone(), payload);
            dispatcher.run(&of_call, permit.ok(), running).await
        };
        self.pending(context, received, work)
    }

    fn pending(
        self: &Arc<Self>,
        context: Arc<Context>,
        received: Instant,
        work: impl Future<Output = Result<WireReply, RpcError>> + Send + 'static,
    ) -> Dispatched {
        Dispatched::Pending(Pending {
            work: Box::pin(work),
            dispatcher: self.clone(),
            context,
            received,
        })
    }

    fn start(self: &Arc<Self>, context: Arc<Context>, payload: Bytes) -> Running {
        self.stats.enter();
        Running {
            future: Some((self.invoke)(context, payload)),
            dispatcher: self.clone(),
        }
    }

    /// Drives a started call to its end or its deadline. Without a `permit` it takes one first:
    /// another loop may have taken the last one during the first poll, and then it waits half-way.
    async fn run(
        &self,
        context: &Context,
        permit: Option<OwnedSemaphorePermit>,
        running: Running,
    ) -> Result<WireReply, RpcError> {
        let work = async {
            let _permit = match permit {
                Some(permit) => Some(permit),
                None => self.permits.clone().acquire_owned().await.ok(),
            };
            running.await
        };
        match timeout_at(context.deadline().into(), work).await {
            Ok(result) => result,
            Err(_) => Err(deadline_exceeded("while it ran").with_outcome(Outcome::Unknown)),
        }
    }

    /// Counts and logs how a call ended, and words its reply.
    fn finish(
        &self,
        context: &Context,
        received: Instant,
        result: Result<WireReply, RpcError>,
    ) -> WireReply {
        self.stats.finished(received.elapsed());
        let failure = match result.and_then(|reply| self.fitting(reply)) {
            Ok(reply) => return reply,
            Err(failure) => failure,
        };
        self.stats.failed(&failure);
        let request_id = context.request_id();
        let method = &self.subject;
        match failure.status() {
            500.. => {
                let cause = failure.source().map(tracing::field::display);
                error!(%method, request_id, cause, "call failed: {failure}");
            }
            _ => debug!(%method, request_id, "call refused: {failure}"),
        }
        // Details can be too large as well; sizes are not.
        self.fitting(WireReply::failure(&failure, Some(request_id)))
            .unwrap_or_else(|too_large| WireReply::failure(&too_large, Some(request_id)))
    }

    /// Turns a reply that the server would not take into an error that says both sizes.
    fn fitting(&self, reply: WireReply) -> Result<WireReply, RpcError> {
        let limit = self.client.as_ref().map_or(usize::MAX, Client::max_payload);
        let size = reply.headers.wire_len() + reply.payload.len();
        if size > limit {
            let text = format!("the reply has {size} bytes, the server takes at most {limit}");
            return Err(RpcError::new(Code::PayloadTooLarge, text));
        }
        Ok(reply)
    }
}

/// A started call; dropping it drops the method where it stands.
struct Running {
    /// There until this is dropped.
    future: Option<HandlerFuture>,
    dispatcher: Arc<Dispatcher>,
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
            // A call that it made was not sent, but the method itself did run.
            Ok(Poll::Ready(Err(failure))) if failure.outcome() == Some(Outcome::NotSent) => {
                Poll::Ready(Err(failure.with_outcome(Outcome::Unknown)))
            }
            Ok(polled) => polled,
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
        self.dispatcher.stats.leave();
    }
}

/// A waiting place, given back when dropped.
struct Place(Arc<Dispatcher>);

impl Place {
    fn take(dispatcher: &Arc<Dispatcher>) -> Option<Self> {
        let place = Self(dispatcher.clone());
        let taken = dispatcher.waiting.fetch_add(1, Relaxed);
        (taken < dispatcher.spec.options.queue).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

fn deadline_exceeded(place: &str) -> RpcError {
    RpcError::new(
        Code::DeadlineExceeded,
        format!("the call ran out of time {place}"),
    )
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<&str>() {
        Some(text) => text,
        None => panic
            .downcast_ref::<String>()
            .map_or("not a text", String::as_str),
    }
}
