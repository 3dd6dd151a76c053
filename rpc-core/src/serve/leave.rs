//! The word to leave the queue groups: of an instance that stops, or of a link that was replaced.

use tokio::sync::watch;

/// Whether it is time to leave; said once and never taken back.
#[derive(Clone)]
pub(super) struct Leave(watch::Receiver<bool>);

impl Leave {
    pub(super) fn new(said: watch::Receiver<bool>) -> Self {
        Self(said)
    }

    /// Returns whether it was said. Cheap enough to be asked before every message.
    pub(super) fn is_said(&self) -> bool {
        // The flag changes once, from its first value to `true`.
        self.0.has_changed().unwrap_or(true)
    }

    /// Resolves when it is said.
    pub(super) async fn said(&self) {
        // An error means that nobody is left who could say it: leave too.
        let _ = self.0.clone().wait_for(|said| *said).await;
    }
}
