//! The deadlines of one connection: the head of a request, the wait between requests, the longest
//! request.
//!
//! A request writes a few atomics, and one timer a connection looks at them every few seconds. So
//! no request pays for a timer, and a byte now and then extends nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection is doing, as its socket and its requests report it.
#[derive(Debug)]
pub(crate) struct Pulse {
    opened: Instant,
    /// When the head being read began, in milliseconds after `opened` plus one; 0 between heads.
    head_since: AtomicU64,
    /// When the last answer was handed over, in milliseconds after `opened`.
    idle_since: AtomicU64,
    /// Requests under way, those begun in this turn and those begun in the one before.
    under_way: [AtomicU32; 2],
    turn: AtomicUsize,
    /// Whether what is written now belongs to a request that reached the stack.
    answering: AtomicBool,
}

impl Pulse {
    /// Creates the pulse of a connection that was just accepted and owes its first head.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            head_since: AtomicU64::new(1),
            idle_since: AtomicU64::new(0),
            under_way: [AtomicU32::new(0), AtomicU32::new(0)],
            turn: AtomicUsize::new(0),
            answering: AtomicBool::new(false),
        })
    }

    /// Notes that bytes came in: between requests they begin a head.
    pub(crate) fn heard(&self) {
        if self.head_since.load(Relaxed) == 0 && !self.is_busy() {
            self.head_since.store(self.now() + 1, Relaxed);
        }
    }

    /// Notes that a head is complete; the request is under way until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.head_since.store(0, Relaxed);
        self.answering.store(true, Relaxed);
        let turn = self.turn.load(Relaxed);
        self.under_way[turn].fetch_add(1, Relaxed);
        Busy {
            pulse: self.clone(),
            turn,
        }
    }

    /// Notes that everything written so far is with the operating system.
    pub(crate) fn flushed(&self) {
        if !self.is_busy() {
            self.answering.store(false, Relaxed);
        }
    }

    /// Returns whether a request is being answered, as opposed to a failure to read one.
    pub(crate) fn is_answering(&self) -> bool {
        self.answering.load(Relaxed)
    }

    fn is_busy(&self) -> bool {
        self.under_way.iter().any(|count| count.load(Relaxed) > 0)
    }

    fn now(&self) -> u64 {
        // 2^64 milliseconds outlast every connection.
        self.opened.elapsed().as_millis() as u64
    }
}

/// One request under way.
#[derive(Debug)]
pub(crate) struct Busy {
    pulse: Arc<Pulse>,
    turn: usize,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.pulse.idle_since.store(self.pulse.now(), Relaxed);
        self.pulse.under_way[self.turn].fetch_sub(1, Relaxed);
    }
}

/// How long each state of a connection may last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// A head, from its first byte.
    pub(crate) head: Duration,
    /// The wait for the next request.
    pub(crate) idle: Duration,
    /// A request, from its head until its answer is handed over; noticed before twice that and the
    /// shortest of the three.
    pub(crate) request: Duration,
}

impl Times {
    fn shortest(&self) -> Duration {
        self.head.min(self.idle).min(self.request)
    }
}

/// Which state lasted too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// The head of a request is not complete.
    Head,
    /// No request came.
    Idle,
    /// A request, or the taking of its answer, does not end.
    Request,
}

/// The one timer of a connection.
#[derive(Debug)]
pub(crate) struct Watchdog {
    pulse: Arc<Pulse>,
    times: Times,
    turned: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Watchdog {
    /// Starts watching.
    pub(crate) fn new(pulse: Arc<Pulse>, times: Times) -> Self {
        let turned = pulse.opened;
        let timer = Box::pin(sleep_until(turned + times.shortest()));
        Self {
            pulse,
            times,
            turned,
            timer,
        }
    }

    /// Waits until a state has lasted too long. Dropping the future loses nothing.
    pub(crate) async fn overdue(&mut self) -> Overdue {
        loop {
            self.timer.as_mut().await;
            match self.check(Instant::now()) {
                Ok(next) => self.timer.as_mut().reset(next),
                Err(overdue) => return overdue,
            }
        }
    }

    /// Returns when to look again. A state that begins right after this look ends no earlier than
    /// one look later, so looking this often misses none and is late for none.
    fn check(&mut self, now: Instant) -> Result<Instant, Overdue> {
        let look = now + self.times.shortest();
        let pulse = &self.pulse;
        if pulse.is_busy() {
            if now.duration_since(self.turned) >= self.times.request {
                // What is left of the turn before this one is at least a whole turn old.
                let older = 1 - pulse.turn.load(Relaxed);
                if pulse.under_way[older].load(Relaxed) > 0 {
                    return Err(Overdue::Request);
                }
                pulse.turn.store(older, Relaxed);
                self.turned = now;
            }
            return Ok(look);
        }
        self.turned = now;
        let after = |millis| pulse.opened + Duration::from_millis(millis);
        let (due, overdue) = match pulse.head_since.load(Relaxed) {
            0 => (
                after(pulse.idle_since.load(Relaxed)) + self.times.idle,
                Overdue::Idle,
            ),
            begun => (after(begun - 1) + self.times.head, Overdue::Head),
        };
        match now >= due {
            true => Err(overdue),
            false => Ok(look.min(due)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    const TIMES: Times = Times {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        request: Duration::from_secs(90),
    };

    async fn seconds_until(watchdog: &mut Watchdog) -> (Overdue, u64) {
        let began = Instant::now();
        let overdue = watchdog.overdue().await;
        (overdue, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_overdue_after_the_time_for_a_head() {
        let mut watchdog = Watchdog::new(Pulse::new(), TIMES);
        assert_eq!(seconds_until(&mut watchdog).await, (Overdue::Head, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn more_bytes_of_a_head_do_not_extend_its_time() {
        let pulse = Pulse::new();
        let mut watchdog = Watchdog::new(pulse.clone(), TIMES);
        drop(pulse.begin());
        advance(Duration::from_secs(3)).await;
        for _ in 0..9 {
            pulse.heard();
            assert!(
                timeout(Duration::from_secs(1), watchdog.overdue())
                    .await
                    .is_err()
            );
        }
        let (overdue, left) = seconds_until(&mut watchdog).await;
        assert_eq!((overdue, left), (Overdue::Head, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_its_own_longer_time() {
        let pulse = Pulse::new();
        let mut watchdog = Watchdog::new(pulse.clone(), TIMES);
        drop(pulse.begin());
        assert_eq!(seconds_until(&mut watchdog).await, (Overdue::Idle, 75));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_may_last_its_time_and_not_twice_as_long() {
        let pulse = Pulse::new();
        let mut watchdog = Watchdog::new(pulse.clone(), TIMES);
        let stuck = pulse.begin();
        let (overdue, after) = seconds_until(&mut watchdog).await;
        assert_eq!(overdue, Overdue::Request);
        assert!((90..=190).contains(&after), "{after}");
        drop(stuck);
    }
}
