//! The reply inbox: one subscription for all calls of a client.
//!
//! A call takes a slot; its reply subject is `<inbox>.<slot and generation>`, so a late or forged
//! reply finds nothing. Dropping a waiting call frees its slot: nothing leaks, however many calls
//! are never answered. One sweeper serves the deadlines of all calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_nats::{HeaderMap, Message, StatusCode, Subject};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::debug;

use crate::connection::{Connection, Link};
use crate::protocol::{Headers, WireReply};

/// How often deadlines are looked at: how late one may be noticed.
const SWEEP: Duration = Duration::from_millis(25);

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
}

/// The reply inbox of one client.
pub(crate) struct Mux {
    inbox: String,
    waiters: Arc<Waiters>,
    tasks: [AbortHandle; 2],
}

impl Mux {
    /// Starts receiving replies.
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        let inbox = connection.inbox().to_owned();
        let waiters = Arc::<Waiters>::default();
        let receiver = tokio::spawn(receive(connection, waiters.clone()));
        let sweeper = tokio::spawn(sweep(waiters.clone()));
        let tasks = [receiver.abort_handle(), sweeper.abort_handle()];
        Self {
            inbox,
            waiters,
            tasks,
        }
    }

    /// Takes a slot for a call that ends at `deadline`; the caller publishes with its
    /// [`reply subject`](Waiting::reply_subject) and awaits it.
    pub(crate) fn wait(&self, deadline: Instant) -> Waiting {
        let (slot, generation) = self.waiters.take_slot(deadline);
        Waiting {
            waiters: self.waiters.clone(),
            slot,
            generation,
            answered: false,
        }
    }

    /// Returns the subject that the reply to `waiting` must be sent to.
    pub(crate) fn reply_subject(&self, waiting: &Waiting) -> Subject {
        // Room for the longest token, and no formatter: every call makes one.
        let mut subject = String::with_capacity(self.inbox.len() + ".-".len() + 16 + 8);
        subject.push_str(&self.inbox);
        subject.push('.');
        push_hex(&mut subject, waiting.slot);
        subject.push('-');
        push_hex(&mut subject, waiting.generation as usize);
        Subject::from(subject)
    }

    /// Returns how many calls wait now.
    pub(crate) fn in_flight(&self) -> usize {
        self.waiters.in_flight.load(Relaxed)
    }
}

impl Drop for Mux {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.waiters.fail_all(Unanswered::Disconnected);
    }
}

