//! Serves one instance: messages in, replies out.
//!
//! Each method has a subscription and an eager loop of its own. A call that ends in its first poll
//! is answered from the loop; one that waits is driven by a task. A method that is full refuses, or
//! leaves its queue group for a while. Stopping ends the subscriptions
//! first, in a way that loses no message, then finishes the running calls, then says goodbye.

mod aside;
mod calls;
mod cancel;
mod drain;
mod events;
mod leave;
mod loops;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use self::leave::Leave;
use self::loops::Loops;
use crate::client::Client;
use crate::connection::{Denied, Link};
use crate::discovery;
use crate::endpoint::WhenFull;
use crate::error::RunError;
use crate::instance::Instance;
use crate::outbox::{Outgoing, publish};
use crate::protocol::Headers;
use crate::rarely::Rarely;

/// How long the server may take to prove the subscriptions.
const PROOF: Duration = Duration::from_secs(5);
/// What those have that are told to stop when no time is left.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the loops of one instance share.
pub(crate) struct Serving {
    instance: Arc<Instance>,
    client: Client,
    stop: Leave,
    running: TaskTracker,
    /// Requests whose reply subject is no inbox.
    misaddressed: Rarely,
    /// When the drain must be over.
    end: OnceLock<Instant>,
}

impl Serving {
    pub(crate) fn new(
        instance: Arc<Instance>,
        client: Client,
        stop: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let running = TaskTracker::new();
        Arc::new(Self {
            instance,
            client,
            stop: Leave::new(stop),
            running,
            misaddressed: Rarely::default(),
            end: OnceLock::new(),
        })
    }

    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Says when the drain must be over, before it begins.
    pub(crate) fn end_by(&self, end: Instant) {
        let _ = self.end.set(end);
    }

    /// Returns how long the drain may still take.
    fn patience(&self) -> Duration {
        // Whoever ends everything at once has no patience for a connection that takes nothing.
        let end = self.end.get().filter(|_| !self.instance.cut.is_cancelled());
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        left.unwrap_or_default().max(LAST_WORDS)
    }

    /// Starts the timers, which end when the instance stops.
    pub(crate) fn start_timers(self: &Arc<Self>) {
        for timer in &self.instance.entrypoints.timers {
            let (serving, timer) = (self.clone(), timer.clone());
            self.running
                .spawn(async move { timer.run(serving.stop.said()).await });
        }
    }
}

/// What the loops of one instance share on one link.
struct OnLink {
    serving: Arc<Serving>,
    link: Arc<Link>,
    /// Whether the loop that has this shall leave the link.
    leave: Leave,
}

impl OnLink {
    /// Sends a reply the way its request came, where that still works: another server may not reach
    /// the caller.
    async fn reply(&self, message: Outgoing) {
        match self.link.takes_replies() {
            true => publish(&self.link, message).await,
            false => self.serving.client.outbox().publish(message).await,
        }
    }

    /// Sends a reply with others that are under way now.
    async fn reply_later(&self, message: Outgoing) {
        match self.link.is_left() {
            false => self.serving.client.outbox().enqueue(message).await,
            true => Box::pin(self.reply(message)).await,
        }
    }
}

/// The subscriptions of one instance on one link.
struct Subscribed {
    link: Arc<Link>,
    /// The members of queue groups: of all their subscriptions, one gets a message.
    grouped: Loops,
    /// The handlers of broadcasts: each of their subscriptions gets every message.
    broadcasts: Loops,
    discovery: JoinSet<()>,
    /// Ends discovery.
    silence: CancellationToken,
}

/// Subscribes, proves the subscriptions and serves; returns when callers may call.
pub(crate) async fn serve(serving: Arc<Serving>) -> Result<JoinHandle<()>, RunError> {
    let mut denied = serving.client.connection().denied();
    let subscribed = subscribe_and_prove(&serving).await;
    // The server reports what it denies before it answers the proof, which needs no other right.
    let denied = denied_of(&serving.instance, &mut denied);
    let first = match (subscribed, denied) {
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
        drain::stop(&serving, last).await;
    }))
}

/// Returns what the server said of a subscription that it denies to this instance. Others of the
/// same connection, such as those of a service that runs already, keep no message away from it.
fn denied_of(instance: &Instance, denied: &mut broadcast::Receiver<Denied>) -> Option<String> {
    loop {
        match denied.try_recv() {
            Ok(denied) if listens_to(instance, &denied.subject) => return Some(denied.text),
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(_) => return None,
        }
    }
}

fn listens_to(instance: &Instance, subject: &str) -> bool {
    let mut methods = instance.dispatchers.iter();
    let mut events = instance.entrypoints.events.iter();
    methods.any(|method| method.subject() == subject)
        || events.any(|handler| handler.subject == subject)
        || discovery::subjects(instance).any(|of_discovery| of_discovery == subject)
}

