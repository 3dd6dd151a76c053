//! What all connections share: settings, the subject trie, the connections.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Config;
use crate::protocol::{Closing, ConnectionInfo, ServerInfo};
use crate::sublist::Sublist;
use crate::subscriber::{Subscriber, Subscription};

/// The state of one broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) config: Config,
    pub(crate) sublist: Sublist<Arc<Subscription>>,
    info: ServerInfo,
    /// The connections being served, by id.
    subscribers: Mutex<HashMap<u64, Arc<Subscriber>>>,
    last_id: AtomicU64,
    lame_duck: AtomicBool,
}

impl Broker {
    /// Creates a broker that listens on `address`.
    pub(crate) fn new(config: Config, address: SocketAddr) -> Self {
        Self {
            info: ServerInfo::new(address, config.max_payload, config.auth.is_some()),
            config,
            sublist: Sublist::new(),
            subscribers: Mutex::default(),
            last_id: AtomicU64::new(0),
            lame_duck: AtomicBool::new(false),
        }
    }

    /// Makes the receiving side of a new connection, with INFO as its first
    /// bytes.
    pub(crate) fn welcome(&self, ip: IpAddr) -> Arc<Subscriber> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let subscriber = Subscriber::new(id, ip, self.config.max_pending);
        let info = self.connection_info(&subscriber);
        self.send_info(&subscriber, &info);
        Arc::new(subscriber)
    }

    /// Counts the connection among those served, if there is room.
    pub(crate) fn admit(&self, subscriber: &Arc<Subscriber>) -> bool {
        let mut subscribers = self.lock();
        let has_room = subscribers.len() < self.config.max_connections;
        if has_room {
            subscribers.insert(subscriber.id, Arc::clone(subscriber));
        }
        has_room
    }

    /// Forgets a connection.
    pub(crate) fn dismiss(&self, subscriber: &Subscriber) {
        self.lock().remove(&subscriber.id);
    }

    /// Removes a subscription wherever it is known.
    pub(crate) fn unsubscribe(&self, subscription: &Arc<Subscription>) {
        if subscription.owner.remove(subscription) {
            self.remove_from_sublist(subscription);
        }
    }

    /// Removes all subscriptions of a connection.
    pub(crate) fn unsubscribe_all(&self, subscriber: &Subscriber) {
        for subscription in subscriber.take_subscriptions() {
            self.remove_from_sublist(&subscription);
        }
    }

    /// Sends the INFO that follows the first PONG.
    pub(crate) fn send_connect_info(&self, subscriber: &Subscriber) {
        let info = self.connection_info(subscriber).connected();
        self.send_info(subscriber, &info);
    }

    /// Tells all clients that follow INFO to go elsewhere.
    pub(crate) fn announce_lame_duck(&self) {
        self.lame_duck.store(true, Ordering::Relaxed);
        for subscriber in self.subscribers() {
            if subscriber.follows_info() {
                self.send_info(&subscriber, &self.connection_info(&subscriber));
            }
        }
    }

    /// Ends all connections once what waits for them is written.
    pub(crate) fn end_connections(&self) {
        for subscriber in self.subscribers() {
            subscriber.outbox.end(Closing::Shutdown);
        }
    }

    fn connection_info(&self, subscriber: &Subscriber) -> ConnectionInfo {
        let lame_duck = self.lame_duck.load(Ordering::Relaxed);
        ConnectionInfo::new(subscriber.id, subscriber.ip, lame_duck)
    }

    fn send_info(&self, subscriber: &Subscriber, info: &ConnectionInfo) {
        subscriber
            .outbox
            .push(|buffer| self.info.write(info, buffer));
    }

    fn remove_from_sublist(&self, subscription: &Arc<Subscription>) {
        let queue = subscription.queue.as_deref();
        self.sublist
            .remove(&subscription.filter, queue, subscription);
    }

    /// A copy, so that no connection is touched under the lock.
    fn subscribers(&self) -> Vec<Arc<Subscriber>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Subscriber>>> {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
