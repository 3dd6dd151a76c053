//! The timers of a connection: time to authenticate, pings, staleness.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::BufMut;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::config::Config;
use crate::outbox::Outbox;
use crate::protocol::{Closing, ProtocolError};

/// The first ping comes this soon after CONNECT, whatever the interval: it is
/// how a server learns the round trip time.
const FIRST_PING: Duration = Duration::from_secs(2);

/// An interval of zero would never let the connection's other work run.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Signs of life, noted by the reader.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    connected: Notify,
    active: AtomicBool,
    unanswered: AtomicU32,
}

impl Pulse {
    /// Notes that the client has connected, and authenticated if asked to.
    pub(crate) fn connected(&self) {
        self.connected.notify_one();
    }

    /// Notes that the client did something.
    pub(crate) fn active(&self) {
        self.active.store(true, Ordering::Relaxed);
    }

    /// Notes that the client answered a ping.
    pub(crate) fn answered(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }
}

/// Watches over a connection until it has to end.
pub(crate) async fn keep_alive(pulse: &Pulse, outbox: &Outbox, config: &Config) -> Closing {
    let interval = config.ping_interval.max(SHORTEST_INTERVAL);
    let mut wait = interval;
    // The first ping is sent to busy clients too.
    let mut is_first = false;
    if config.auth.is_some() {
        let connected = timeout(config.auth_timeout, pulse.connected.notified());
        if connected.await.is_err() {
            return ProtocolError::AuthenticationTimeout.into();
        }
        (wait, is_first) = (first_wait(interval), true);
    }
    loop {
        if timeout(wait, pulse.connected.notified()).await.is_ok() {
            (wait, is_first) = (first_wait(interval), true);
            continue;
        }
        wait = interval;
        let was_active = pulse.active.swap(false, Ordering::Relaxed);
        if was_active && !is_first {
            continue;
        }
        is_first = false;
        if pulse.unanswered.fetch_add(1, Ordering::Relaxed) >= config.max_pings_out {
            return ProtocolError::StaleConnection.into();
        }
        outbox.push(|buffer| buffer.put_slice(b"PING\r\n"));
    }
}

/// Up to a fifth later, so that clients that reconnected together are not
/// pinged together.
fn first_wait(interval: Duration) -> Duration {
    let first = interval.min(FIRST_PING);
    first + first.mul_f64(fastrand::f64() / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_goes_stale_after_its_unanswered_pings() {
        let (pulse, outbox) = (Pulse::default(), Outbox::new(1024));
        let started = tokio::time::Instant::now();
        let closing = keep_alive(&pulse, &outbox, &Config::default()).await;
        assert_eq!(closing, ProtocolError::StaleConnection.into());
        assert_eq!(started.elapsed().as_secs(), 3 * 120);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_ping_follows_connect_closely() {
        let (pulse, outbox) = (Pulse::default(), Outbox::new(1024));
        let config = Config::default();
        pulse.connected();
        let mut batch = bytes::BytesMut::new();
        let started = tokio::time::Instant::now();
        tokio::select! {
            _ = keep_alive(&pulse, &outbox, &config) => unreachable!("not stale yet"),
            _ = outbox.take(&mut batch) => {}
        }
        assert_eq!(&batch[..], b"PING\r\n");
        let waited = started.elapsed().as_millis();
        assert!((2000..=2401).contains(&waited), "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_authenticate_is_told_so() {
        let (pulse, outbox) = (Pulse::default(), Outbox::new(1024));
        let config = Config {
            auth: Some(crate::Auth::Token("secret".to_owned())),
            ..Config::default()
        };
        let closing = keep_alive(&pulse, &outbox, &config).await;
        assert_eq!(closing, ProtocolError::AuthenticationTimeout.into());
    }
}
