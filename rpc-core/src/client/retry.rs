//! Sending a call again, where that is safe and helps.
//!
//! Only after a failure that is [retryable](CallError::is_retryable), only while the deadline leaves
//! time for the pause, and only within the client's [budget](super::budget). The pauses grow and are
//! drawn at random from zero on ("full jitter"), so that callers who failed together do not return
//! together. This is a loop of its own and no library's, because whether to go on depends on the
//! failure, on discovery, on the deadline and on the budget, and the pause is the smallest part.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::CallError;
use super::call::OutgoingCall;
use crate::protocol::{Outcome, WireReply};

/// How often a call is sent at most, unless somebody says otherwise.
pub(super) const MAX_TRIES: u32 = 3;
/// The longest pause before the second try; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Which failed calls are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Those of methods that discovery marks as idempotent.
    AsAnnounced,
    /// Those, and every call that did not reach its method.
    WhenNotSent,
    /// All: the caller says that the call may run twice.
    Always,
}

impl<T, K> OutgoingCall<'_, T, K> {
    /// Sends the call again for as long as that is allowed; `error` is why the first try failed.
    pub(super) async fn again(
        &mut self,
        mut error: CallError,
        deadline: Instant,
    ) -> Result<WireReply, CallError> {
        for retry in 1..self.max_tries {
            if !error.is_retryable() || !self.may_repeat(&error, deadline).await {
                return Err(error);
            }
            let pause = pause(retry);
            if Instant::now() + pause >= deadline || !self.client.core.budget.spend() {
                return Err(error);
            }
            sleep(pause).await;
            let began = Instant::now();
            let left = deadline.saturating_duration_since(began);
            if left.is_zero() {
                return Err(error);
            }
            match self.attempt(began, left).await {
                Ok(reply) => return Ok(reply),
                Err(next) => error = graver(error, next),
            }
        }
        Err(error)
    }

    async fn may_repeat(&self, error: &CallError, deadline: Instant) -> bool {
        match self.repeat {
            Repeat::Always => true,
            Repeat::WhenNotSent if error.outcome() == Some(Outcome::NotSent) => true,
            Repeat::AsAnnounced | Repeat::WhenNotSent => {
                self.client.is_idempotent(&self.subject, deadline).await
            }
        }
    }
}

/// Returns which of two failures of one call its caller hears of: the second, unless it would say
/// that the method did not run when the first may have been the one that ran it.
pub(super) fn graver(first: CallError, second: CallError) -> CallError {
    let not_sent = |error: &CallError| error.outcome() == Some(Outcome::NotSent);
    match not_sent(&second) && !not_sent(&first) {
        true => first,
        false => second,
    }
}

fn pause(retry: u32) -> Duration {
    let longest = FIRST_PAUSE * (1 << (retry - 1).min(10));
    longest.min(LONGEST_PAUSE).mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_scattered_and_end_at_a_second() {
        for (retry, longest) in [(1, 100), (2, 200), (4, 800), (5, 1_000), (u32::MAX, 1_000)] {
            let pauses: Vec<_> = (0..1_000).map(|_| pause(retry)).collect();
            let longest = Duration::from_millis(longest);
            assert!(pauses.iter().all(|pause| *pause <= longest), "{retry}");
            assert!(pauses.iter().any(|pause| *pause < longest / 4), "{retry}");
            assert!(
                pauses.iter().any(|pause| *pause > longest * 3 / 4),
                "{retry}"
            );
        }
    }

    #[test]
    fn a_call_that_may_have_run_is_never_reported_as_not_sent() {
        use Outcome::{NotSent, Unknown};
        let outcome = |first, second| {
            graver(
                CallError::Disconnected(first),
                CallError::Disconnected(second),
            )
            .outcome()
        };
        for (first, second, told) in [
            (NotSent, NotSent, NotSent),
            (NotSent, Unknown, Unknown),
            (Unknown, NotSent, Unknown),
            (Unknown, Unknown, Unknown),
        ] {
            assert_eq!(outcome(first, second), Some(told));
        }
    }
}
