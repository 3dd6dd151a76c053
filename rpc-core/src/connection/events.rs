//! What a link's events tell: whether it is connected, and what the server does not allow.
//!
//! Each is a log line and a counter. What comes many times a second is logged less often.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use async_nats::{ClientError, Event, ServerError};
use tokio::sync::{broadcast, mpsc, watch};
use tracing::{debug, error, info, warn};

use super::counters::Counters;
use crate::protocol::subject::is_cancellation;
use crate::rarely::Rarely;

/// How many refusals wait to be heard. One more is dropped, and its call ends at its deadline.
const MOST_REFUSALS: usize = 1_024;

/// How many denied subscriptions wait for whoever starts meanwhile. One more takes the place of the
/// oldest: one alone is reason enough not to start.
const MOST_DENIED: usize = 64;

/// A subscription that the server did not allow.
#[derive(Clone)]
pub(crate) struct Denied {
    pub(crate) subject: String,
    /// What the server said.
    pub(crate) text: String,
}

/// What the events of the current link told us.
pub(super) struct Events {
    inbox_prefix: String,
    /// Whose events count: a link that was replaced lives on for a while, and what happens to it
    /// then says nothing of the current one.
    pub(super) generation: AtomicU64,
    pub(super) connected: AtomicBool,
    pub(super) closing: AtomicBool,
    pub(super) counters: Counters,
    pub(super) disconnects: watch::Sender<u64>,
    pub(super) denied: broadcast::Sender<Denied>,
    pub(super) refusals: Refusals,
    /// Whether the server has said that it is about to shut down.
    pub(super) lame: watch::Sender<bool>,
    /// What has failed in the client below since it was connected.
    client_errors: Rarely,
    /// Whether the server takes the credentials no more, or not yet again.
    refused: AtomicBool,
    /// Whether the server lets us hear that callers have given up.
    deaf: AtomicBool,
}

/// Subjects that the server did not let us publish on.
pub(super) struct Refusals {
    sender: mpsc::Sender<String>,
    pub(super) receiver: Mutex<Option<mpsc::Receiver<String>>>,
}

impl Default for Refusals {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(MOST_REFUSALS);
        let receiver = Mutex::new(Some(receiver));
        Self { sender, receiver }
    }
}

impl Events {
    /// Creates what no event has been told to yet.
    pub(super) fn new(inbox_prefix: &str) -> Arc<Self> {
        Arc::new(Self {
            inbox_prefix: inbox_prefix.to_owned(),
            generation: AtomicU64::new(0),
            connected: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            counters: Counters::default(),
            disconnects: watch::Sender::default(),
            denied: broadcast::Sender::new(MOST_DENIED),
            refusals: Refusals::default(),
            lame: watch::Sender::default(),
            client_errors: Rarely::default(),
            refused: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
        })
    }

    /// Notes an event of the current link.
    pub(super) fn note(&self, event: &Event) {
        match event {
            Event::Connected => self.connected(),
            Event::Disconnected | Event::Closed => {
                if !self.closing.load(Relaxed) {
                    warn!("disconnected from NATS");
                }
                self.disconnected();
            }
            Event::LameDuckMode => {
                self.counters.lame_ducks.fetch_add(1, Relaxed);
                warn!("the NATS server is about to shut down, looking for another");
                self.lame.send_replace(true);
            }
            Event::SlowConsumer(sid) => self.lost_message(*sid),
            Event::ServerError(error) => self.server_error(error),
            Event::ClientError(ClientError::Other(text)) if is_about_credentials(text) => {
                self.credentials_refused(text);
            }
            Event::ClientError(error) => {
                // Each try to connect again is one.
                if let Some(times) = self.client_errors.once_more() {
                    info!(times, "NATS: {error}");
                }
            }
            other => info!("NATS: {other}"),
        }
    }

    /// Makes `generation` the one whose link is current: what was said of the last is over.
    pub(super) fn begin(&self, generation: u64) {
        self.generation.store(generation, Relaxed);
        self.forget();
    }

    pub(super) fn disconnected(&self) {
        self.connected.store(false, Relaxed);
        self.disconnects.send_modify(|count| *count += 1);
    }

    /// Notes that the server does not take the credentials; it is said once until it takes them.
    pub(super) fn credentials_refused(&self, reason: &str) {
        self.counters.refused_credentials.fetch_add(1, Relaxed);
        match self.refused.swap(true, Relaxed) {
            true => debug!(reason, "the NATS server still refuses the credentials"),
            false => error!(
                reason,
                "the NATS server refuses the credentials: calls fail until it takes them; renew \
                 them at the server, or restart with others in the server's URL (`NATS_URL`)"
            ),
        }
    }

    /// Returns whether the server lets us hear that callers have given up.
    pub(super) fn may_hear_cancellations(&self) -> bool {
        !self.deaf.load(Relaxed)
    }