/// A call that waits for its reply. Dropping it frees its slot.
pub(crate) struct Waiting {
    waiters: Arc<Waiters>,
    slot: usize,
    generation: u32,
    /// Whether the answer was taken, and the slot freed with it: one look at the slots does both.
    answered: bool,
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let this = self.get_mut();
        if this.answered {
            return Poll::Ready(Err(Unanswered::Disconnected));
        }
        let mut slots = this.waiters.slots();
        let entry = &mut slots.entries[this.slot];
        debug_assert_eq!(
            entry.generation, this.generation,
            "a slot is freed by its owner only"
        );
        match std::mem::replace(&mut entry.state, State::Free) {
            State::Answered(answer) => {
                this.waiters.free(&mut slots, this.slot);
                this.answered = true;
                Poll::Ready(answer)
            }
            State::Free => Poll::Ready(Err(Unanswered::Disconnected)),
            State::Waiting { deadline, waker } => {
                let waker = match waker {
                    Some(waker) if waker.will_wake(cx.waker()) => waker,
                    _ => cx.waker().clone(),
                };
                entry.state = State::Waiting {
                    deadline,
                    waker: Some(waker),
                };
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.answered {
            self.waiters.free(&mut self.waiters.slots(), self.slot);
        }
    }
}

/// The slots of all waiting calls, behind one lock that nobody holds for long.
#[derive(Default)]
struct Waiters {
    slots: Mutex<Slots>,
    /// Beside the lock, because every call asks and takes the lock often enough.
    in_flight: AtomicUsize,
    /// Told when the first call begins to wait, so that an idle client has no timer.
    busy: Notify,
}

#[derive(Default)]
struct Slots {
    entries: Vec<Entry>,
    free: Vec<usize>,
}

struct Entry {
    generation: u32,
    state: State,
}

enum State {
    Free,
    Waiting {
        deadline: Instant,
        waker: Option<Waker>,
    },
    Answered(Answer),
}

impl Waiters {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_slot(&self, deadline: Instant) -> (usize, u32) {
        let mut slots = self.slots();
        let state = State::Waiting {
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

    fn answer(&self, token: &str, answer: Answer) {
        let waker = match parse_token(token) {
            Some((slot, generation)) => self.slots().answer(slot, generation, answer),
            None => None,
        };
        match waker {
            Some(waker) => waker.wake(),
            None => debug!(token, "a reply came for nobody, or twice"),
        }
    }

    fn fail_all(&self, reason: Unanswered) {
        self.fail_where(reason, |_| true);
    }

    /// Fails the waiting calls whose deadline `is_over`.
    fn fail_where(&self, reason: Unanswered, is_over: impl Fn(Instant) -> bool) {
        let mut wakers = Vec::new();
        for entry in &mut self.slots().entries {
            match &mut entry.state {
                State::Waiting { deadline, waker } if is_over(*deadline) => {
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

fn push_hex(text: &mut String, number: usize) {
    let digits = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        text.push(char::from(b"0123456789abcdef"[number >> (digit * 4) & 0xf]));
    }
}

fn parse_token(token: &str) -> Option<(usize, u32)> {
    let (slot, generation) = token.split_once('-')?;
    Some((
        usize::from_str_radix(slot, 16).ok()?,
        u32::from_str_radix(generation, 16).ok()?,
    ))
}

/// Receives replies on the current link, and on the next when that dies.
async fn receive(connection: Arc<Connection>, waiters: Arc<Waiters>) {
    let mut disconnects = connection.disconnects();
    loop {
        let link: Arc<Link> = connection.link().clone();
        if let Some(mut replies) = link.take_replies() {
            loop {
                tokio::select! {
                    biased;
                    reply = replies.next() => match reply {
                        Some(reply) => deliver(&waiters, reply),
                        None => break,
                    },
                    // The replies that came before the disconnection are delivered by now.
                    _ = disconnects.changed() => {
                        while let Some(Some(reply)) = replies.next().now_or_never() {
                            deliver(&waiters, reply);
                        }
                        waiters.fail_all(Unanswered::Disconnected);
                    }
                    () = connection.replaced(&link) => break,
                }
            }
        }
        waiters.fail_all(Unanswered::Disconnected);
        connection.replaced(&link).await;
        // Those who called before the end of the link was known.
        waiters.fail_all(Unanswered::Disconnected);
    }
}

fn deliver(waiters: &Waiters, reply: Message) {
    let answer = match reply.status {
        Some(StatusCode::NO_RESPONDERS) => Err(Unanswered::NoResponders),
        _ => Ok(WireReply {
            headers: reply.headers.as_ref().map(from_nats).unwrap_or_default(),
            payload: reply.payload,
        }),
    };
    let token = reply.subject.rsplit('.').next().unwrap_or_default();
    waiters.answer(token, answer);
}

/// Converts received headers; a value with control characters is left out.
pub(crate) fn from_nats(map: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, values) in map.iter() {
        for value in values {
            headers.insert(name.to_string(), value.as_str());
        }
    }
    headers
}

/// Fails the calls whose time ran out, looking every [`SWEEP`] while there are any.
async fn sweep(waiters: Arc<Waiters>) {
    loop {
        waiters.busy.notified().await;
        while waiters.in_flight.load(Relaxed) > 0 {
            sleep(SWEEP).await;
            let now = Instant::now();
            waiters.fail_where(Unanswered::Deadline, |deadline| deadline <= now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(waiters: &Arc<Waiters>) -> Waiting {
        let (slot, generation) = waiters.take_slot(Instant::now() + Duration::from_secs(9));
        Waiting {
            waiters: waiters.clone(),
            slot,
            generation,
            answered: false,
        }
    }

    fn token(waiting: &Waiting) -> String {
        format!("{:x}-{:x}", waiting.slot, waiting.generation)
    }

    #[test]
    fn a_reply_finds_its_call_once() {
        let waiters = Arc::<Waiters>::default();
        let mut call = waiting(&waiters);
        waiters.answer(&token(&call), Ok(WireReply::success("first")));
        waiters.answer(&token(&call), Ok(WireReply::success("second")));
        let answer = (&mut call).now_or_never().unwrap().unwrap();
        assert_eq!(answer.payload, "first");
    }

    #[test]
    fn a_late_reply_does_not_reach_the_next_call_in_the_same_slot() {
        let waiters = Arc::<Waiters>::default();
        let first = waiting(&waiters);
        let late = token(&first);
        drop(first);
        let mut second = waiting(&waiters);
        assert_eq!(second.slot, 0);
        waiters.answer(&late, Ok(WireReply::success("late")));
        assert!((&mut second).now_or_never().is_none());
    }

    #[test]
    fn a_million_abandoned_calls_leave_one_free_slot() {
        let waiters = Arc::<Waiters>::default();
        for _ in 0..1_000_000 {
            drop(waiting(&waiters));
        }
        let slots = waiters.slots();
        assert_eq!((slots.entries.len(), slots.free.len()), (1, 1));
        assert_eq!(waiters.in_flight.load(Relaxed), 0);
    }

    #[test]
    fn an_answered_call_frees_its_slot_once() {
        let waiters = Arc::<Waiters>::default();
        let mut call = waiting(&waiters);
        waiters.answer(&token(&call), Ok(WireReply::success("7")));
        assert!((&mut call).now_or_never().unwrap().is_ok());
        drop(call);
        assert_eq!(waiters.slots().free, [0]);
    }

    #[test]
    fn hex_is_what_the_formatter_writes() {
        for number in [0, 1, 0xf, 0x10, 0xdead_beef, usize::MAX] {
            let mut text = String::new();
            push_hex(&mut text, number);
            assert_eq!(text, format!("{number:x}"));
        }
    }

    #[test]
    fn forged_tokens_find_nothing() {
        let waiters = Arc::<Waiters>::default();
        let mut call = waiting(&waiters);
        for forged in [
            "",
            "0",
            "-",
            "0-1",
            "1-0",
            "ffffffffffffffffff-0",
            "0-0-0",
            "é",
        ] {
            waiters.answer(forged, Ok(WireReply::default()));
        }
        assert!((&mut call).now_or_never().is_none());
    }
}
