//! The bytes that wait for one connection: bounded, coalescing, shared.
//!
//! Any connection appends to the outbox of any other, inline, while it routes
//! a message; the owner's writer swaps the whole buffer for an empty one and
//! writes it at once. When more than the limit is pending the outbox ends as
//! a slow consumer: its bytes are dropped and later ones refused, so that
//! neither the publisher nor the memory pays for a client that does not read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tokio::sync::Notify;

use crate::protocol::Closing;

/// A buffer that grew beyond this is given back once it is written.
const KEEP: usize = 256 * 1024;

/// The outbound buffer of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
    drained: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: BytesMut,
    /// Bytes the writer took and has not written yet.
    in_flight: usize,
    /// Why nothing is accepted any more.
    ended: Option<Closing>,
}

/// What became of appended bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// They wait for the writer.
    Queued,
    /// They wait, but the outbox is three quarters full: slow down.
    Congested,
    /// The connection is ending; nobody will read them.
    Refused,
}

impl Outbox {
    /// Creates an outbox that ends when more than `limit` bytes are pending.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            filled: Notify::new(),
            drained: Notify::new(),
            limit,
        }
    }

    /// Appends what `write` writes.
    pub(crate) fn push(&self, write: impl FnOnce(&mut BytesMut)) -> Pushed {
        let mut state = self.lock();
        if state.ended.is_some() {
            return Pushed::Refused;
        }
        let was_empty = state.waiting.is_empty();
        write(&mut state.waiting);
        if state.pending() > self.limit {
            state.waiting = BytesMut::new();
            state.ended = Some(Closing::Slow("slow consumer"));
            self.filled.notify_one();
            self.drained.notify_waiters();
            return Pushed::Refused;
        }
        if was_empty {
            self.filled.notify_one();
        }
        if self.is_congested(&state) {
            Pushed::Congested
        } else {
            Pushed::Queued
        }
    }

    /// Ends the outbox: bytes that wait are still written, later ones refused.
    pub(crate) fn end(&self, closing: Closing) {
        self.lock().ended.get_or_insert(closing);
        self.filled.notify_one();
        self.drained.notify_waiters();
    }

    /// Waits for bytes and swaps them into `batch`, which must be empty.
    ///
    /// # Errors
    /// Why the outbox ended.
    pub(crate) async fn take(&self, batch: &mut BytesMut) -> Result<(), Closing> {
        loop {
            {
                let mut state = self.lock();
                if let Some(closing) = &state.ended {
                    return Err(closing.clone());
                }
                if state.swap(batch) {
                    return Ok(());
                }
            }
            self.filled.notified().await;
        }
    }

    /// Returns what is left and refuses all that comes later.
    ///
    /// Nothing stays behind: look-up caches may keep a closed outbox alive.
    pub(crate) fn close(&self) -> BytesMut {
        let mut state = self.lock();
        state.ended.get_or_insert(Closing::Gone("closed"));
        self.drained.notify_waiters();
        let last = std::mem::take(&mut state.waiting);
        state.in_flight += last.len();
        last
    }

    /// Says that the writer wrote this many of the bytes it took.
    pub(crate) fn written(&self, count: usize) {
        let mut state = self.lock();
        let was_congested = self.is_congested(&state);
        state.in_flight -= count;
        if was_congested && !self.is_congested(&state) {
            self.drained.notify_waiters();
        }
    }

    /// Waits until the outbox is no longer congested, or ended.
    pub(crate) async fn drained(&self) {
        // Made before the check: a waiter hears every `notify_waiters` from
        // its creation on, so none can fall between check and wait.
        let drained = self.drained.notified();
        let go_on = {
            let state = self.lock();
            state.ended.is_some() || !self.is_congested(&state)
        };
        if !go_on {
            drained.await;
        }
    }

    fn is_congested(&self, state: &State) -> bool {
        state.pending() > self.limit / 4 * 3
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pending(&self) -> usize {
        self.waiting.len() + self.in_flight
    }

    fn swap(&mut self, batch: &mut BytesMut) -> bool {
        debug_assert!(batch.is_empty(), "the batch is written before the next");
        if self.waiting.is_empty() {
            return false;
        }
        if batch.capacity() > KEEP {
            *batch = BytesMut::new();
        }
        batch.clear();
        std::mem::swap(&mut self.waiting, batch);
        self.in_flight = batch.len();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(outbox: &Outbox, count: usize) -> Pushed {
        outbox.push(|buffer| buffer.resize(buffer.len() + count, b'x'))
    }

    #[tokio::test]
    async fn one_batch_holds_everything_pushed_since_the_last() {
        let outbox = Outbox::new(100);
        let mut batch = BytesMut::new();
        push(&outbox, 3);
        push(&outbox, 4);
        outbox.take(&mut batch).await.expect("open");
        assert_eq!(batch.len(), 7);
    }

    #[tokio::test]
    async fn bytes_in_flight_count_until_they_are_written() {
        let outbox = Outbox::new(100);
        let mut batch = BytesMut::new();
        assert_eq!(push(&outbox, 75), Pushed::Queued);
        outbox.take(&mut batch).await.expect("open");
        assert_eq!(push(&outbox, 1), Pushed::Congested);
        outbox.written(75);
        batch.clear();
        outbox.drained().await;
        assert_eq!(push(&outbox, 1), Pushed::Queued);
    }

    #[tokio::test]
    async fn too_many_pending_bytes_end_a_slow_consumer() {
        let outbox = Outbox::new(100);
        let mut batch = BytesMut::new();
        assert_eq!(push(&outbox, 100), Pushed::Congested);
        assert_eq!(push(&outbox, 1), Pushed::Refused);
        assert_eq!(push(&outbox, 1), Pushed::Refused);
        outbox.drained().await;
        assert!(outbox.take(&mut batch).await.is_err());
        assert!(outbox.close().is_empty());
    }

    #[test]
    fn the_end_keeps_what_waits_and_refuses_the_rest() {
        let outbox = Outbox::new(100);
        push(&outbox, 5);
        outbox.end(Closing::Shutdown);
        assert_eq!(push(&outbox, 5), Pushed::Refused);
        assert_eq!(outbox.close().len(), 5);
        assert!(outbox.close().is_empty());
    }
}
