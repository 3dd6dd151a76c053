//! How many calls of one method run and wait, and whether one more may.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots of a method, where its calls run, and the places where further ones wait for a slot.
pub(crate) struct Room {
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
    queue: usize,
}

/// A slot or a waiting place, given back when dropped.
pub(super) type Taken = OwnedSemaphorePermit;

impl Room {
    pub(super) fn new(limit: usize, queue: usize) -> Self {
        let semaphore = |size: usize| Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        Self {
            slots: semaphore(limit),
            places: semaphore(queue),
            queue,
        }
    }

    /// Returns whether a call could run now. It takes nothing: most calls end where they begin.
    pub(super) fn has_slot(&self) -> bool {
        self.slots.available_permits() > 0
    }

    pub(super) fn try_slot(&self) -> Option<Taken> {
        self.slots.clone().try_acquire_owned().ok()
    }

    /// Waits for a slot; those who came first get theirs first.
    pub(super) async fn slot(&self) -> Option<Taken> {
        // An error means that the semaphore is closed, which this one never is.
        self.slots.clone().acquire_owned().await.ok()
    }

    pub(super) fn try_place(&self) -> Option<Taken> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Returns whether the next call would be refused.
    pub(crate) fn is_full(&self) -> bool {
        !self.has_slot() && self.places.available_permits() == 0
    }

    /// Returns whether at most half of the waiting places are taken. An instance that was full takes
    /// calls again only then, or it would be full again at once.
    pub(crate) fn is_half_empty(&self) -> bool {
        !self.is_full() && self.places.available_permits() * 2 >= self.queue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_takes_calls_again_when_half_its_places_are_free() {
        // Slots, places; slots taken, places taken; full, half empty.
        for (limit, queue, running, waiting, full, half_empty) in [
            (2, 0, 1, 0, false, true),
            (2, 0, 2, 0, true, false),
            (1, 1, 1, 0, false, true),
            (1, 1, 1, 1, true, false),
            (1, 4, 1, 2, false, true),
            (1, 4, 1, 3, false, false),
            (1, 4, 1, 4, true, false),
            (1, 5, 1, 2, false, true),
            (1, 5, 1, 3, false, false),
        ] {
            let room = Room::new(limit, queue);
            let slots: Vec<_> = (0..running).map_while(|_| room.try_slot()).collect();
            let places: Vec<_> = (0..waiting).map_while(|_| room.try_place()).collect();
            assert_eq!((slots.len(), places.len()), (running, waiting));
            assert_eq!(
                (room.is_full(), room.is_half_empty()),
                (full, half_empty),
                "{running} of {limit} run, {waiting} of {queue} wait"
            );
        }
    }
}
