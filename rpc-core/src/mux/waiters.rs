//! The slots of waiting calls.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::debug;

use super::token;
use crate::protocol::WireReply;

/// A service is told no earlier than this after the call was sent that its caller has given up: it
/// listens for that from the 50th millisecond on, and a call that is answered sooner costs nothing.
const CANCEL_AFTER: Duration = Duration::from_millis(100);
/// How many given up calls wait for that moment. Of one more the service is not told: the call's
/// deadline ends it.
const MOST_GIVEN_UP: usize = 16_384;
/// How many denied subjects are remembered. A call whose subject is pushed out before it has looked
/// ends at its deadline.
const MOST_DENIED: usize = 1_024;

/// What a waiting call gets.
pub(crate) type Answer = Result<WireReply, Unanswered>;

/// Why a call that was sent has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The server found nobody on the subject.
    NoResponders,
    /// The connection broke.
    Disconnected,
    /// Time ran out.
    Deadline,
    /// The server does not let this client publish on the subject.
    Denied,
}

/// A call that waits for its reply. Dropping it frees its slot.
pub(crate) struct Waiting<'a> {
    waiters: Arc<Waiters>,
    /// Kept here and not in the slot, where it would have to be copied.
    pub(crate) subject: &'a str,
    pub(super) slot: usize,
    pub(super) generation: u32,
    /// Whether the answer was taken, and the slot freed with it: one look at the slots does both.
    answered: bool,
    /// Whether somebody works for it, who is to be told when it is given up.
    has_service: bool,
}

impl Future for Waiting<'_> {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let this = self.get_mut();
        if this.answered {
            return Poll::Ready(Err(Unanswered::Disconnected));
        }
        let mut guard = this.waiters.slots();
        let slots = &mut *guard;
        let entry = &mut slots.entries[this.slot];
        debug_assert_eq!(
            entry.generation, this.generation,
            "a slot is freed by its owner only"
        );
        match std::mem::replace(&mut entry.state, State::Free) {
            State::Answered(answer) => {
                this.waiters.free(slots, this.slot);
                this.answered = true;
                Poll::Ready(answer)
            }
            State::Free => Poll::Ready(Err(Unanswered::Disconnected)),
            State::GivenUp { .. } => Poll::Ready(Err(Unanswered::Disconnected)),
            State::Waiting {
                since,
                deadline,
                waker,
            } => {
                let since_then = slots.denied.iter().rev();
                let mut since_then = since_then.take_while(|denied| since <= denied.at);
                if since_then.any(|denied| denied.subject == this.subject) {
                    this.waiters.free(slots, this.slot);
                    this.answered = true;
                    return Poll::Ready(Err(Unanswered::Denied));
                }
                let waker = match waker {
                    Some(waker) if waker.will_wake(cx.waker()) => waker,
                    _ => cx.waker().clone(),
                };
                entry.state = State::Waiting {
                    since,
                    deadline,
                    waker: Some(waker),
                };
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        match (self.answered, self.has_service) {
            (true, _) => {}
            (false, true) => self.waiters.give_up(self.slot),
            (false, false) => {
                let mut slots = self.waiters.slots();
                self.waiters.free(&mut slots, self.slot);
            }
        }
    }
}

impl<'a> Waiting<'a> {
    /// Takes a slot for a call of `subject` that is made at `since` and ends at `deadline`.
    pub(super) fn new(
        waiters: &Arc<Waiters>,
        subject: &'a str,
        since: Instant,
        deadline: Instant,
    ) -> Self {
        let (slot, generation) = waiters.take_slot(since, deadline);
        Self {
            waiters: waiters.clone(),
            subject,
            slot,
            generation,
            answered: false,
            has_service: true,
        }
    }

    /// Says that nobody is to be told when the wait is given up: what it waits for has no reply.
    pub(crate) fn without_service(mut self) -> Self {
        self.has_service = false;
        self
    }
}

/// The slots of all waiting calls, behind one lock that nobody holds for long.
#[derive(Default)]
pub(super) struct Waiters {
    slots: Mutex<Slots>,
    /// Beside the lock, because every call asks and takes the lock often enough.
    pub(super) in_flight: AtomicUsize,
    /// Told when the first call begins to wait, so that an idle client has no timer.
    pub(super) busy: Notify,
}

#[derive(Default)]
struct Slots {
    entries: Vec<Entry>,
    free: Vec<usize>,
    /// Slots of given up calls whose services are not told yet, the oldest first.
    given_up: VecDeque<usize>,
    /// What calls may not be sent on, as far as the server has said; nearly always nothing.
    denied: VecDeque<Denied>,
}

/// A call that was made later is judged by the server anew: rights may change.
struct Denied {
    subject: String,
    at: Instant,
}

struct Entry {
    generation: u32,
    state: State,
}

impl Entry {
    fn take_waker(&mut self) -> Option<Waker> {
        match &mut self.state {
            State::Waiting { waker, .. } => waker.take(),
            State::Free | State::GivenUp { .. } | State::Answered(_) => None,
        }
    }
}

