//! Leaving without losing a call: a queue group, a link that was replaced, or for good.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::task::unconstrained;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::{LAST_WORDS, OnLink, Serving, Subscribed, Takes};
use crate::discovery;

/// After how many messages the server shall end a subscription: at once.
///
/// A plain UNSUB would do for the server, but with it the client below forgets the subscription
/// too, and drops what is still under way. It keeps one that has a maximum to reach. The server,
/// for its part, reads no number of more than nine digits: to it a longer one is a maximum that is
/// reached. Were it to count that far one day, calls would come until the subscription is dropped.
const AT_ONCE: u64 = u64::MAX;
/// How long the server may take to say that it has ended a subscription.
const ECHO: Duration = Duration::from_millis(500);
/// How often a frozen server is asked whether it answers again.
const LOOK: Duration = Duration::from_millis(50);

/// Finishes without losing a call: first the subscriptions, then the calls, then discovery.
pub(super) async fn stop(serving: &Arc<Serving>, mut last: Subscribed) {
    let service = serving.instance.name;
    let finish = async {
        discovery::announce(&last.link.nats, &serving.instance, "stopping").await;
        last.grouped.tell();
        last.broadcasts.tell();
        last.grouped.ended().await;
        last.broadcasts.ended().await;
        serving.running.close();
        serving.running.wait().await;
    };
    let aborted = serving.instance.cut.is_cancelled();
    if timeout(serving.patience(), finish).await.is_err() {
        let left = serving.running.len();
        warn!(
            service,
            left, "the drain took too long, the calls that still run are ended"
        );
        last.grouped.cut().await;
        last.broadcasts.cut().await;
        serving.instance.cut.cancel();
        serving.running.close();
        // One that blocks its thread cannot be ended.
        let _ = timeout(LAST_WORDS, serving.running.wait()).await;
    }
    if !aborted {
        serving.instance.on_stop(serving.patience()).await;
    }
    serving.instance.log_entrypoints();
    serving.client.flush().await;
    last.silence.cancel();
    let silent = async { while last.discovery.join_next().await.is_some() {} };
    if timeout(LAST_WORDS, silent).await.is_err() {
        last.discovery.shutdown().await;
    }
}

/// Ends the broadcasts of a link that was replaced, before the new one subscribes to them: an event
/// that came on both would be handled twice, and one that comes on neither may be lost.
pub(super) async fn leave_broadcasts(serving: &Serving, old: &mut Subscribed) {
    if old.broadcasts.is_empty() {
        return;
    }
    // Of a dead link, what comes when its server thaws has come on the new one, too.
    if !old.link.is_dead() {
        let left = async {
            old.broadcasts.tell();
            old.broadcasts.ended().await;
            // An event that was handled here may still be under way from the old server to the new
            // one. What is sent here now and heard there has followed it.
            let new = serving.client.connection().link().clone();
            old.link.reaches(&new, ECHO).await;
        };
        if timeout(LAST_WORDS, left).await.is_err() {
            debug!("the broadcasts of the old connection were not left in time");
        }
    }
    old.broadcasts.cut().await;
}

/// Leaves a link that was replaced, as soon as its server answers: one that is frozen may have calls
/// for it which it hands over when it thaws.
pub(super) async fn leave(serving: Arc<Serving>, mut old: Subscribed) {
    // Discovery answers on the new link by now.
    old.silence.cancel();
    let answers = async {
        while !old.link.echo(ECHO).await {
            sleep(LOOK).await;
        }
        // Who is on the old server shall find the way to the new one before it is the only one.
        let new = serving.client.connection().link().clone();
        old.link.reaches(&new, ECHO).await;
    };
    tokio::select! {
        () = answers => {}
        () = old.link.over() => {}
        () = serving.stop.said() => {}
        () = old.grouped.ended() => return,
    }
    old.grouped.tell();
    // What the server has sent may be much, and there is time for it while the process lives on.
    tokio::select! {
        () = old.grouped.ended() => return,
        () = old.link.over() => {}
        () = serving.stop.said() => {}
    }
    // Whoever dies there loses what the server has sent and nobody has taken.
    if timeout(LAST_WORDS, old.grouped.ended()).await.is_err() {
        debug!("the old connection was not left in time");
    }
}

/// Ends a subscription and takes what the server has sent until then.
pub(super) async fn take_last(on: &Arc<OnLink>, taker: &impl Takes, mut messages: Subscriber) {
    if on.serving.instance.cut.is_cancelled() {
        let _ = messages.unsubscribe().await;
        return;
    }
    if messages.unsubscribe_after(AT_ONCE).await.is_err() {
        return;
    }
    // The server works through what a connection sends in its order, and sends in order too: what it
    // had for this subscription is here when an echo that was sent after the word to end it is.
    let mut echo = pin!(echoed(on));
    loop {
        tokio::select! {
            biased;
            message = messages.next() => match message {
                Some(message) => taker.take(on, message).await,
                None => return,
            },
            () = &mut echo => break,
        }
    }
    // Unconstrained, because a task that has done much in one go is told that there is nothing.
    while let Some(Some(message)) = unconstrained(messages.next()).now_or_never() {
        taker.take(on, message).await;
    }
}

/// Resolves when the server has answered on this link, or will not. Until then it may have messages
/// for it: a slow server is asked again, with more patience each time.
async fn echoed(on: &OnLink) {
    let (link, serving) = (&on.link, &on.serving);
    let mut patience = ECHO;
    while !link.echo(patience).await {
        // Who stops has given a dead link the time of a heartbeat to come back; who lives on is
        // there when a frozen server thaws.
        let hopeless = link.is_dead() && serving.stop.is_said();
        if hopeless || !link.is_connected() || serving.instance.cut.is_cancelled() {
            return;
        }
        patience *= 2;
    }
}
