//! Bytes in, bytes out: one call through one method. No network.
//!
//! A call is polled once where it arrived. Most methods finish in that poll and cost neither a
//! task nor a timer; one that waits takes a slot and moves to a task of its own, where its
//! deadline is watched. A method that computes gets a thread instead. Whatever goes wrong, a panic
//! included, ends this call only, and every call ends in exactly one reply. Layers, where somebody added
//! some, are part of the method here: `layered.rs` is the only place that knows of them.

mod layered;
mod pending;
mod room;
mod running;
mod thread;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use self::layered::Invoke;
pub(crate) use self::pending::Pending;
pub(crate) use self::room::Room;
use self::room::Taken;
pub(crate) use self::running::panic_text;
use self::running::{LONG_FIRST_POLL, Running};
use crate::causes::Causes;
use crate::client::Client;
use crate::context::Context;
use crate::endpoint::{Endpoint, EndpointSpec};
use crate::middleware::Layers;
use crate::protocol::{Call, Code, Headers, Outcome, RpcError, WireReply};
use crate::rarely::Rarely;
use crate::service::{Origin, Service};
use crate::stats::Stats;

/// One method of one service instance, ready to be called.
pub(crate) struct Dispatcher {
    spec: EndpointSpec,
    subject: String,
    origin: Origin,
    invoke: Invoke,
    /// Whether layers or scopes stand before the method, and may refuse a call.
    has_chain: bool,
    client: Option<Arc<Client>>,
    /// Ends the calls that still run when the service may wait no longer.
    cut: CancellationToken,
    room: Room,
    stats: Stats,
    /// Events for which there was no room.
    dropped: Rarely,
    /// One-way calls that were refused.
    unread: Rarely,
    /// Whether the log has been told that the method keeps its loop busy.
    warned: AtomicBool,
}

/// How far a call came in its first poll.
pub(crate) enum Dispatched {
    /// It has ended.
    Done(WireReply),
    /// It waits for something; whoever dispatched it drives it to the end.
    Pending(Pending),
}

