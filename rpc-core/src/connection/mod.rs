//! A NATS connection that is watched.
//!
//! The client below reconnects by itself when a socket closes. This module adds what it lacks:
//! jitter, credentials inside URLs, a heartbeat of our own, because a connection whose task died or
//! whose server froze still calls itself connected, and moving away from a server that is about to
//! shut down. The supervisor replaces a link that is dead or about to be; those who subscribe wait
//! for [`Link::replaced`] and subscribe again, and listen on the old one until it is over.

mod counters;
mod dial;
mod events;
mod heartbeat;
mod link;
mod servers;
mod supervisor;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

pub use self::counters::ConnectionStats;
use self::dial::Dialler;
pub(crate) use self::events::Denied;
use self::events::Events;
pub(crate) use self::link::Link;
use self::supervisor::supervise;
use crate::config::Config;
use crate::error::ConnectError;

/// The connection of one client: always one current [`Link`].
pub(crate) struct Connection {
    config: Config,
    inbox: String,
    link: ArcSwap<Link>,
    events: Arc<Events>,
    supervisor: OnceLock<AbortHandle>,
}

impl Connection {
    /// Connects, retrying with jitter and saying so, and starts watching.
    pub(crate) async fn connect(config: Config) -> Result<Arc<Self>, ConnectError> {
        let events = Events::new(&config.inbox_prefix);
        let inbox = format!("{}.{}", config.inbox_prefix, Uuid::new_v4().simple());
        let dialler = Dialler::new(&config, &inbox, &events)?;
        let link = dialler.connect(0, config.give_up_after).await?;
        let connection = Arc::new(Self {
            config,
            inbox,
            link: ArcSwap::from_pointee(link),
            events,
            supervisor: OnceLock::new(),
        });
        let supervisor = tokio::spawn(supervise(Arc::downgrade(&connection), dialler));
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

    /// Returns whether the server lets us hear that callers have given up.
    pub(crate) fn may_hear_cancellations(&self) -> bool {
        self.events.may_hear_cancellations()
    }

    /// Returns what has happened so far, in numbers.
    pub(crate) fn stats(&self) -> ConnectionStats {
        self.events.counters.snapshot()
    }

    /// Returns the subscriptions that the server denies from now on.
    pub(crate) fn denied(&self) -> broadcast::Receiver<Denied> {
        self.events.denied.subscribe()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.abort();
        }
    }
}
