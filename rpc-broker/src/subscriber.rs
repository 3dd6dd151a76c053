//! What other connections see of a client: its outbox and its subscriptions.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::op::Publish;
use crate::outbox::{Outbox, Pushed};
use crate::protocol::write_message;

/// The receiving side of one connection.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) id: u64,
    pub(crate) ip: IpAddr,
    pub(crate) outbox: Outbox,
    /// Whether the client announced that it reads headers.
    reads_headers: AtomicBool,
    /// Whether the client follows INFO that comes after the first.
    follows_info: AtomicBool,
    /// By sid. Holds the subscriptions that hold this subscriber, a cycle
    /// that [`Subscriber::take_subscriptions`] breaks.
    subscriptions: Mutex<HashMap<Bytes, Arc<Subscription>>>,
}

/// One subscription of one client.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) owner: Arc<Subscriber>,
    pub(crate) filter: Bytes,
    pub(crate) queue: Option<Bytes>,
    pub(crate) sid: Bytes,
    delivered: AtomicU64,
    /// Messages after which the subscription ends; zero for never.
    max: AtomicU64,
}

/// What became of a message at one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It waits in the owner's outbox, which is filling up if `congested`;
    /// `last` says that the subscription has now had all it asked for.
    Done { congested: bool, last: bool },
    /// The subscription does not take it.
    Refused,
}

impl Subscriber {
    pub(crate) fn new(id: u64, ip: IpAddr, max_pending: usize) -> Self {
        Self {
            id,
            ip,
            outbox: Outbox::new(max_pending),
            reads_headers: AtomicBool::new(false),
            follows_info: AtomicBool::new(false),
            subscriptions: Mutex::default(),
        }
    }

    pub(crate) fn set_reads_headers(&self, reads: bool) {
        self.reads_headers.store(reads, Ordering::Relaxed);
    }

    pub(crate) fn set_follows_info(&self) {
        self.follows_info.store(true, Ordering::Relaxed);
    }

    pub(crate) fn follows_info(&self) -> bool {
        self.follows_info.load(Ordering::Relaxed)
    }

    pub(crate) fn subscription(&self, sid: &[u8]) -> Option<Arc<Subscription>> {
        self.lock().get(sid).cloned()
    }

    pub(crate) fn subscription_count(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn add(&self, subscription: Arc<Subscription>) {
        self.lock().insert(subscription.sid.clone(), subscription);
    }

    /// Forgets a subscription; tells whether it was still known.
    pub(crate) fn remove(&self, subscription: &Subscription) -> bool {
        let mut subscriptions = self.lock();
        let known = subscriptions
            .get(&subscription.sid)
            .is_some_and(|known| **known == *subscription);
        if known {
            subscriptions.remove(&subscription.sid);
        }
        known
    }

    /// Forgets all subscriptions and returns them.
    pub(crate) fn take_subscriptions(&self) -> Vec<Arc<Subscription>> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Bytes, Arc<Subscription>>> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    pub(crate) fn new(
        owner: Arc<Subscriber>,
        filter: Bytes,
        queue: Option<Bytes>,
        sid: Bytes,
    ) -> Self {
        Self {
            owner,
            filter,
            queue,
            sid,
            delivered: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    /// Limits the messages in total, those already delivered included; tells
    /// whether there is anything left to wait for.
    pub(crate) fn limit(&self, max: u64) -> bool {
        let waits = max > self.delivered.load(Ordering::Relaxed);
        if waits {
            self.max.store(max, Ordering::Relaxed);
        }
        waits
    }

    /// Appends the message to the owner's outbox.
    pub(crate) fn deliver(&self, publish: &Publish<'_>) -> Delivery {
        let max = self.max.load(Ordering::Relaxed);
        let count = self.delivered.fetch_add(1, Ordering::Relaxed) + 1;
        if max != 0 && count > max {
            return Delivery::Refused;
        }
        let reads_headers = self.owner.reads_headers.load(Ordering::Relaxed);
        let write =
            |buffer: &mut BytesMut| write_message(buffer, publish, &self.sid, reads_headers);
        match self.owner.outbox.push(write) {
            Pushed::Refused => Delivery::Refused,
            pushed => Delivery::Done {
                congested: pushed == Pushed::Congested,
                last: count == max,
            },
        }
    }
}

/// A subscription is only equal to itself: a sid may be used again.
impl PartialEq for Subscription {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}
