//! One client as its reader sees it: options, subscriptions, answers.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::broker::Broker;
use crate::config::Credentials;
use crate::keepalive::Pulse;
use crate::match_cache::MatchCache;
use crate::op::Connect;
use crate::protocol::{ProtocolError, Rules, write_error};
use crate::subscriber::{Subscriber, Subscription};

/// The state of one connection that only its reader touches.
///
/// Dropping it removes all traces of the client from the broker, so even a
/// panic leaves no subscription behind.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) broker: Arc<Broker>,
    pub(crate) me: Arc<Subscriber>,
    pub(crate) cache: MatchCache<Arc<Subscription>>,
    /// A receiver that reads slower than this client publishes.
    pub(crate) congested: Option<Arc<Subscriber>>,
    options: Options,
    credentials: Credentials,
    pulse: Arc<Pulse>,
    connected: bool,
    connect_info_sent: bool,
}

/// What CONNECT decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    pub(crate) echo: bool,
    pub(crate) headers: bool,
    pub(crate) no_responders: bool,
    pub(crate) protocol: i64,
}

impl Default for Options {
    /// What holds for a client that has not sent CONNECT.
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            protocol: 0,
        }
    }
}

impl Session {
    pub(crate) fn new(broker: Arc<Broker>, me: Arc<Subscriber>, pulse: Arc<Pulse>) -> Self {
        Self {
            broker,
            me,
            cache: MatchCache::new(),
            congested: None,
            options: Options::default(),
            credentials: Credentials::default(),
            pulse,
            connected: false,
            connect_info_sent: false,
        }
    }

    /// Returns what the parser has to hold the next operation against.
    pub(crate) fn rules(&self) -> Rules {
        let config = &self.broker.config;
        Rules {
            max_control_line: config.max_control_line,
            max_payload: config.max_payload,
            headers: self.options.headers,
            awaiting_auth: config.auth.is_some() && !self.connected,
        }
    }

    pub(crate) fn options(&self) -> Options {
        self.options
    }

    pub(crate) fn is_pedantic(&self) -> bool {
        self.options.pedantic
    }

    /// Tells whether the credentials presented so far are enough.
    pub(crate) fn is_authorized(&self) -> bool {
        let auth = self.broker.config.auth.as_ref();
        auth.is_none_or(|auth| auth.accepts(&self.credentials))
    }

    /// Takes over what a CONNECT names; the rest keeps its value.
    pub(crate) fn set_options(&mut self, connect: Connect) {
        let old = self.options;
        self.options = Options {
            verbose: connect.verbose.unwrap_or(old.verbose),
            pedantic: connect.pedantic.unwrap_or(old.pedantic),
            echo: connect.echo.unwrap_or(old.echo),
            headers: connect.headers.unwrap_or(old.headers),
            no_responders: connect.no_responders.unwrap_or(old.no_responders),
            protocol: connect.protocol.unwrap_or(old.protocol),
        };
        self.me.set_reads_headers(self.options.headers);
        let old = std::mem::take(&mut self.credentials);
        self.credentials = Credentials {
            user: connect.credentials.user.or(old.user),
            password: connect.credentials.password.or(old.password),
            token: connect.credentials.token.or(old.token),
        };
    }

    /// Begins a connected session; one that was connected begins anew, without
    /// its subscriptions.
    pub(crate) fn connect(&mut self) {
        if self.connected {
            self.drop_subscriptions();
        } else {
            self.connected = true;
            self.pulse.connected();
        }
    }

    pub(crate) fn note_activity(&self) {
        self.pulse.active();
    }

    pub(crate) fn note_pong(&self) {
        self.pulse.answered();
    }

    /// Appends to the client's own outbox.
    pub(crate) fn send(&self, write: impl FnOnce(&mut BytesMut)) {
        // A refusal means the connection is ending, which its writer reports.
        self.me.outbox.push(write);
    }

    pub(crate) fn send_ok(&self) {
        if self.options.verbose {
            self.send(|buffer| buffer.extend_from_slice(b"+OK\r\n"));
        }
    }

    pub(crate) fn send_error(&self, error: &ProtocolError) {
        self.send(|buffer| write_error(buffer, error));
    }

    /// Sends INFO with the client's account, after the first PONG that
    /// follows CONNECT, to clients that announced they follow INFO.
    pub(crate) fn send_connect_info_once(&mut self) {
        if self.connected && !self.connect_info_sent && self.options.protocol >= 1 {
            self.connect_info_sent = true;
            self.me.set_follows_info();
            self.broker.send_connect_info(&self.me);
        }
    }

    pub(crate) fn has_subscription(&self, sid: &[u8]) -> bool {
        self.me.subscription(sid).is_some()
    }

    pub(crate) fn is_at_subscription_limit(&self) -> bool {
        self.broker
            .config
            .max_subscriptions
            .is_some_and(|limit| self.me.subscription_count() >= limit)
    }

    /// Adds a subscription unless the sid is in use.
    pub(crate) fn subscribe(&self, filter: Bytes, queue: Option<Bytes>, sid: Bytes) {
        if self.has_subscription(&sid) {
            return;
        }
        let subscription = Arc::new(Subscription::new(Arc::clone(&self.me), filter, queue, sid));
        self.me.add(Arc::clone(&subscription));
        let (filter, queue) = (&subscription.filter, subscription.queue.as_deref());
        self.broker
            .sublist
            .insert(filter, queue, Arc::clone(&subscription));
    }

    /// Ends a subscription once it has had `max` messages in total.
    pub(crate) fn unsubscribe(&self, sid: &[u8], max: u64) {
        if let Some(subscription) = self.me.subscription(sid)
            && !subscription.limit(max)
        {
            self.broker.unsubscribe(&subscription);
        }
    }

    fn drop_subscriptions(&self) {
        self.broker.unsubscribe_all(&self.me);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.drop_subscriptions();
        self.broker.dismiss(&self.me);
    }
}
