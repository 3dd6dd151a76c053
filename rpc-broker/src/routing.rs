//! From a published message to the outboxes of those it reaches.
//!
//! All of it happens inline in the publisher's reader, before its next
//! operation is read. That is what clients rely on: messages of one publisher
//! arrive in order, and a PONG proves that everything before the PING has
//! been routed.

use std::sync::Arc;

use crate::op::Publish;
use crate::protocol::write_no_responders;
use crate::session::Session;
use crate::subscriber::{Delivery, Subscriber, Subscription};

impl Session {
    /// Delivers a message, or tells the publisher that nobody listens.
    pub(crate) fn route(&mut self, publish: &Publish<'_>) {
        let options = self.options();
        let mut delivered = false;
        let mut finished = Vec::new();
        let mut deliver = |subscription: &Arc<Subscription>| {
            if !options.echo && Arc::ptr_eq(&subscription.owner, &self.me) {
                return false;
            }
            match subscription.deliver(publish) {
                Delivery::Refused => false,
                Delivery::Done { congested, last } => {
                    if congested {
                        self.congested = Some(Arc::clone(&subscription.owner));
                    }
                    if last {
                        finished.push(Arc::clone(subscription));
                    }
                    delivered = true;
                    true
                }
            }
        };
        let found = self.cache.find(&self.broker.sublist, publish.subject);
        for subscription in &found.plain {
            deliver(subscription);
        }
        for group in &found.groups {
            // A random first choice, then on while members refuse.
            let (later, first) = group
                .members
                .split_at(fastrand::usize(..group.members.len()));
            let _ = first.iter().chain(later).any(&mut deliver);
        }
        for subscription in &finished {
            self.broker.unsubscribe(subscription);
        }
        if !delivered {
            self.tell_no_responders(publish);
        }
    }

    /// Answers a request that reached nobody, so that the requester need not
    /// wait for its timeout.
    fn tell_no_responders(&mut self, publish: &Publish<'_>) {
        let Some(reply) = publish.reply.filter(|_| self.options().no_responders) else {
            return;
        };
        let found = self.cache.find(&self.broker.sublist, reply);
        let mine = |subscription: &&Arc<Subscription>| is_of(subscription, &self.me);
        // Not counted as a message of the subscription: clients end theirs
        // after one reply and still expect it.
        if let Some(inbox) = found.plain.iter().find(mine) {
            self.me
                .outbox
                .push(|buffer| write_no_responders(buffer, reply, &inbox.sid, publish.subject));
        }
    }
}

fn is_of(subscription: &Subscription, subscriber: &Arc<Subscriber>) -> bool {
    Arc::ptr_eq(&subscription.owner, subscriber)
}
