//! How much a client may send beyond what it was asked to.
//!
//! A service that fails gets more requests the more its callers repeat, and stays down under them.
//! So each call earns a tenth of a repeat and each repeat costs one: repeats are at most 10 % of the
//! calls, apart from the few that a client begins with.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// How many calls earn one repeat.
const CALLS_PER_REPEAT: u64 = 10;
/// The repeats that a new client may make, so that one with few calls may repeat at all.
const FIRST: u64 = 10;
/// The most repeats that are saved up for bad times.
const MOST_SAVED: u64 = 100;

/// A token bucket that is filled by calls, not by time.
///
/// Calls only count; what they have earned is reckoned up when somebody wants to spend it.
pub(crate) struct Budget {
    calls: AtomicU64,
    purse: Mutex<Purse>,
}

struct Purse {
    /// What is there, in calls.
    saved: u64,
    /// The calls that were reckoned up already.
    reckoned: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            calls: AtomicU64::new(0),
            purse: Mutex::new(Purse {
                saved: FIRST * CALLS_PER_REPEAT,
                reckoned: 0,
            }),
        }
    }
}

impl Budget {
    /// Notes a call.
    pub(super) fn earn(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    /// Takes what one repeat costs, if it is there.
    pub(super) fn spend(&self) -> bool {
        let mut purse = self.purse.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = self.calls.load(Relaxed);
        let earned = calls - purse.reckoned;
        purse.reckoned = calls;
        purse.saved = (purse.saved + earned).min(MOST_SAVED * CALLS_PER_REPEAT);
        match purse.saved.checked_sub(CALLS_PER_REPEAT) {
            Some(left) => {
                purse.saved = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(budget: &Budget) -> usize {
        std::iter::from_fn(|| budget.spend().then_some(())).count()
    }

    #[test]
    fn a_tenth_of_the_calls_may_be_repeated() {
        let budget = Budget::default();
        assert_eq!(repeats(&budget), 10);
        for (calls, expected) in [(0, 0), (9, 0), (1, 1), (25, 2), (5, 1), (1_000, 100)] {
            (0..calls).for_each(|_| budget.earn());
            assert_eq!(repeats(&budget), expected, "after {calls} more calls");
        }
    }

    #[test]
    fn good_times_save_up_a_limited_amount() {
        let budget = Budget::default();
        (0..100_000).for_each(|_| budget.earn());
        assert_eq!(repeats(&budget), 100);
    }
}
