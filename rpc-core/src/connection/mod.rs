//! A NATS connection that is watched.
//!
//! The client below reconnects by itself when a socket closes. This module adds what it lacks:
//! jitter, credentials inside URLs, and a heartbeat of our own, because a connection whose task died
//! or whose server froze still calls itself connected. A dead link is replaced by a new one; those
//! who subscribe wait for [`Connection::replaced`] and subscribe again.

mod events;
mod heartbeat;
mod link;
mod servers;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::warn;
use uuid::Uuid;

use self::events::Events;
use self::heartbeat::heartbeat;
pub(crate) use self::link::Link;
use self::link::connect_with_retries;
use self::servers::LONGEST_DELAY;
use crate::config::Config;
use crate::error::ConnectError;

/// The connection of one client: always one current [`Link`].
pub(crate) struct Connection {
    config: Config,
    inbox: String,
    link: ArcSwap<Link>,
    generation: watch::Sender<u64>,
    events: Arc<Events>,
    supervisor: OnceLock<AbortHandle>,
}

impl Connection {
    /// Connects, retrying with jitter and saying so, and starts watching.
    pub(crate) async fn connect(config: Config) -> Result<Arc<Self>, ConnectError> {
        let events = Arc::new(Events::default());
        let inbox = format!("{}.{}", config.inbox_prefix, Uuid::new_v4().simple());
        let link = connect_with_retries(&config, &inbox, &events, 0, config.give_up_after).await?;
        let connection = Arc::new(Self {
            config,
            inbox,
            link: ArcSwap::from_pointee(link),
            generation: watch::Sender::new(0),
            events,
            supervisor: OnceLock::new(),
        });
        let supervisor = tokio::spawn(supervise(Arc::downgrade(&connection)));
        connection
            .supervisor
            .get_or_init(|| supervisor.abort_handle());
        Ok(connection)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the reply inbox: replies come on `<inbox>.<token>`.
    pub(crate) fn inbox(&self) -> &str {
        &self.inbox
    }

    /// Returns the current link; hold it for one operation only.
    pub(crate) fn link(&self) -> arc_swap::Guard<Arc<Link>> {
        self.link.load()
    }

    /// Returns whether a server is connected, as far as events have told.
    pub(crate) fn is_connected(&self) -> bool {
        self.events.connected.load(Relaxed)
    }

    /// Notes that the connection ends because this process does, so that its end is no warning.
    pub(crate) fn closing(&self) {
        self.events.closing.store(true, Relaxed);
    }

    /// Resolves when `link` is no longer the current one.
    pub(crate) async fn replaced(&self, link: &Link) {
        let mut generation = self.generation.subscribe();
        // The sender lives in `self`, so this only ends when the generation moves.
        let _ = generation
            .wait_for(|current| *current != link.generation)
            .await;
    }

    /// Returns a counter that moves at each disconnection.
    pub(crate) fn disconnects(&self) -> watch::Receiver<u64> {
        self.events.disconnects.subscribe()
    }

    /// Returns the subjects that the server does not let us publish on, as it tells them, to the
    /// first who asks.
    pub(crate) fn take_refusals(&self) -> Option<mpsc::Receiver<String>> {
        let refusals = &self.events.refusals.receiver;
        refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Returns the last permission violation that the server reported.
    pub(crate) fn violations(&self) -> watch::Receiver<Option<String>> {
        self.events.violations.subscribe()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.abort();
        }
    }
}

/// Watches the heartbeat of every link in turn and replaces the dead.
///
/// It holds the connection for moments only, so that one which nobody uses any more ends, also while
/// no server can be reached.
async fn supervise(connection: Weak<Connection>) {
    let Some((config, inbox, events)) = connection.upgrade().map(|connection| {
        let Connection {
            config,
            inbox,
            events,
            ..
        } = &*connection;
        (config.clone(), inbox.clone(), events.clone())
    }) else {
        return;
    };
    while let Some(link) = connection
        .upgrade()
        .map(|connection| connection.link.load_full())
    {
        let reason = heartbeat(&link.nats).await;
        warn!(reason, "the connection to NATS is dead, connecting anew");
        let generation = link.generation + 1;
        events.generation.store(generation, Relaxed);
        events.disconnected();
        // Without a limit a try fails only where credentials were withdrawn.
        let next = loop {
            match connect_with_retries(&config, &inbox, &events, generation, None).await {
                Ok(next) => break next,
                Err(error) => warn!("{error}; trying again"),
            }
            sleep(LONGEST_DELAY).await;
        };
        let Some(connection) = connection.upgrade() else {
            return;
        };
        connection.link.store(Arc::new(next));
        connection.generation.send_replace(generation);
    }
}
