//! Messages on their way out, sent in batches.
//!
//! Handing messages to the connection one by one from many tasks wakes its task for each, and each
//! wake becomes a system call. Tasks put theirs into this queue instead; one task yields once, so
//! that more can join, and then hands over all of them in one go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::client::PublishError;
use async_nats::{HeaderMap, HeaderName, HeaderValue, Subject};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, yield_now};

use crate::connection::{Connection, Link};
use crate::protocol::Headers;

/// How many messages may wait. Past it, a call hands its message to the connection itself and waits
/// for a place there, and an event waits for a place here: the queue never grows and nothing is dropped.
const LONGEST: usize = 16_384;

/// A message to be published.
pub(crate) struct Outgoing {
    pub(crate) subject: Subject,
    pub(crate) reply: Option<Subject>,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
}

/// The queue of one connection.
pub(crate) struct Outbox {
    connection: Arc<Connection>,
    queue: Arc<Queue>,
    sender: AbortHandle,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Batch>,
    filled: Notify,
    emptied: Notify,
    /// Told when the messages of a full queue were taken out, for those who wait for a place.
    taken: Notify,
}

#[derive(Default)]
struct Batch {
    messages: Vec<Outgoing>,
    /// Whether the messages that were here before are being handed over now.
    sending: bool,
}

impl Outbox {
    /// Starts the task that sends.
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        let queue = Arc::<Queue>::default();
        let sender = tokio::spawn(send_batches(connection.clone(), queue.clone())).abort_handle();
        Self {
            connection,
            queue,
            sender,
        }
    }

    /// Sends a message with others that are under way now; past them, where too many are queued.
    pub(crate) async fn enqueue(&self, message: Outgoing) {
        if let Err(message) = self.queue.push(message) {
            // Boxed, because it is rare and every call would carry the room that it takes.
            Box::pin(self.publish(message)).await;
        }
    }

    /// Sends a message after all that were queued before it, and waits for a place while there is none.
    pub(crate) async fn enqueue_in_order(&self, mut message: Outgoing) {
        loop {
            // Listened for before the attempt, so that a place that comes in between is not missed.
            let taken = self.queue.taken.notified();
            message = match self.queue.push(message) {
                Ok(()) => return,
                Err(message) => message,
            };
            taken.await;
        }
    }

    /// Waits until every message that was queued before has been handed to the connection.
    pub(crate) async fn flush(&self) {
        while !self.queue.is_idle() {
            let handed_over = self.queue.emptied.notified();
            if self.queue.is_idle() {
                return;
            }
            handed_over.await;
        }
    }

    /// Sends a message at once; waits while the connection's own queue is full.
    pub(crate) async fn publish(&self, message: Outgoing) {
        publish(&self.connection.link(), message).await;
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Batch> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        let waiting = self.waiting();
        waiting.messages.is_empty() && !waiting.sending
    }

    fn push(&self, message: Outgoing) -> Result<(), Outgoing> {
        let mut waiting = self.waiting();
        if waiting.messages.len() >= LONGEST {
            return Err(message);
        }
        waiting.messages.push(message);
        if waiting.messages.len() == 1 {
            drop(waiting);
            self.filled.notify_one();
        }
        Ok(())
    }
}

async fn send_batches(connection: Arc<Connection>, queue: Arc<Queue>) {
    let mut batch = Vec::new();
    loop {
        queue.filled.notified().await;
        yield_now().await;
        {
            let mut waiting = queue.waiting();
            std::mem::swap(&mut batch, &mut waiting.messages);
            waiting.sending = true;
        }
        if batch.len() >= LONGEST {
            queue.taken.notify_waiters();
        }
        for message in batch.drain(..) {
            publish(&connection.link(), message).await;
        }
        queue.waiting().sending = false;
        queue.emptied.notify_waiters();
    }
}

/// Hands one message to a link. Failure means that the link is dead: the supervisor
/// replaces it, and those who wait for an answer are told by the disconnection.
pub(crate) async fn publish(link: &Link, message: Outgoing) {
    let sent = tokio::select! {
        biased;
        sent = hand_over(&link.nats, message) => sent,
        // A server that froze takes nothing, and the queue in front of it stays full: whoever waits
        // for a place there would wait on when there is a new link already.
        () = async { link.useless().await } => return,
    };
    if let Err(error) = sent {
        tracing::debug!("a message was not sent: {error}");
    }
}

async fn hand_over(nats: &async_nats::Client, message: Outgoing) -> Result<(), PublishError> {
    let Outgoing {
        subject,
        reply,
        headers,
        payload,
    } = message;
    match (reply, headers.is_empty()) {
        (None, true) => nats.publish(subject, payload).await,
        (None, false) => {
            let headers = to_nats(&headers);
            nats.publish_with_headers(subject, headers, payload).await
        }
        (Some(reply), true) => nats.publish_with_reply(subject, reply, payload).await,
        (Some(reply), false) => {
            let headers = to_nats(&headers);
            nats.publish_with_reply_and_headers(subject, reply, headers, payload)
                .await
        }
    }
}

/// Converts headers; what the client below would refuse or panic at is left out, which
/// [`Headers::insert`] has seen to already.
fn to_nats(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            map.append(name, value);
        }
    }
    map
}