/// Serves on one link after the other.
///
/// When there is a new one, the server of the old may still hand calls to it, so that is served until
/// it has been left in order. There are few of those: the connection says when one is over.
async fn serve_until_stopped(serving: &Arc<Serving>, mut current: Subscribed) -> Subscribed {
    let mut old = JoinSet::new();
    loop {
        tokio::select! {
            () = serving.stop.said() => break,
            () = current.link.replaced() => {}
        }
        drain::leave_broadcasts(serving, &mut current).await;
        let failed = Rarely::default();
        let next = loop {
            match subscribe_and_prove(serving).await {
                Ok(next) => break Some(next),
                Err(reason) if serving.stop.is_said() => {
                    warn!(
                        service = serving.instance.name,
                        reason, "stopping without a connection"
                    );
                    break None;
                }
                Err(reason) => {
                    if let Some(times) = failed.once_more() {
                        error!(
                            service = serving.instance.name,
                            times, reason, "not serving, trying again"
                        );
                    }
                    sleep(Duration::from_millis(200)).await;
                }
            }
        };
        let Some(next) = next else { break };
        while old.try_join_next().is_some() {}
        old.spawn(drain::leave(
            serving.clone(),
            std::mem::replace(&mut current, next),
        ));
    }
    while old.join_next().await.is_some() {}
    current
}

/// Subscribes to every method and to discovery, then calls the instance's own PING: the answer
/// proves that the server has processed the subscriptions, because it processes them in order.
async fn subscribe_and_prove(serving: &Arc<Serving>) -> Result<Subscribed, String> {
    let link = serving.client.connection().link().clone();
    let instance = &serving.instance;
    let failed = |error: async_nats::SubscribeError| error.to_string();
    let (mut grouped, mut broadcasts) = (Loops::default(), Loops::default());
    let on = |loops: &Loops| {
        Arc::new(OnLink {
            serving: serving.clone(),
            link: link.clone(),
            leave: loops.word(),
        })
    };
    let (in_group, alone) = (on(&grouped), on(&broadcasts));
    for dispatcher in &instance.dispatchers {
        let subject = dispatcher.subject().to_owned();
        let group = instance.queue_group.to_owned();
        let requests = link
            .nats
            .queue_subscribe(subject, group)
            .await
            .map_err(failed)?;
        let (on, dispatcher) = (in_group.clone(), dispatcher.clone());
        match dispatcher.spec().options.when_full {
            WhenFull::Busy => grouped.spawn(serve_all(on, dispatcher, requests)),
            WhenFull::StepAside => grouped.spawn(aside::serve_method(on, dispatcher, requests)),
        }
    }
    for handler in &instance.entrypoints.events {
        let subject = handler.subject.to_owned();
        let (loops, on, events) = match &handler.queue_group {
            Some(group) => {
                let events = link.nats.queue_subscribe(subject, group.clone());
                (&mut grouped, &in_group, events.await.map_err(failed)?)
            }
            None => {
                let events = link.nats.subscribe(subject).await.map_err(failed)?;
                (&mut broadcasts, &alone, events)
            }
        };
        loops.spawn(serve_all(on.clone(), handler.clone(), events));
    }
    let questions = discovery::subscribe(&link.nats, instance)
        .await
        .map_err(failed)?;
    let mut discovery = JoinSet::new();
    let silence = CancellationToken::new();
    let inbox_prefix = serving.client.connection().config().inbox_prefix.clone();
    discovery.spawn(discovery::answer(
        link.nats.clone(),
        instance.clone(),
        inbox_prefix,
        questions,
        silence.clone(),
    ));

    instance.check_info(link.nats.max_payload())?;
    let own_ping = discovery::own_ping(instance);
    let proof = serving
        .client
        .exchange(&own_ping, Headers::new(), Bytes::new(), PROOF);
    proof.await.map_err(|error| error.to_string())?;
    Ok(Subscribed {
        link,
        grouped,
        broadcasts,
        discovery,
        silence,
    })
}

/// What takes the messages of one subscription: the calls of a method, or the events of a handler.
trait Takes: Send + Sync + 'static {
    /// Takes one message as far as it goes without waiting for more than a place to send.
    fn take(&self, on: &Arc<OnLink>, message: Message) -> impl Future<Output = ()> + Send;
}

/// Takes the messages of one subscription on one link until it is time to leave.
async fn serve_all(on: Arc<OnLink>, taker: impl Takes, mut messages: Subscriber) {
    let mut told = pin!(on.leave.said());
    // Under load there is always a message, so the cheap look comes before every one of them.
    while !on.leave.is_said() {
        tokio::select! {
            biased;
            message = messages.next() => match message {
                Some(message) => taker.take(&on, message).await,
                None => return,
            },
            () = &mut told => break,
        }
    }
    drain::take_last(&on, &taker, messages).await;
}
