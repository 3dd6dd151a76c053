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
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;
use tracing::{debug, error};

use crate::client::Client;
use crate::context::Context;
use crate::endpoint::{Endpoint, EndpointSpec, HandlerFuture};
use crate::protocol::{Call, Code, RpcError, WireReply};
use crate::service::Service;
use crate::stats::Stats;

/// One method of one service instance, ready to be called.
pub(crate) struct Dispatcher {
    spec: EndpointSpec,
    subject: String,
    invoke: Box<dyn Fn(Arc<Context>, Bytes) -> HandlerFuture + Send + Sync>,
    client: Option<Client>,
    permits: Semaphore,
    waiting: AtomicUsize,
    stats: Stats,
}

/// How far a call came in its first poll.
pub(crate) enum Dispatched {
    /// It has ended.
    Done(WireReply),
    /// It waits for something; whoever dispatched it drives it to the end.
    Pending(Pin<Box<dyn Future<Output = WireReply> + Send>>),
}

impl Dispatcher {
    /// Binds a method to the service instance it is called on.
    pub(crate) fn new<S: Service>(
        endpoint: &Endpoint<S>,
        service: Arc<S>,
        client: Option<Client>,
    ) -> Self {
        let handler = endpoint.handler;
        Self {
            spec: endpoint.spec,
            subject: endpoint.subject(),
            invoke: Box::new(move |context, payload| handler(service.clone(), context, payload)),
            client,
            permits: Semaphore::new(endpoint.spec.options.limit),
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
            let refusal = Err(deadline_exceeded("before it ran"));
            return Dispatched::Done(self.finish(&context, call.received, refusal));
        }
        if self.permits.available_permits() == 0 {
            return self.enqueue(context, call.payload, call.received);
        }
        let mut running = self.start(context.clone(), call.payload);
        match Pin::new(&mut running).poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Dispatched::Done(self.finish(&context, call.received, result)),
            Poll::Pending => {
                let dispatcher = self.clone();
                Dispatched::Pending(Box::pin(async move {
                    let result = dispatcher.run(&context, None, running).await;
                    dispatcher.finish(&context, call.received, result)
                }))
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
            let refusal = Err(RpcError::new(
                Code::ResourceExhausted,
                format!(
                    "`{}` is full: every slot and every waiting place is taken",
                    self.subject
                ),
            ));
            return Dispatched::Done(self.finish(&context, received, refusal));
        };
        let dispatcher = self.clone();
        Dispatched::Pending(Box::pin(async move {
            let deadline = context.deadline().into();
            let result = match timeout_at(deadline, dispatcher.permits.acquire()).await {
                Ok(permit) => {
                    drop(place);
                    dispatcher.stats.queued(received.elapsed());
                    let running = dispatcher.start(context.clone(), payload);
                    dispatcher.run(&context, permit.ok(), running).await
                }
                Err(_) => Err(deadline_exceeded("while it waited for a free slot")),
            };
            dispatcher.finish(&context, received, result)
        }))
    }

    fn start(self: &Arc<Self>, context: Arc<Context>, payload: Bytes) -> Running {
        self.stats.enter();
        Running {
            future: (self.invoke)(context, payload),
            dispatcher: self.clone(),
        }
    }

    /// Drives a started call to its end or its deadline. Without a `permit` it takes one first:
    /// another call may have taken the last one during the first poll, and then it waits half-way.
    async fn run(
        &self,
        context: &Context,
        permit: Option<SemaphorePermit<'_>>,
        running: Running,
    ) -> Result<WireReply, RpcError> {
        let work = async {
            let _permit = match permit {
                Some(permit) => Some(permit),
                None => self.permits.acquire().await.ok(),
            };
            running.await
        };
        match timeout_at(context.deadline().into(), work).await {
            Ok(result) => result,
            Err(_) => Err(deadline_exceeded("while it ran")),
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
        let failure = match result {
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
        WireReply::failure(&failure, Some(request_id))
    }
}

/// A started call; dropping it drops the method where it stands.
struct Running {
    future: HandlerFuture,
    dispatcher: Arc<Dispatcher>,
}

impl Future for Running {
    type Output = Result<WireReply, RpcError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        // The future is not polled again after a panic, so nothing sees its broken state.
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx)));
        polled.unwrap_or_else(|panic| {
            self.dispatcher.stats.panicked();
            Poll::Ready(Err(RpcError::internal(format!(
                "panic: {}",
                panic_text(&*panic)
            ))))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
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
