//! Round trips of our own, because a dead link still calls itself connected.
//!
//! They also put right what events have told: the client below drops an event when many wait.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::timeout;
use tracing::warn;

use super::events::Events;

/// How often the heartbeat makes a round trip, and how long it waits for it.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so many lost heartbeats in a row the link is replaced.
const LOST_HEARTBEATS: u32 = 2;

/// Makes round trips until the link is dead, and says why it is.
pub(super) async fn heartbeat(nats: &async_nats::Client, events: &Events) -> &'static str {
    let inbox = nats.new_inbox();
    let Ok(mut beats) = nats.subscribe(inbox.clone()).await else {
        return "its task has ended";
    };
    let mut lost = 0;
    loop {
        // A beat that comes now is a late one; the end of the stream is the end of the link.
        let ended = async { while beats.next().await.is_some() {} };
        if timeout(HEARTBEAT, ended).await.is_ok() {
            return "its task has ended";
        }
        let sent = Instant::now();
        // Sending is inside the time limit: it waits where the connection's queue is full, and that
        // of a frozen server stays full.
        let round_trip = async {
            nats.publish(inbox.clone(), Bytes::new()).await.ok()?;
            beats.next().await
        };
        match timeout(HEARTBEAT, round_trip).await {
            Ok(Some(_)) => {
                lost = 0;
                events.connected.store(true, Relaxed);
            }
            Ok(None) => return "its task has ended",
            // While it reconnects by itself there is nothing to hear and nothing to replace.
            Err(_) if nats.connection_state() != async_nats::connection::State::Connected => {
                lost = 0;
                if events.connected.load(Relaxed) {
                    events.disconnected();
                }
            }
            Err(_) => {
                lost += 1;
                events.counters.lost_heartbeats.fetch_add(1, Relaxed);
                warn!(lost, "the NATS server has not answered for a second");
            }
        }
        if lost >= LOST_HEARTBEATS {
            return "the server does not answer";
        }
        tracing::trace!(round_trip = ?sent.elapsed(), "heartbeat");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rpc_broker::EmbeddedBroker;

    #[tokio::test]
    async fn what_no_event_has_told_a_heartbeat_notes() {
        let config = rpc_broker::Config {
            port: 0,
            ..Default::default()
        };
        let broker = EmbeddedBroker::start(config).unwrap();
        let nats = async_nats::connect(broker.url()).await.unwrap();
        // No event comes here.
        let events = Events::new("_INBOX");
        let mut disconnects = events.disconnects.subscribe();
        let watch = async {
            let patience = Duration::from_secs(15);
            let connected = async {
                while !events.connected.load(Relaxed) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(patience, connected).await.unwrap();
            broker.shutdown();
            timeout(patience, disconnects.changed())
                .await
                .unwrap()
                .unwrap();
            assert!(!events.connected.load(Relaxed));
        };
        tokio::select! {
            reason = heartbeat(&nats, &events) => panic!("{reason}"),
            () = watch => {}
        }
    }
}
