//! What has happened to a connection, in numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::rarely::Rarely;

/// What has happened to a client's connection since it was made.
///
/// A number that grows is a reason to look at the log, where each of these is a line. None of them
/// says that the connection works now: [`Client::round_trip`](crate::Client::round_trip) does.
///
/// # Examples
/// ```no_run
/// # fn example(client: &rpc_core::Client) {
/// let stats = client.connection_stats();
/// println!("connected again {} times, {} messages lost", stats.reconnects, stats.lost_messages);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// How often it was connected again after it had broken.
    pub reconnects: u64,
    /// How often it was replaced because its server did not answer, or its task had ended.
    pub replaced: u64,
    /// How often it moved to another server because its own was about to shut down.
    pub moves: u64,
    /// Round trips of the heartbeat that took more than a second.
    pub lost_heartbeats: u64,
    /// How often the server said that it was about to shut down (lame duck mode).
    pub lame_ducks: u64,
    /// What the server did not let this client publish or subscribe to.
    pub permission_violations: u64,
    /// How often the server refused the credentials, each try to connect included.
    pub refused_credentials: u64,
    /// Messages that were lost because a subscription was full; at least so many.
    pub lost_messages: u64,
}

/// The numbers as they grow.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) connects: AtomicU64,
    pub(super) replaced: AtomicU64,
    pub(super) moves: AtomicU64,
    pub(super) lost_heartbeats: AtomicU64,
    pub(super) lame_ducks: AtomicU64,
    pub(super) permission_violations: Rarely,
    pub(super) refused_credentials: AtomicU64,
    pub(super) lost_messages: Rarely,
}

impl Counters {
    pub(super) fn snapshot(&self) -> ConnectionStats {
        ConnectionStats {
            // The first is no second time.
            reconnects: self.connects.load(Relaxed).saturating_sub(1),
            replaced: self.replaced.load(Relaxed),
            moves: self.moves.load(Relaxed),
            lost_heartbeats: self.lost_heartbeats.load(Relaxed),
            lame_ducks: self.lame_ducks.load(Relaxed),
            permission_violations: self.permission_violations.times(),
            refused_credentials: self.refused_credentials.load(Relaxed),
            lost_messages: self.lost_messages.times(),
        }
    }
}
