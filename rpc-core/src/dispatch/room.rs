//! How many calls of one method run and wait, and whether one more may.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots of a method, where its calls run, and the places where further ones wait for a slot.
pub(super) struct Room {
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// A slot or a waiting place, given back when dropped.
pub(super) type Taken = OwnedSemaphorePermit;

impl Room {
    pub(super) fn new(limit: usize, queue: usize) -> Self {
        let semaphore = |size: usize| Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        Self {
            slots: semaphore(limit),
            places: semaphore(queue),
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
}
