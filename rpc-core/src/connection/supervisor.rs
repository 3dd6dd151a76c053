//! Replaces links: those that are dead, and those whose server is about to shut down.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::connection::State;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{info, warn};

use super::Connection;
use super::dial::Dialler;
use super::heartbeat::heartbeat;
use super::link::Link;

/// How long a link that was replaced is listened to: its server may still have something for us.
const LISTENED_TO: Duration = Duration::from_secs(10);
/// How many links that were replaced are listened to; the oldest makes room for one more.
const MOST_REPLACED: usize = 2;

/// Watches every link in turn and replaces it when its time has come.
///
/// It holds the connection for moments only, so that one which nobody uses any more ends, also while
/// no server can be reached.
pub(super) async fn supervise(connection: Weak<Connection>, dialler: Dialler) {
    let current = || Some(connection.upgrade()?.link.load_full());
    let mut replaced = Replaced::default();
    while let Some(link) = current() {
        let next = successor(&link, &dialler).await;
        let Some(connection) = connection.upgrade() else {
            return;
        };
        connection.link.store(Arc::new(next));
        link.replace();
        replaced.push(link);
    }
}

/// Returns the link that takes the place of this one, when it needs one.
async fn successor(link: &Link, dialler: &Dialler) -> Link {
    let events = &dialler.events;
    let next = link.generation + 1;
    let mut death = pin!(heartbeat(&link.nats, events));
    let mut lame = events.lame.subscribe();
    loop {
        let reason = tokio::select! {
            reason = &mut death => reason,
            () = becomes(&mut lame, true) => tokio::select! {
                reason = &mut death => reason,
                moved = move_away(link, dialler, next) => match moved {
                    Some(link) => return link,
                    None => continue,
                }
            }
        };
        warn!(reason, "the connection to NATS is dead, connecting anew");
        events.counters.replaced.fetch_add(1, Relaxed);
        link.die();
        events.begin(next);
        events.disconnected();
        return dialler.connect_again(next).await;
    }
}

/// Connects to another server while the link's own still works, so that no call is in between.
///
/// Returns `None` when the link has connected to another server by itself meanwhile, because its
/// own has closed.
async fn move_away(link: &Link, dialler: &Dialler, generation: u64) -> Option<Link> {
    let events = &dialler.events;
    let mut lame = events.lame.subscribe();
    let wider = dialler.with_announced(link);
    let next = tokio::select! {
        next = wider.connect_again(generation) => next,
        () = becomes(&mut lame, false) => return None,
    };
    info!("moved to another NATS server");
    events.counters.moves.fetch_add(1, Relaxed);
    events.begin(generation);
    // It may have broken while its events did not count yet.
    match next.nats.connection_state() {
        State::Connected => events.connected.store(true, Relaxed),
        _ => events.disconnected(),
    }
    Some(next)
}

async fn becomes(flag: &mut watch::Receiver<bool>, wanted: bool) {
    // The sender outlives every link.
    let _ = flag.wait_for(|flag| *flag == wanted).await;
}

/// Links that were replaced and are still listened to.
#[derive(Default)]
struct Replaced {
    links: VecDeque<Weak<Link>>,
    ends: JoinSet<()>,
}

impl Replaced {
    fn push(&mut self, link: Arc<Link>) {
        while self.ends.try_join_next().is_some() {}
        self.links.push_back(Arc::downgrade(&link));
        self.ends.spawn(async move {
            sleep(LISTENED_TO).await;
            link.end();
        });
        if self.links.len() > MOST_REPLACED
            && let Some(oldest) = self.links.pop_front().and_then(|link| link.upgrade())
        {
            oldest.end();
        }
    }
}
