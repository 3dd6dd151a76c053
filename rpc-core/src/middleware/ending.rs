//! How a call ended, for layers that tell it.

use std::time::Instant;

use super::{LayerError, Request};
use crate::protocol::{Code, Outcome, WireReply};

/// What is said of calls that succeeded.
pub(super) const OK: &str = "ok";

/// Tells once how a call ended, also when its future is dropped before it does.
pub(super) struct Ending<F: FnOnce(&str, Option<Outcome>)> {
    tell: Option<F>,
    deadline: Instant,
}

impl<F: FnOnce(&str, Option<Outcome>)> Ending<F> {
    /// Waits for the end of a call, and `tell`s then: `ok` or the code of its failure, and whether
    /// the method may have run.
    pub(super) fn of(request: &Request, tell: F) -> Self {
        Self {
            tell: Some(tell),
            deadline: request.deadline(),
        }
    }

    /// Notes the end.
    pub(super) fn note<E: LayerError>(mut self, result: &Result<WireReply, E>) {
        if let Some(tell) = self.tell.take() {
            match result {
                Ok(_) => tell(OK, None),
                Err(failure) => tell(failure.code(), failure.outcome()),
            }
        }
    }
}

impl<F: FnOnce(&str, Option<Outcome>)> Drop for Ending<F> {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            let code = match () {
                () if std::thread::panicking() => Code::Internal,
                // Those who watch the deadline drop the call when it has passed.
                () if Instant::now() >= self.deadline => Code::DeadlineExceeded,
                () => Code::Cancelled,
            };
            tell(code.as_str(), Some(Outcome::Unknown));
        }
    }
}
