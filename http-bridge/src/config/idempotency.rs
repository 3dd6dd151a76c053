//! How long replies are kept for repeats.

use std::time::Duration;

/// Keeps replies under the `Idempotency-Key` of their request, in memory, for repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// How long; none at all when it is zero. 10 minutes.
    pub time: Duration,
    /// What they may take together, in bytes; the oldest make room. 16 MiB.
    pub bytes: usize,
}

impl Default for Idempotency {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(600),
            bytes: 16 * 1024 * 1024,
        }
    }
}
