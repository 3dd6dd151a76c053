//! Serves one instance: messages in, replies out.
//!
//! Each method has a subscription and an eager loop of its own. A call that ends in its first poll
//! is answered from the loop; one that waits is driven by a task. Stopping ends the subscriptions
//! first, in a way that loses no message, then finishes the running calls, then says goodbye.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::client::Client;
use crate::connection::Link;
use crate::discovery;
use crate::dispatch::{Dispatched, Dispatcher};
use crate::error::RunError;
use crate::instance::Instance;
use crate::mux::from_nats;
use crate::outbox::Outgoing;
use crate::protocol::subject::is_reply_inbox;
use crate::protocol::{Call, Headers, WireReply, headers};

/// How long the server may take to prove the subscriptions.
const PROOF: Duration = Duration::from_secs(5);
/// An endpoint that does not get its last messages while it stops is unsubscribed after this.
const IDLE_STOP: Duration = Duration::from_millis(500);
/// How many more messages than its rate says an endpoint may get while it stops: whoever has
/// called one after the other at a low rate may still call all at once.
const BURST: u64 = 256;
/// A stopping endpoint sends itself no more messages at once.
const MOST_FILLERS: u64 = 4096;
/// How long calls that are cut short may take to answer so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the loops of one instance share.
pub(crate) struct Serving {
    instance: Arc<Instance>,
    client: Client,
    stop: watch::Receiver<bool>,
    running: TaskTracker,
    drain: Duration,
}

impl Serving {
    pub(crate) fn new(
        instance: Arc<Instance>,
        client: Client,
        stop: watch::Receiver<bool>,
        drain: Duration,
    ) -> Arc<Self> {
        let running = TaskTracker::new();
        Arc::new(Self {
            instance,
            client,
            stop,
            running,
            drain,
        })
    }

    /// Returns whether the instance shall stop.
    fn shall_stop(&self) -> bool {
        // The flag changes once, from its first value to `true`.
        self.stop.has_changed().unwrap_or(true)
    }

