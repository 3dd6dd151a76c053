//! The handshakes under way, of which the longest makes room for the newest.
//!
//! Whoever opens connections and never finishes a handshake would otherwise keep others out for as
//! long as a handshake may take.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(super) struct Handshakes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    queue: Mutex<Queue>,
}

/// Oldest first, and so in the order of their numbers.
#[derive(Debug, Default)]
struct Queue {
    next: u64,
    under_way: VecDeque<(u64, CancellationToken)>,
}

/// One handshake under way.
#[derive(Debug)]
pub(super) struct Turn {
    shared: Arc<Shared>,
    number: u64,
    over: CancellationToken,
}

impl Handshakes {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            queue: Mutex::default(),
        }))
    }

    /// Begins a handshake, and ends the oldest if there are too many.
    pub(super) fn begin(&self) -> Turn {
        let over = CancellationToken::new();
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.under_way.len() >= self.0.most
            && let Some((_, oldest)) = queue.under_way.pop_front()
        {
            oldest.cancel();
        }
        let number = queue.next;
        queue.next += 1;
        queue.under_way.push_back((number, over.clone()));
        drop(queue);
        Turn {
            shared: self.0.clone(),
            number,
            over,
        }
    }
}

impl Turn {
    /// Waits until a newer one needs the place.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self
            .shared
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let place = queue
            .under_way
            .binary_search_by_key(&self.number, |(number, _)| *number);
        if let Ok(place) = place {
            queue.under_way.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_makes_room_for_the_newest() {
        let handshakes = Handshakes::new(2);
        let (first, second) = (handshakes.begin(), handshakes.begin());
        assert!(!first.over.is_cancelled());
        let third = handshakes.begin();
        first.over().await;
        assert!(!second.over.is_cancelled() && !third.over.is_cancelled());
        // One that has ended leaves its place.
        drop(second);
        let fourth = handshakes.begin();
        assert!(!third.over.is_cancelled() && !fourth.over.is_cancelled());
        drop((first, third, fourth));
        assert!(handshakes.0.queue.lock().unwrap().under_way.is_empty());
    }
}