impl Dispatcher {
    /// Binds a method, inside its layers, to the service instance it is called on.
    pub(crate) fn new<S: Service>(
        endpoint: &Endpoint<S>,
        service: Arc<S>,
        layers: &Layers<RpcError>,
        client: Option<Arc<Client>>,
        cut: CancellationToken,
    ) -> Self {
        let options = &endpoint.spec.options;
        Self {
            room: Room::new(options.limit, options.queue),
            spec: endpoint.spec,
            subject: endpoint.subject(),
            origin: Origin::of::<S>(),
            has_chain: layered::has_chain(endpoint, layers),
            invoke: layered::invoke(endpoint, service, layers),
            client,
            cut,
            stats: Stats::default(),
            dropped: Rarely::default(),
            unread: Rarely::default(),
            warned: AtomicBool::new(false),
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

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// Takes a call as far as it goes without waiting.
    pub(crate) fn dispatch(self: &Arc<Self>, call: Call) -> Dispatched {
        let context = self.context(call.headers, call.received);
        let context = context.with_one_way(call.one_way);
        self.begin(context, call.payload, call.received)
    }

    /// Takes an event on `subject` as far as it goes without waiting; nobody gets the reply. Where
    /// there is no room the event is dropped.
    pub(crate) fn dispatch_event(self: &Arc<Self>, call: Call, subject: String) -> Option<Pending> {
        if self.room.is_full() {
            self.drop_event(&subject);
            return None;
        }
        let context = self.context(call.headers, call.received);
        let context = context.with_one_way(true).of_event(subject);
        match self.begin(context, call.payload, call.received) {
            Dispatched::Done(_) => None,
            Dispatched::Pending(run) => Some(run),
        }
    }

    /// Counts an event for which there is no room. It comes with many others: each would be a line
    /// in the log, and a reply that nobody reads.
    fn drop_event(&self, event: &str) {
        let full = self.full();
        self.stats.rejected();
        self.stats.failed(&full);
        self.stats.finished();
        if let Some(dropped) = self.dropped.once_more() {
            error!(
                method = self.subject,
                event, dropped, "event dropped: {full}"
            );
        }
    }

    fn context(&self, headers: Headers, received: Instant) -> Context {
        let longest = self.spec.options.timeout;
        Context::new(headers, received, longest, self.client.clone()).with_origin(self.origin)
    }

    fn begin(self: &Arc<Self>, context: Context, payload: Bytes, received: Instant) -> Dispatched {
        let context = Arc::new(context);
        if context.deadline() <= received {
            self.stats.expired();
            let late = deadline_exceeded("before it ran");
            let refusal = Err(late.with_outcome(Outcome::NotSent));
            return Dispatched::Done(self.finish(&context, refusal));
        }
        if !self.room.has_slot() {
            return self.enqueue(context, payload, received);
        }
        if self.spec.options.blocking {
            return self.to_thread(context, payload, received);
        }
        let mut running = self.start(context.clone(), payload, received, true);
        match Pin::new(&mut running).poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Dispatched::Done(self.finish(&context, result)),
            Poll::Pending => {
                running.leave_loop();
                // Taken now and not by the task that drives the call: a burst is dispatched before
                // any such task runs, and every call of it would find a slot free.
                let slot = self.room.try_slot();
                let (dispatcher, of_call) = (self.clone(), context.clone());
                let work = async move { dispatcher.run(&of_call, slot, running).await };
                self.pending(context, work)
            }
        }
    }

    /// Gives a call a thread, and the slot that it needs for one.
    fn to_thread(
        self: &Arc<Self>,
        context: Arc<Context>,
        payload: Bytes,
        received: Instant,
    ) -> Dispatched {
        let Some(slot) = self.room.try_slot() else {
            // Another loop has just taken the last one.
            return self.enqueue(context, payload, received);
        };
        let (dispatcher, of_call) = (self.clone(), context.clone());
        let work = async move { dispatcher.run_on_thread(of_call, payload, Some(slot)).await };
        self.pending(context, work)
    }

    /// Lets a call wait for a slot, unless too many wait already.
    fn enqueue(
        self: &Arc<Self>,
        context: Arc<Context>,
        payload: Bytes,
        received: Instant,
    ) -> Dispatched {
        let Some(place) = self.room.try_place() else {
            self.stats.rejected();
            return Dispatched::Done(self.finish(&context, Err(self.full())));
        };
        let (dispatcher, of_call) = (self.clone(), context.clone());
        let work = async move {
            let slot = timeout_at(of_call.deadline().into(), dispatcher.room.slot()).await;
            drop(place);
            let started = Instant::now();
            dispatcher.stats.queued(started - received);
            // The call before often ends at its own deadline. Then its slot comes to a call with the
            // same deadline, before the timer of that one fires.
            let in_time = slot.ok().filter(|_| started < of_call.deadline());
            let Some(slot) = in_time else {
                dispatcher.stats.expired();
                let late = deadline_exceeded("while it waited for a free slot");
                return Err(late.with_outcome(Outcome::NotSent));
            };
            if dispatcher.spec.options.blocking {
                return dispatcher.run_on_thread(of_call, payload, slot).await;
            }
            let running = dispatcher.start(of_call.clone(), payload, started, false);
            dispatcher.run(&of_call, slot, running).await
        };
        self.pending(context, work)
    }

    fn full(&self) -> RpcError {
        let text = format!(
            "`{}` is full: every slot and every waiting place is taken",
            self.subject
        );
        RpcError::new(Code::ResourceExhausted, text).with_outcome(Outcome::NotSent)
    }

    fn pending(
        self: &Arc<Self>,
        context: Arc<Context>,
        work: impl Future<Output = Result<WireReply, RpcError>> + Send + 'static,
    ) -> Dispatched {
        Dispatched::Pending(Pending {
            work: Box::pin(work),
            dispatcher: self.clone(),
            context,
        })
    }

    fn start(
        self: &Arc<Self>,
        context: Arc<Context>,
        payload: Bytes,
        started: Instant,
        on_loop: bool,
    ) -> Running {
        let future = (self.invoke)(context, payload);
        Running::new(future, self.clone(), started, on_loop)
    }

    /// Drives a started call to its end or its deadline. Without a `slot` it takes one first:
    /// another loop may have taken the last one during the first poll, and then it waits half-way.
    async fn run(
        &self,
        context: &Context,
        slot: Option<Taken>,
        running: Running,
    ) -> Result<WireReply, RpcError> {
        let work = async {
            let _slot = match slot {
                Some(slot) => Some(slot),
                None => self.room.slot().await,
            };
            running.await
        };
        match timeout_at(context.deadline().into(), work).await {
            Ok(result) => result,
            Err(_) => Err(deadline_exceeded("while it ran").with_outcome(Outcome::Unknown)),
        }
    }

    /// Tells the log, once, that the method computes on the loop that receives calls.
    fn note_first_poll(&self, took: Duration) {
        if took > LONG_FIRST_POLL && !self.warned.swap(true, Relaxed) {
            warn!(
                method = self.subject,
                ?took,
                "the method ran long before it first waited, and no other call of it was received \
                 meanwhile: if it computes or blocks, give it threads with `#[rpc(blocking)]`"
            );
        }
    }

    /// Counts and logs how a call ended, and words its reply.
    fn finish(&self, context: &Context, result: Result<WireReply, RpcError>) -> WireReply {
        let failure = match result.and_then(|reply| context.fitting(reply)) {
            Ok(reply) => {
                self.stats.finished();
                return reply;
            }
            Err(failure) => failure,
        };
        self.stats.failed(&failure);
        self.stats.finished();
        let request_id = context.request_id();
        let method = &self.subject;
        let cause = Causes::of(&failure).map(tracing::field::display);
        let text = failure.for_log();
        match (context.event(), failure.status()) {
            // Nobody reads the reply to an event, so the log says all of it.
            (Some(event), _) => {
                error!(%method, event, request_id, cause, "event failed: {text}");
            }
            (None, 500..) => error!(%method, request_id, cause, "call failed: {text}"),
            // Nor that to a one-way call; a caller who is wrong may be so many times a second.
            (None, _) if context.is_one_way() => match self.unread.once_more() {
                Some(times) => {
                    warn!(%method, request_id, cause, times, "one-way call refused: {text}");
                }
                None => debug!(%method, request_id, cause, "one-way call refused: {text}"),
            },
            (None, _) => debug!(%method, request_id, cause, "call refused: {text}"),
        }
        // Details can be too large as well; sizes are not.
        context
            .fitting(WireReply::failure(&failure, Some(request_id)))
            .unwrap_or_else(|too_large| WireReply::failure(&too_large, Some(request_id)))
    }
}

fn deadline_exceeded(place: &str) -> RpcError {
    RpcError::new(
        Code::DeadlineExceeded,
        format!("the call ran out of time {place}"),
    )
}

/// What a caller reads whose call was cut short.
fn stopped() -> RpcError {
    let text = "the service stopped before the call ended";
    RpcError::new(Code::Unavailable, text).with_outcome(Outcome::Unknown)
}