    fn connected(&self) {
        self.connected.store(true, Relaxed);
        self.client_errors.forget();
        if self.refused.load(Relaxed) {
            info!("the NATS server takes the credentials again");
        }
        if self.counters.connects.fetch_add(1, Relaxed) > 0 {
            info!("connected to NATS again");
        }
        self.forget();
    }

    /// Forgets what holds for one physical connection.
    fn forget(&self) {
        self.lame.send_if_modified(std::mem::take);
        self.refused.store(false, Relaxed);
        self.deaf.store(false, Relaxed);
    }

    fn lost_message(&self, sid: u64) {
        // One that is lost is rarely alone.
        if let Some(lost) = self.counters.lost_messages.once_more() {
            warn!(sid, lost, "a subscription is full, messages were lost");
        }
    }

    fn server_error(&self, error: &ServerError) {
        let text = error.to_string();
        if is_about_credentials(&text) {
            self.credentials_refused(&text);
            return;
        }
        if !text.contains("Permissions Violation") {
            warn!("NATS: {text}");
            return;
        }
        let worth_a_line = self.counters.permission_violations.once_more();
        let subscription = refused(&text, "Subscription");
        if let Some(subject) = subscription
            && is_cancellation(subject, &self.inbox_prefix)
        {
            if !self.deaf.swap(true, Relaxed) {
                warn!(
                    subject,
                    "the NATS server does not let this service hear that a caller has given up, so \
                     calls run until they end or their time runs out; give its user the right to \
                     subscribe to `_INBOX.*.*.c`"
                );
            }
            return;
        }
        if let Some(violations) = worth_a_line {
            warn!(violations, "NATS: {text}");
        }
        if let Some(subject) = refused(&text, "Publish") {
            let _ = self.refusals.sender.try_send(subject.to_owned());
        }
        if let Some(subject) = subscription {
            let (subject, text) = (subject.to_owned(), text.clone());
            // An error means that nothing starts now.
            let _ = self.denied.send(Denied { subject, text });
        }
    }
}

/// Returns whether an error says that the server does not take who we are, or no longer does.
fn is_about_credentials(error: &str) -> bool {
    let error = error.to_ascii_lowercase();
    [
        "authorization violation",
        "authentication expired",
        "authentication revoked",
        "authentication error",
    ]
    .iter()
    .any(|text| error.contains(text))
}

/// Returns the subject of `Permissions Violation for Publish to "a.b"`, or for `Subscription`.
fn refused<'a>(error: &'a str, what: &str) -> Option<&'a str> {
    let (_, rest) = error.split_once("Permissions Violation for ")?;
    let rest = rest.strip_prefix(what)?.strip_prefix(" to \"")?;
    rest.split_once('"').map(|(subject, _)| subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_subscriptions_that_a_service_needs_are_told_to_those_that_start() {
        // A cancellation that may not be heard kept another service from starting, and a denied
        // announcement hid the denied subscription before it.
        let events = Events::new("_MINE");
        let mut denied = events.denied.subscribe();
        for text in [
            r#"Permissions Violation for Subscription to "_INBOX.a.1.c""#,
            r#"Permissions Violation for Subscription to "_MINE.a.1.c""#,
            r#"Permissions Violation for Subscription to "a.b" using queue "q""#,
            r#"Permissions Violation for Publish to "$SRV.EVENT.up""#,
        ] {
            let error = ServerError::Other(text.to_owned());
            events.note(&Event::ServerError(error));
        }
        assert_eq!(denied.try_recv().unwrap().subject, "a.b");
        assert!(denied.try_recv().is_err());
        assert_eq!(events.counters.snapshot().permission_violations, 4);
    }

    #[test]
    fn the_subject_of_a_refusal_is_read() {
        for (text, what, subject) in [
            (
                r#"nats: Permissions Violation for Publish to "a.b""#,
                "Publish",
                Some("a.b"),
            ),
            (
                r#"nats: Permissions Violation for Publish to "a.b"#,
                "Publish",
                None,
            ),
            (
                r#"nats: Permissions Violation for Subscription to "a.b""#,
                "Publish",
                None,
            ),
            (
                r#"nats: Permissions Violation for Subscription to "a.b" using queue "q""#,
                "Subscription",
                Some("a.b"),
            ),
            ("nats: Maximum Connections Exceeded", "Publish", None),
        ] {
            assert_eq!(refused(text, what), subject, "{text}");
        }
    }

    #[test]
    fn errors_about_credentials_are_told_apart() {
        for (text, about) in [
            ("nats: authorization violation", true),
            ("nats: User Authentication Expired", true),
            ("nats: Account Authentication Expired", true),
            ("nats: User Authentication Revoked", true),
            ("nats: Permissions Violation for Publish to \"a\"", false),
            ("nats: Stale Connection", false),
        ] {
            assert_eq!(is_about_credentials(text), about, "{text}");
        }
    }
}
