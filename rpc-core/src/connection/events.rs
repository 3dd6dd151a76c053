//! What a link's events tell: whether it is connected, and what the server does not allow.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use async_nats::Event;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

/// How many refusals wait to be heard. One more is dropped, and its call ends at its deadline.
const MOST_REFUSALS: usize = 1_024;

/// What the link's events told us.
#[derive(Default)]
pub(super) struct Events {
    /// Whose events count: a link that was replaced may live on for a moment, and what happens to
    /// it then says nothing of the current one.
    pub(super) generation: AtomicU64,
    pub(super) connected: AtomicBool,
    pub(super) closing: AtomicBool,
    reconnects: AtomicU64,
    pub(super) disconnects: watch::Sender<u64>,
    pub(super) violations: watch::Sender<Option<String>>,
    pub(super) refusals: Refusals,
}

/// Subjects that the server did not let us publish on.
pub(super) struct Refusals {
    pub(super) sender: mpsc::Sender<String>,
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
    pub(super) fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.connected.store(true, Relaxed);
                let reconnects = self.reconnects.fetch_add(1, Relaxed);
                if reconnects > 0 {
                    info!("connected to NATS again");
                }
            }
            Event::Disconnected | Event::Closed => {
                if !self.closing.load(Relaxed) {
                    warn!("disconnected from NATS");
                }
                self.disconnected();
            }
            Event::LameDuckMode => warn!("the NATS server is about to shut down"),
            Event::SlowConsumer(sid) => warn!(sid, "a subscription is full, messages were lost"),
            Event::ServerError(error) => {
                warn!("NATS: {error}");
                if let Some(subject) = refused_subject(&error.to_string()) {
                    let _ = self.refusals.sender.try_send(subject.to_owned());
                }
                self.violations.send_replace(Some(error.to_string()));
            }
            other => info!("NATS: {other}"),
        }
    }

    pub(super) fn disconnected(&self) {
        self.connected.store(false, Relaxed);
        self.disconnects.send_modify(|count| *count += 1);
    }
}

/// Returns the subject of `Permissions Violation for Publish to "a.b"`.
fn refused_subject(error: &str) -> Option<&str> {
    let (_, rest) = error.split_once("Permissions Violation for Publish to \"")?;
    rest.split_once('"').map(|(subject, _)| subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_a_refusal_is_read() {
        for (text, subject) in [
            (
                r#"nats: Permissions Violation for Publish to "a.b""#,
                Some("a.b"),
            ),
            (r#"nats: Permissions Violation for Publish to "a.b"#, None),
            (
                r#"nats: Permissions Violation for Subscription to "a.b""#,
                None,
            ),
            ("nats: Maximum Connections Exceeded", None),
        ] {
            assert_eq!(refused_subject(text), subject, "{text}");
        }
    }
}
