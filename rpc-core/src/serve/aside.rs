//! `when_full = "step_aside"`: an instance that stays full leaves the queue group of a method until
//! it has room again, so that the server sends the calls to others.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures_util::StreamExt as _;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::{OnLink, PROOF, Takes as _, drain};
use crate::dispatch::Dispatcher;

/// An instance steps aside when it was full, has had no room worth the name for so long, and is full
/// again. A place that becomes free for a moment, as they do under load, changes nothing.
const STAYS_FULL: Duration = Duration::from_millis(50);
/// How often an instance looks whether it is still full.
const LOOK: Duration = Duration::from_millis(10);

/// Why a subscription is not read any more.
enum Ended {
    Closed,
    Leaving,
    Full,
}

/// Takes the calls of one method on one link, except while it is full, until it is time to leave.
pub(super) async fn serve_method(
    on: Arc<OnLink>,
    method: Arc<Dispatcher>,
    mut requests: Subscriber,
) {
    loop {
        let ended = serve_while_roomy(&on, &method, &mut requests).await;
        if let Ended::Closed = ended {
            return;
        }
        if let Ended::Full = ended {
            method.stats().stepped_aside();
            debug!(method = method.subject(), "full, stepping aside");
        }
        // What still comes is answered: refused, or taken where a place has become free.
        drain::take_last(&on, &method, requests).await;
        tokio::select! {
            biased;
            () = on.leave.said() => return,
            () = room_again(&method) => {}
        }
        let (subject, group) = (method.subject().to_owned(), on.serving.instance.queue_group);
        let subscribed = on
            .link
            .nats
            .queue_subscribe(subject, group.to_owned())
            .await;
        // It fails where the link is dead, and then another takes this one's place.
        let Ok(again) = subscribed else { return };
        requests = again;
        match on.serving.client.round_trip(PROOF).await {
            Ok(_) => debug!(method = method.subject(), "has room, takes calls again"),
            Err(error) => warn!(
                method = method.subject(),
                "has room, but the server does not say that calls will come: {error}"
            ),
        }
    }
}

/// Serves until it is time to leave or the method has been full for too long.
async fn serve_while_roomy(
    on: &Arc<OnLink>,
    method: &Arc<Dispatcher>,
    requests: &mut Subscriber,
) -> Ended {
    let mut told = pin!(on.leave.said());
    let mut full_since: Option<Instant> = None;
    while !on.leave.is_said() {
        // One that is not full has no reason to look before the next call.
        let look = async {
            match full_since {
                Some(_) => sleep(LOOK).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            request = requests.next() => match request {
                Some(request) => method.take(on, request).await,
                None => return Ended::Closed,
            },
            () = &mut told => break,
            () = look => {}
        }
        let room = method.room();
        match full_since {
            None if room.is_full() => full_since = Some(Instant::now()),
            Some(_) if room.is_half_empty() => full_since = None,
            Some(since) if room.is_full() && since.elapsed() >= STAYS_FULL => return Ended::Full,
            _ => {}
        }
    }
    Ended::Leaving
}

async fn room_again(method: &Dispatcher) {
    while !method.room().is_half_empty() {
        sleep(LOOK).await;
    }
}
