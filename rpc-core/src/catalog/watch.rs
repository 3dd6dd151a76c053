//! What keeps the catalog up to date: announcements, and a poll for all that nobody announces.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::Shared;
use super::registry::Noted;
use super::survey::Patience;
use super::words::{self, Presence, Said};
use crate::info::ANNOUNCE;

/// How long a poll waits: nobody waits for it, and who answers late is not gone.
const POLL: Patience = Patience {
    quiet: Duration::from_millis(300),
    longest: Duration::from_secs(2),
};
/// How long an instance that announced itself has to say what it offers.
const ANNOUNCED: Patience = Patience {
    quiet: Duration::from_millis(500),
    longest: Duration::from_millis(500),
};
/// Two polls are never nearer.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);
/// How many announcements are heard before those who made them are asked; the rest waits.
const MOST_AT_ONCE: usize = 64;

/// Asks again and again who is there.
pub(super) async fn poll(shared: Arc<Shared>, interval: Duration) {
    loop {
        match shared.survey(POLL).await {
            Ok(present) => {
                shared.note(|registry, now| registry.polled(&present, now));
                shared.show();
            }
            Err(error) => debug!("nobody was polled: {error}"),
        }
        let jitter = 0.8 + 0.4 * fastrand::f64();
        let least = LEAST_INTERVAL.min(interval);
        sleep(least).await;
        let _ = timeout(
            interval.mul_f64(jitter).saturating_sub(least),
            shared.doubt.notified(),
        )
        .await;
    }
}

/// Hears announcements, on the current link and on the next when that dies.
pub(super) async fn listen(shared: Arc<Shared>) {
    let connection = shared.client.connection().clone();
    loop {
        let link = connection.link().clone();
        if let Ok(mut announcements) = link.nats.subscribe(ANNOUNCE).await {
            // Holding on to a link that was replaced would keep its connection open.
            let mut replaced = pin!(link.replaced());
            loop {
                tokio::select! {
                    announcement = announcements.next() => {
                        let Some(announcement) = announcement else {
                            break;
                        };
                        let mut started = BTreeMap::new();
                        heard(&shared, &announcement.payload, &mut started);
                        // Many instances that start together are asked together.
                        while started.len() < MOST_AT_ONCE
                            && let Some(Some(next)) = announcements.next().now_or_never()
                        {
                            heard(&shared, &next.payload, &mut started);
                        }
                        inquire(&shared, started).await;
                    }
                    () = &mut replaced => break,
                }
            }
        }
        link.replaced().await;
    }
}

/// Notes one announcement; `started` collects who should be asked what they offer.
fn heard(shared: &Shared, payload: &[u8], started: &mut BTreeMap<String, Presence>) {
    match words::read(payload) {
        Ok(Said::Stopping(presence)) => {
            shared.note(|registry, now| registry.stopping(&presence, now));
        }
        Ok(Said::Here(presence) | Said::Info(presence, _)) => {
            // A miss that comes before the answer asks for itself.
            shared.stale.store(true, Ordering::Relaxed);
            started.insert(presence.id.clone(), presence);
        }
        Err(reason) => debug!("an announcement is not one of a service: {reason}"),
    }
}

async fn inquire(shared: &Shared, started: BTreeMap<String, Presence>) {
    let is_unknown = |presence: &Presence| {
        shared.note(|registry, now| registry.here(presence, now)) == Noted::Unknown
    };
    let unknown: Vec<_> = started.into_values().filter(is_unknown).collect();
    shared.show();
    if !unknown.is_empty()
        && let Err(error) = shared.inquire(unknown, ANNOUNCED).await
    {
        debug!("who announced a start was not asked: {error}");
    }
}