    /// Resolves when the instance shall stop.
    async fn stopped(&self) {
        // An error means that nobody is left who could say it: stop too.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }
}

/// The subscriptions of one instance on one link.
struct Subscribed {
    link: Arc<Link>,
    methods: JoinSet<()>,
    discovery: JoinSet<()>,
}

/// Subscribes, proves the subscriptions and serves; returns when callers may call.
pub(crate) async fn serve(serving: Arc<Serving>) -> Result<JoinHandle<()>, RunError> {
    let mut violations = serving.client.connection().violations();
    violations.mark_unchanged();
    let subscribed = subscribe_and_prove(&serving).await;
    // The server reports what it denies before it answers the proof, which needs no other right.
    let violation = match violations.has_changed() {
        // Something else that is denied, such as an announcement, keeps no call away.
        Ok(true) => violations
            .borrow_and_update()
            .clone()
            .filter(|text| text.contains("for Subscription")),
        _ => None,
    };
    let first = match (subscribed, violation) {
        (Ok(first), None) => first,
        (Ok(_), Some(reason)) | (Err(_), Some(reason)) | (Err(reason), None) => {
            return Err(RunError::Subscribe {
                service: serving.instance.name.to_owned(),
                reason,
            });
        }
    };
    discovery::announce(&first.link.nats, &serving.instance, "up").await;
    Ok(tokio::spawn(async move {
        let last = serve_until_stopped(&serving, first).await;
        stop(&serving, last).await;
    }))
}

/// Serves on one link after the other.
async fn serve_until_stopped(serving: &Arc<Serving>, mut current: Subscribed) -> Subscribed {
    loop {
        tokio::select! {
            () = serving.stopped() => return current,
            () = serving.client.connection().replaced(&current.link) => {}
        }
        current = loop {
            match subscribe_and_prove(serving).await {
                Ok(next) => break next,
                Err(reason) if serving.shall_stop() => {
                    warn!(
                        service = serving.instance.name,
                        reason, "stopping without a connection"
                    );
                    return current;
                }
                Err(reason) => {
                    error!(
                        service = serving.instance.name,
                        reason, "not serving, trying again"
                    );
                    sleep(Duration::from_millis(200)).await;
                }
            }
        };
    }
}

/// Subscribes to every method and to discovery, then calls the instance's own PING: the answer
/// proves that the server has processed the subscriptions, because it processes them in order.
async fn subscribe_and_prove(serving: &Arc<Serving>) -> Result<Subscribed, String> {
    let link = serving.client.connection().link().clone();
    let instance = &serving.instance;
    let failed = |error: async_nats::SubscribeError| error.to_string();
    let mut methods = JoinSet::new();
    for dispatcher in &instance.dispatchers {
        let subject = dispatcher.subject().to_owned();
        let group = instance.queue_group.to_owned();
        let requests = link
            .nats
            .queue_subscribe(subject, group)
            .await
            .map_err(failed)?;
        methods.spawn(serve_method(serving.clone(), dispatcher.clone(), requests));
    }
    let questions = discovery::subscribe(&link.nats, instance)
        .await
        .map_err(failed)?;
    let mut discovery = JoinSet::new();
    let inbox_prefix = serving.client.connection().config().inbox_prefix.clone();
    discovery.spawn(discovery::answer(
        link.nats.clone(),
        instance.clone(),
        inbox_prefix,
        questions,
    ));

    let info = instance.info().to_string().len();
    let limit = link.nats.max_payload();
    if info > limit {
        return Err(format!(
            "its INFO has {info} bytes and the server takes at most {limit}"
        ));
    }
    let own_ping = discovery::own_ping(instance);
    let proof = serving
        .client
        .exchange(&own_ping, Headers::new(), Bytes::new(), PROOF);
    proof.await.map_err(|error| error.to_string())?;
    Ok(Subscribed {
        link,
        methods,
        discovery,
    })
}

/// Finishes without losing a call: first the subscriptions, then the calls, then discovery.
async fn stop(serving: &Arc<Serving>, mut last: Subscribed) {
    let service = serving.instance.name;
    let finish = async {
        discovery::announce(&last.link.nats, &serving.instance, "stopping").await;
        while last.methods.join_next().await.is_some() {}
        serving.running.close();
        serving.running.wait().await;
    };
    // Whoever ends everything at once has no patience for a connection that takes nothing.
    let patience = match serving.instance.cut.is_cancelled() {
        true => LAST_WORDS,
        false => serving.drain,
    };
    if timeout(patience, finish).await.is_err() {
        let left = serving.running.len();
        warn!(
            service,
            left, "the drain took too long, the calls that still run are ended"
        );
        last.methods.shutdown().await;
        serving.instance.cut.cancel();
        serving.running.close();
        // One that blocks its thread cannot be ended.
        let _ = timeout(LAST_WORDS, serving.running.wait()).await;
    }
    serving.client.flush().await;
    last.discovery.shutdown().await;
}

/// Takes the calls of one method until its subscription ends.
async fn serve_method(serving: Arc<Serving>, method: Arc<Dispatcher>, mut requests: Subscriber) {
    let mut flow = Flow::new();
    let mut stopped = pin!(serving.stopped());
    // Under load there is always a message, so the cheap look comes before every one of them.
    while !serving.shall_stop() {
        tokio::select! {
            biased;
            request = requests.next() => match request {
                Some(request) => handle(&serving, &method, request, &mut flow).await,
                None => return,
            },
            () = &mut stopped => break,
        }
    }
    if serving.instance.cut.is_cancelled() {
        let _ = requests.unsubscribe().await;
        return;
    }
    // Unsubscribing at once would lose what the server has sent already. It is told to stop after
    // a few more messages than can be under way, and those are served.
    let last = flow.seen + BURST + flow.expected_within(Duration::from_millis(10));
    if requests.unsubscribe_after(last).await.is_err() {
        return;
    }
    // Where callers are too quiet to send that many, we do: ever more, because other instances take
    // their part.
    let give_up = Instant::now() + IDLE_STOP;
    let mut instances = 1;
    loop {
        match requests.next().now_or_never() {
            Some(Some(request)) => handle(&serving, &method, request, &mut flow).await,
            Some(None) => return,
            None if Instant::now() >= give_up => break,
            None => {
                let missing = last.saturating_sub(flow.seen);
                send_fillers(&serving, &method, (missing * instances).min(MOST_FILLERS)).await;
                instances *= 2;
                // What the server has sent here of them has come when the echo does.
                if serving.client.round_trip(IDLE_STOP).await.is_err() {
                    break;
                }
            }
        }
    }
    if requests.drain().await.is_ok() {
        while let Ok(Some(request)) = timeout(IDLE_STOP, requests.next()).await {
            handle(&serving, &method, request, &mut flow).await;
        }
    }
}

/// Sends messages to a method's subject that no method runs for.
async fn send_fillers(serving: &Serving, method: &Dispatcher, count: u64) {
    for _ in 0..count {
        let mut headers = Headers::new();
        headers.insert(headers::FILLER, "1");
        let filler = Outgoing {
            subject: method.subject().into(),
            reply: None,
            headers,
            payload: Bytes::new(),
        };
        serving.client.outbox().publish(filler).await;
    }
}

/// Takes one message through its method, and its reply to the outbox.
async fn handle(
    serving: &Arc<Serving>,
    method: &Arc<Dispatcher>,
    request: Message,
    flow: &mut Flow,
) {
    let Message {
        reply,
        headers,
        payload,
        ..
    } = request;
    let call = Call::new(headers.as_ref().map(from_nats).unwrap_or_default(), payload);
    flow.note(call.received);
    if reply.is_none() && call.headers.get(headers::FILLER).is_some() {
        return;
    }
    let inbox_prefix = &serving.client.connection().config().inbox_prefix;
    if let Some(reply) = &reply
        && !is_reply_inbox(reply, inbox_prefix)
    {
        // Answering would publish wherever the caller wants, in this service's name.
        warn!(subject = method.subject(), %reply, "a request whose reply subject is no inbox is dropped");
        method.stats().rejected();
        return;
    }
    match (method.dispatch(call), reply) {
        (Dispatched::Done(answer), Some(reply)) => {
            let message = outgoing(reply, answer);
            serving.client.outbox().publish(message).await;
        }
        (Dispatched::Done(_), None) => {}
        (Dispatched::Pending(running), reply) => {
            let tracker = serving.running.clone();
            let serving = serving.clone();
            tracker.spawn(async move {
                let answer = running.await;
                if let Some(reply) = reply {
                    let message = outgoing(reply, answer);
                    serving.client.outbox().enqueue(message).await;
                }
            });
        }
    }
}

/// Addresses a reply.
fn outgoing(reply: async_nats::Subject, answer: WireReply) -> Outgoing {
    let WireReply { headers, payload } = answer;
    Outgoing {
        subject: reply,
        reply: None,
        headers,
        payload,
    }
}

/// How many messages a subscription has seen, and how fast they come.
struct Flow {
    seen: u64,
    window_start: Instant,
    window_seen: u64,
    per_second: f64,
}

impl Flow {
    fn new() -> Self {
        Self {
            seen: 0,
            window_start: Instant::now(),
            window_seen: 0,
            per_second: 0.0,
        }
    }

    fn note(&mut self, received: Instant) {
        const WINDOW: Duration = Duration::from_millis(100);
        self.seen += 1;
        let elapsed = received.duration_since(self.window_start);
        if elapsed >= WINDOW {
            let count = self.seen - self.window_seen;
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
            let rate = count as f64 / elapsed.as_secs_f64();
            (self.per_second, self.window_start, self.window_seen) = (rate, received, self.seen);
        }
    }

    fn expected_within(&self, time: Duration) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is small and positive"
        )]
        let expected = (self.per_second * time.as_secs_f64()).ceil() as u64;
        expected
    }
}
