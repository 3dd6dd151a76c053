//! Loops that serve on one link and leave it together.

use std::future::Future;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::leave::Leave;

/// The loops, and who can tell them that it is time to leave.
#[derive(Default)]
pub(super) struct Loops {
    running: JoinSet<()>,
    leave: watch::Sender<bool>,
}

impl Loops {
    /// Returns where each of them hears that it shall leave.
    pub(super) fn word(&self) -> Leave {
        Leave::new(self.leave.subscribe())
    }

    pub(super) fn spawn(&mut self, serve: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(serve);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Says that they shall leave.
    pub(super) fn tell(&self) {
        self.leave.send_replace(true);
    }

    /// Resolves when all have ended.
    pub(super) async fn ended(&mut self) {
        while self.running.join_next().await.is_some() {}
    }

    /// Ends them where they are; what the server has sent them is lost.
    pub(super) async fn cut(&mut self) {
        self.running.shutdown().await;
    }
}