enum State {
    Free,
    Waiting {
        since: Instant,
        deadline: Instant,
        waker: Option<Waker>,
    },
    /// Nobody waits any more, and the service is not told yet.
    GivenUp {
        since: Instant,
    },
    Answered(Answer),
}

impl Waiters {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_slot(&self, since: Instant, deadline: Instant) -> (usize, u32) {
        let mut slots = self.slots();
        let state = State::Waiting {
            since,
            deadline,
            waker: None,
        };
        let slot = match slots.free.pop() {
            Some(slot) => slot,
            None => {
                slots.entries.push(Entry {
                    generation: 0,
                    state: State::Free,
                });
                slots.entries.len() - 1
            }
        };
        slots.entries[slot].state = state;
        let generation = slots.entries[slot].generation;
        drop(slots);
        if self.in_flight.fetch_add(1, Relaxed) == 0 {
            self.busy.notify_one();
        }
        (slot, generation)
    }

    fn free(&self, slots: &mut Slots, slot: usize) {
        slots.free(slot);
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// Notes that nobody waits for the reply any more.
    pub(super) fn give_up(&self, slot: usize) {
        let mut slots = self.slots();
        self.in_flight.fetch_sub(1, Relaxed);
        let State::Waiting {
            since, deadline, ..
        } = slots.entries[slot].state
        else {
            return slots.free(slot);
        };
        // At the deadline the service ends the call by itself.
        if slots.given_up.len() >= MOST_GIVEN_UP || deadline <= Instant::now() {
            return slots.free(slot);
        }
        slots.entries[slot].state = State::GivenUp { since };
        slots.given_up.push_back(slot);
    }

    /// Frees the slots of calls that were given up long enough ago; returns whom to tell.
    pub(super) fn take_given_up(&self, now: Instant) -> Vec<(usize, u32)> {
        let mut slots = self.slots();
        let mut told = Vec::new();
        let mut left = VecDeque::new();
        while let Some(slot) = slots.given_up.pop_front() {
            match slots.entries[slot].state {
                State::GivenUp { since } if now.duration_since(since) < CANCEL_AFTER => {
                    left.push_back(slot);
                }
                State::GivenUp { .. } => {
                    told.push((slot, slots.entries[slot].generation));
                    slots.free(slot);
                }
                // Its reply has come meanwhile, so that there is nothing to cancel.
                _ => slots.free(slot),
            }
        }
        slots.given_up = left;
        told
    }

    /// Returns whether there is something that time changes.
    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.load(Relaxed) > 0 || !self.slots().given_up.is_empty()
    }

    pub(super) fn answer(&self, token: &str, answer: Answer) {
        let waker = match token::parse(token) {
            Some((slot, generation)) => self.slots().answer(slot, generation, answer),
            None => None,
        };
        match waker {
            Some(waker) => waker.wake(),
            None => debug!(token, "a reply came for nobody, or twice"),
        }
    }

    /// Notes that calls on `subjects` which were made before `at` get no reply, and lets every
    /// waiting call look whether it is one of them.
    pub(super) fn deny(&self, subjects: impl Iterator<Item = String>, at: Instant) {
        let mut guard = self.slots();
        let slots = &mut *guard;
        slots
            .denied
            .extend(subjects.map(|subject| Denied { subject, at }));
        let surplus = slots.denied.len().saturating_sub(MOST_DENIED);
        slots.denied.drain(..surplus);
        let wakers: Vec<_> = slots
            .entries
            .iter_mut()
            .filter_map(Entry::take_waker)
            .collect();
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn fail_all(&self, reason: Unanswered) {
        self.fail_where(reason, |_| true);
    }

    /// Fails the waiting calls whose deadline `is_over`.
    pub(super) fn fail_where(&self, reason: Unanswered, is_over: impl Fn(Instant) -> bool) {
        let mut wakers = Vec::new();
        for entry in &mut self.slots().entries {
            match &mut entry.state {
                State::Waiting {
                    deadline, waker, ..
                } if is_over(*deadline) => {
                    wakers.extend(waker.take());
                    entry.state = State::Answered(Err(reason));
                }
                _ => {}
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Slots {
    fn answer(&mut self, slot: usize, generation: u32, answer: Answer) -> Option<Waker> {
        let entry = self
            .entries
            .get_mut(slot)
            .filter(|entry| entry.generation == generation)?;
        match &mut entry.state {
            State::Waiting { waker, .. } => {
                // A call that was not polled yet has no waker and finds its answer when it is.
                let waker = waker.take().unwrap_or_else(|| Waker::noop().clone());
                entry.state = State::Answered(answer);
                Some(waker)
            }
            State::GivenUp { .. } => {
                entry.state = State::Answered(answer);
                Some(Waker::noop().clone())
            }
            State::Free | State::Answered(_) => None,
        }
    }

    fn free(&mut self, slot: usize) {
        let entry = &mut self.entries[slot];
        entry.state = State::Free;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
    }
}

#[cfg(test)]
mod tests;
