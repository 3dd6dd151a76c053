//! How fast a subscription's messages come.

use std::time::{Duration, Instant};

/// How many messages a subscription has seen, and how fast they come.
pub(super) struct Flow {
    pub(super) seen: u64,
    window_start: Instant,
    window_seen: u64,
    per_second: f64,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self {
            seen: 0,
            window_start: Instant::now(),
            window_seen: 0,
            per_second: 0.0,
        }
    }

    pub(super) fn note(&mut self, received: Instant) {
        const WINDOW: Duration = Duration::from_millis(100);
        self.seen += 1;
        let elapsed = received.duration_since(self.window_start);
        if elapsed >= WINDOW {
            let count = self.seen - self.window_seen;
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
            let rate = count as f64 / elapsed.as_secs_f64();
            (self.per_second, self.window_start, self.window_seen) = (rate, received, self.seen);
        }
    }

    pub(super) fn expected_within(&self, time: Duration) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is small and positive"
        )]
        let expected = (self.per_second * time.as_secs_f64()).ceil() as u64;
        expected
    }
}
