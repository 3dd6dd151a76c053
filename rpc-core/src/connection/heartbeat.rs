//! Round trips of our own, because a dead link still calls itself connected.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::timeout;
use tracing::warn;

use super::counters::Counters;

/// How often the heartbeat makes a round trip, and how long it waits for it.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so many lost heartbeats in a row the link is replaced.
const LOST_HEARTBEATS: u32 = 2;

/// Makes round trips until the link is dead, and says why it is.
pub(super) async fn heartbeat(nats: &async_nats::Client, counters: &Counters) -> &'static str {
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
            Ok(Some(_)) => lost = 0,
            Ok(None) => return "its task has ended",
            // While it reconnects by itself there is nothing to hear and nothing to replace.
            Err(_) if nats.connection_state() != async_nats::connection::State::Connected => {
                lost = 0;
            }
            Err(_) => {
                lost += 1;
                counters.lost_heartbeats.fetch_add(1, Relaxed);
                warn!(lost, "the NATS server has not answered for a second");
            }
        }
        if lost >= LOST_HEARTBEATS {
            return "the server does not answer";
        }
        tracing::trace!(round_trip = ?sent.elapsed(), "heartbeat");
    }
}
