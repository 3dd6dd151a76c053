//! Stopping without losing a call: first the subscriptions, then the running calls, then discovery.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::timeout;
use tracing::warn;

use super::flow::Flow;
use super::{Serving, Subscribed, handle};
use crate::discovery;
use crate::dispatch::Dispatcher;
use crate::outbox::Outgoing;
use crate::protocol::{Headers, headers};

/// An endpoint that does not get its last messages while it stops is unsubscribed after this.
const IDLE_STOP: Duration = Duration::from_millis(500);
/// How many more messages than its rate says an endpoint may get while it stops: whoever has
/// called one after the other at a low rate may still call all at once.
const BURST: u64 = 256;
/// A stopping endpoint sends itself no more messages at once.
const MOST_FILLERS: u64 = 4096;
/// How long calls that are cut short may take to answer so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Finishes without losing a call: first the subscriptions, then the calls, then discovery.
pub(super) async fn stop(serving: &Arc<Serving>, mut last: Subscribed) {
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
    last.silence.cancel();
    let silent = async { while last.discovery.join_next().await.is_some() {} };
    if timeout(LAST_WORDS, silent).await.is_err() {
        last.discovery.shutdown().await;
    }
}

/// Serves what comes to a method while its subscription ends.
pub(super) async fn take_last(
    serving: &Arc<Serving>,
    method: &Arc<Dispatcher>,
    mut requests: Subscriber,
    mut flow: Flow,
) {
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
            Some(Some(request)) => handle(serving, method, request, &mut flow).await,
            Some(None) => return,
            None if Instant::now() >= give_up => break,
            None => {
                let missing = last.saturating_sub(flow.seen);
                send_fillers(serving, method, (missing * instances).min(MOST_FILLERS)).await;
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
            handle(serving, method, request, &mut flow).await;
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
