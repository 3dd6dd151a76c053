//! How calls ended lately.

use std::time::Duration;

use tokio::time::Instant;

/// In how many steps the window moves on.
const STEPS: u64 = 10;

/// Calls and failures of the last while: a ring of counters, one for each step of it.
#[derive(Debug)]
pub(super) struct Window {
    began: Instant,
    steps: [Step; STEPS as usize],
    /// The step that was counted in last.
    current: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    calls: u32,
    failures: u32,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            steps: Default::default(),
            current: 0,
        }
    }

    /// Counts a call that ended now, and forgets those that are older than `length`.
    pub(super) fn count(&mut self, good: bool, now: Instant, length: Duration) {
        let elapsed = now.saturating_duration_since(self.began).as_nanos();
        let step = (length.as_nanos() / u128::from(STEPS)).max(1);
        // Somebody who came first may have seen a later time.
        let index = u64::try_from(elapsed / step).unwrap_or(u64::MAX);
        let index = index.max(self.current);
        for passed in 1..=(index - self.current).min(STEPS) {
            *self.step(self.current + passed) = Step::default();
        }
        self.current = index;
        let step = self.step(index);
        step.calls = step.calls.saturating_add(1);
        step.failures = step.failures.saturating_add(u32::from(!good));
    }

    /// Returns how many calls there were, and how many of them failed.
    pub(super) fn totals(&self) -> (u32, u32) {
        self.steps.iter().fold((0, 0), |(calls, failures), step| {
            let calls = step.calls.saturating_add(calls);
            (calls, step.failures.saturating_add(failures))
        })
    }

    fn step(&mut self, index: u64) -> &mut Step {
        &mut self.steps[(index % STEPS) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let begin = Instant::now();
        let mut window = Window::new(begin);
        for (at, good, totals) in [
            (0, true, (1, 0)),
            (99, false, (2, 1)),
            (100, false, (3, 2)),
            (999, true, (4, 2)),
            // The first step, 0 to 99, makes room.
            (1_000, true, (3, 1)),
            (1_100, true, (3, 0)),
            (60_000, false, (1, 1)),
            // Time that goes back counts where it was.
            (59_000, true, (2, 1)),
        ] {
            let now = begin + Duration::from_millis(at);
            window.count(good, now, Duration::from_secs(1));
            assert_eq!(window.totals(), totals, "at {at} ms");
        }
    }
}
