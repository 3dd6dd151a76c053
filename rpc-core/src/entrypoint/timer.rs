//! Methods that the time makes run: again and again, or when a clock on the wall says so.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

#[cfg(feature = "cron")]
use super::cron::Cron;
use super::hook::{BoundHook, Failed, Hook};
use super::report::EntrypointReport;
use crate::client::Client;
use crate::rarely::Rarely;
use crate::service::Service;

/// When a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At every multiple of `interval` since the instance started; and when it starts, if `eager`.
    Every {
        /// The time between two ticks.
        interval: Duration,
        /// Whether the first tick is at the start.
        eager: bool,
    },
    /// When the wall clock of a time zone matches.
    #[cfg(feature = "cron")]
    Cron {
        /// Five fields, or six with seconds first.
        expression: &'static str,
        /// A name of the IANA database.
        zone: &'static str,
    },
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every { interval, .. } => {
                write!(f, "every {}", humantime::format_duration(*interval))
            }
            #[cfg(feature = "cron")]
            Self::Cron { expression, zone } => write!(f, "cron {expression} ({zone})"),
        }
    }
}

/// A method of a service that the time makes run.
#[derive(Debug)]
pub struct Timer<S> {
    /// When it fires.
    pub schedule: Schedule,
    /// The method.
    pub hook: Hook<S>,
}

impl<S: Service> Timer<S> {
    /// Checks that the schedule can be read.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.schedule {
            Schedule::Every { .. } => Ok(()),
            #[cfg(feature = "cron")]
            Schedule::Cron { expression, zone } => match Cron::new(expression, zone) {
                Ok(_) => Ok(()),
                Err(reason) => Err(format!(
                    "the schedule of `{}.{}` cannot be read: {reason}",
                    S::NAME,
                    self.hook.name
                )),
            },
        }
    }

    pub(super) fn bind(
        self,
        service: &Arc<S>,
        client: &Arc<Client>,
        cut: &CancellationToken,
    ) -> Result<BoundTimer, String> {
        self.check()?;
        Ok(BoundTimer {
            schedule: self.schedule,
            hook: self.hook.bind(service, client),
            cut: cut.clone(),
            turn: Mutex::new(()),
            runs: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            overran: Rarely::default(),
        })
    }
}

/// A timer of one instance.
pub(crate) struct BoundTimer {
    schedule: Schedule,
    hook: BoundHook,
    /// Ends the tick that runs when the instance may wait no longer.
    cut: CancellationToken,
    /// Held by the tick that runs.
    turn: Mutex<()>,
    runs: AtomicU64,
    failures: AtomicU64,
    panics: AtomicU64,
    skipped: AtomicU64,
    /// Ticks that took longer than to the next.
    overran: Rarely,
}

impl BoundTimer {
    /// Returns the service and the method.
    pub(crate) fn method(&self) -> String {
        self.hook.method()
    }

    /// Fires until `stopped`; a tick that runs then is finished.
    pub(crate) async fn run(&self, stopped: impl Future<Output = ()>) {
        match self.schedule {
            Schedule::Every { interval, eager } => {
                self.fire(Interval::new(interval, eager), stopped).await;
            }
            #[cfg(feature = "cron")]
            Schedule::Cron { expression, zone } => match Cron::new(expression, zone) {
                Ok(cron) => self.fire(cron.clock(), stopped).await,
                // It was read before the instance started.
                Err(reason) => error!(timer = self.method(), reason, "the timer never fires"),
            },
        }
    }

    async fn fire(&self, mut clock: impl Clock, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => return,
                () = clock.due() => {}
            }
            match self.turn.try_lock() {
                Ok(_turn) => self.tick().await,
                // A test fired it by hand.
                Err(_) => _ = self.skipped.fetch_add(1, Relaxed),
            }
            let missed = clock.pass();
            if missed > 0 {
                self.skipped.fetch_add(missed, Relaxed);
                if let Some(times) = self.overran.once_more() {
                    let (timer, skipped) = (self.method(), self.skipped.load(Relaxed));
                    warn!(
                        timer,
                        times,
                        skipped,
                        "ticks came while the one before still ran, and were skipped"
                    );
                }
            }
        }
    }

    /// Runs the method out of turn, after the tick that runs now.
    #[cfg(feature = "testing")]
    pub(crate) async fn fire_now(&self) {
        let _turn = self.turn.lock().await;
        self.tick().await;
    }

    /// Runs the method once.
    async fn tick(&self) {
        let outcome = tokio::select! {
            biased;
            outcome = self.hook.run() => outcome,
            () = self.cut.cancelled() => Err(Failed::cut_short()),
        };
        if let Err(failed) = outcome {
            self.failures.fetch_add(1, Relaxed);
            self.panics.fetch_add(failed.is_panic().into(), Relaxed);
            let (timer, request_id) = (self.method(), failed.request_id.as_deref());
            error!(timer, request_id, "tick failed: {failed}");
        }
        // Last, for those who wait until it has run.
        self.runs.fetch_add(1, Relaxed);
    }

    pub(super) fn report(&self) -> EntrypointReport {
        EntrypointReport {
            name: self.method(),
            fired_by: self.schedule.to_string(),
            runs: self.runs.load(Relaxed),
            failures: self.failures.load(Relaxed),
            panics: self.panics.load(Relaxed),
            dropped: self.skipped.load(Relaxed),
        }
    }
}

/// Says when the next tick is due.
pub(super) trait Clock {
    /// Resolves when the next tick is due.
    fn due(&mut self) -> impl Future<Output = ()> + Send;

    /// Goes on to the first tick that is yet to come; returns how many it left out.
    fn pass(&mut self) -> u64;
}

/// Ticks that are multiples of an interval after the start: what a tick takes moves no other.
struct Interval {
    start: Instant,
    interval: Duration,
    /// The number of the next tick.
    next: u64,
}

impl Interval {
    fn new(interval: Duration, eager: bool) -> Self {
        Self {
            start: Instant::now(),
            interval,
            next: u64::from(!eager),
        }
    }

    fn number_now(&self) -> u64 {
        let number = self.start.elapsed().as_nanos() / self.interval.as_nanos().max(1);
        u64::try_from(number).unwrap_or(u64::MAX)
    }
}

impl Clock for Interval {
    async fn due(&mut self) {
        let nanos = self.interval.as_nanos().saturating_mul(self.next.into());
        let offset = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        match self.start.checked_add(offset) {
            Some(due) => sleep_until(due).await,
            // Past the end of the clock.
            None => std::future::pending().await,
        }
    }

    fn pass(&mut self) -> u64 {
        let next = self.number_now().max(self.next) + 1;
        let missed = next - self.next - 1;
        self.next = next;
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn ticks_do_not_drift_and_those_that_are_missed_are_left_out() {
        let mut clock = Interval::new(10 * SECOND, false);
        let start = Instant::now();
        // What the tick takes; then when it began, and how many were missed meanwhile.
        for (takes, began, missed) in [
            (3, 10, 0),
            (9, 20, 0),
            (10, 30, 1),
            (25, 50, 2),
            (0, 80, 0),
            (0, 90, 0),
        ] {
            clock.due().await;
            assert_eq!(start.elapsed().as_secs(), began);
            sleep(takes * SECOND).await;
            assert_eq!(clock.pass(), missed, "after the tick at {began}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_eager_timer_begins_with_a_tick() {
        let mut clock = Interval::new(10 * SECOND, true);
        let start = Instant::now();
        for began in [0, 10, 20] {
            clock.due().await;
            assert_eq!(start.elapsed().as_secs(), began);
            clock.pass();
        }
    }
}
