//! One connection to one server at a time, and how long it is of use.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::Subscriber;
use async_nats::connection::State;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long after one try to be heard on another link the next comes.
const AGAIN: Duration = Duration::from_millis(20);

/// One connection. It is current, then replaced, and later over.
pub(crate) struct Link {
    pub(crate) nats: async_nats::Client,
    pub(super) generation: u64,
    /// The subscription of the reply inbox. It is there before anything can be sent on the link,
    /// because a reply may come as soon as a request has gone.
    replies: Mutex<Option<Subscriber>>,
    dead: AtomicBool,
    left: AtomicBool,
    replaced: CancellationToken,
    over: CancellationToken,
}

impl Link {
    pub(super) fn new(nats: async_nats::Client, generation: u64, replies: Subscriber) -> Self {
        Self {
            nats,
            generation,
            replies: Mutex::new(Some(replies)),
            dead: AtomicBool::new(false),
            left: AtomicBool::new(false),
            replaced: CancellationToken::new(),
            over: CancellationToken::new(),
        }
    }

    /// Returns the subscription of the reply inbox, to the first who asks.
    pub(crate) fn take_replies(&self) -> Option<Subscriber> {
        self.replies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Makes a round trip through the server on this very link, and returns whether it came back
    /// within `limit`.
    pub(crate) async fn echo(&self, limit: Duration) -> bool {
        // While it connects again, nothing would come back.
        if !self.is_connected() {
            return false;
        }
        let round_trip = async {
            let inbox = self.nats.new_inbox();
            let mut echo = self.nats.subscribe(inbox.clone()).await.ok()?;
            self.nats.publish(inbox, Bytes::new()).await.ok()?;
            echo.next().await
        };
        matches!(timeout(limit, round_trip).await, Ok(Some(_)))
    }

    /// Returns whether what is sent on this link is heard on `other` within `limit`: then the servers
    /// of both know what `other` has subscribed to. Servers that are no cluster never do.
    pub(crate) async fn reaches(&self, other: &Self, limit: Duration) -> bool {
        let heard = async {
            let inbox = other.nats.new_inbox();
            let mut echo = other.nats.subscribe(inbox.clone()).await.ok()?;
            loop {
                self.nats.publish(inbox.clone(), Bytes::new()).await.ok()?;
                if let Ok(echo) = timeout(AGAIN, echo.next()).await {
                    return echo;
                }
            }
        };
        matches!(timeout(limit, heard).await, Ok(Some(_)))
    }

    /// Resolves when another link is the current one. What the server has sent here may still come,
    /// also of a link that was dead when it was replaced: a frozen server thaws.
    pub(crate) async fn replaced(&self) {
        self.replaced.cancelled().await;
    }

    /// Resolves when nothing should be sent here any more.
    pub(crate) async fn useless(&self) {
        self.replaced().await;
        if !self.is_dead() {
            self.over.cancelled().await;
        }
    }

    /// Returns whether it has a server now, which may be frozen.
    pub(crate) fn is_connected(&self) -> bool {
        self.nats.connection_state() == State::Connected
    }

    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced.is_cancelled()
    }

    /// Resolves when whoever still listens on a link that was replaced shall let go of it.
    pub(crate) fn over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }

    /// Returns whether the link was replaced because it was dead: what was sent on it may be lost.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Relaxed)
    }

    /// Returns whether the link was replaced although it works.
    pub(crate) fn is_left(&self) -> bool {
        self.left.load(Relaxed)
    }

    /// Returns whether what is sent here goes to a server soon, as far as anybody knows. A link that
    /// was left connects again by itself, and nobody knows when.
    pub(crate) fn takes_replies(&self) -> bool {
        !self.is_dead() && (!self.is_left() || self.is_connected())
    }

    pub(super) fn die(&self) {
        self.dead.store(true, Relaxed);
    }

    pub(super) fn replace(&self) {
        self.left.store(!self.is_dead(), Relaxed);
        self.replaced.cancel();
    }

    pub(super) fn end(&self) {
        self.over.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rpc_broker::EmbeddedBroker;

    #[tokio::test]
    async fn a_link_takes_replies_until_it_is_dead_or_left_and_without_a_server() {
        let config = rpc_broker::Config {
            port: 0,
            ..Default::default()
        };
        let broker = EmbeddedBroker::start(config).unwrap();
        let nats = async_nats::connect(broker.url()).await.unwrap();
        let mut links = Vec::new();
        for generation in 0..3 {
            let replies = nats.subscribe(nats.new_inbox()).await.unwrap();
            links.push(Link::new(nats.clone(), generation, replies));
        }
        let [current, left, dead] = &links[..] else {
            unreachable!()
        };
        left.replace();
        dead.die();
        dead.replace();
        let take = || [current, left, dead].map(Link::takes_replies);
        assert_eq!(take(), [true, true, false]);
        broker.shutdown();
        let gone = async {
            while current.is_connected() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(15), gone).await.unwrap();
        // The current one is all there is: it keeps them until there is a server again.
        assert_eq!(take(), [true, false, false]);
    }
}
