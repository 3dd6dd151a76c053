//! What may come many times a second, and is said in the log less often.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts something, and tells when it is worth a line: at the 1st, 2nd, 4th, 8th … time. A flood of
/// thousands is a dozen lines, each with how many there were.
#[derive(Debug, Default)]
pub(crate) struct Rarely(AtomicU64);

impl Rarely {
    /// Counts it once more; returns how often it has come when the log should say so.
    pub(crate) fn once_more(&self) -> Option<u64> {
        let times = self.0.fetch_add(1, Relaxed) + 1;
        times.is_power_of_two().then_some(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines() {
        let rarely = Rarely::default();
        let said: Vec<_> = (0..100).filter_map(|_| rarely.once_more()).collect();
        assert_eq!(said, [1, 2, 4, 8, 16, 32, 64]);
    }
}
