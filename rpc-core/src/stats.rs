//! Counters of one endpoint, as discovery's STATS reports them.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use crate::protocol::RpcError;

/// What one endpoint has done since it started. Cheap to write on every call; read rarely.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    requests: AtomicU64,
    errors: AtomicU64,
    processing_nanos: AtomicU64,
    queued_nanos: AtomicU64,
    entered: AtomicU64,
    left: AtomicU64,
    rejected: AtomicU64,
    expired: AtomicU64,
    stepped_aside: AtomicU64,
    cancelled: AtomicU64,
    panics: AtomicU64,
    last_error: Mutex<String>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) processing_nanos: u64,
    pub(crate) queued_nanos: u64,
    /// How many runs of the method have ended, however they did, each counted as what it was by now.
    pub(crate) ran: u64,
    pub(crate) in_flight: u64,
    pub(crate) rejected: u64,
    pub(crate) expired: u64,
    pub(crate) stepped_aside: u64,
    pub(crate) cancelled: u64,
    pub(crate) panics: u64,
    pub(crate) last_error: String,
}

impl Stats {
    /// Counts a call that was answered, or would have been had its caller asked for a reply. It is the
    /// last to be counted of a call: whoever sees it sees the failure as well.
    pub(crate) fn finished(&self) {
        self.requests.fetch_add(1, Release);
    }

    /// Counts the failure of a call, which [`finished`](Self::finished) counts too, after it.
    pub(crate) fn failed(&self, error: &RpcError) {
        self.errors.fetch_add(1, Relaxed);
        let text = format!("{}:{}", error.status(), error.for_log());
        *self
            .last_error
            .lock()
            .expect("nothing panics while it holds this lock") = text;
    }

    /// Counts the time that a call waited for a slot.
    pub(crate) fn queued(&self, waited: Duration) {
        self.queued_nanos.fetch_add(nanos(waited), Relaxed);
    }

    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    /// Counts a time that the instance left the queue group because it was full.
    pub(crate) fn stepped_aside(&self) {
        self.stepped_aside.fetch_add(1, Relaxed);
    }

    /// Counts a call whose time ran out before it ran.
    pub(crate) fn expired(&self) {
        self.expired.fetch_add(1, Relaxed);
    }

    pub(crate) fn cancelled(&self) {
        self.cancelled.fetch_add(1, Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// Counts a call as in flight until it has [left](Self::left).
    pub(crate) fn enter(&self) {
        self.entered.fetch_add(1, Relaxed);
    }

    /// Counts a method that has ended, `processing` after it started.
    pub(crate) fn left(&self, processing: Duration) {
        self.processing_nanos.fetch_add(nanos(processing), Relaxed);
        self.left.fetch_add(1, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        // In this order: a call that leaves in between is still in flight, and none less than none.
        let left = self.left.load(Relaxed);
        let entered = self.entered.load(Relaxed);
        // Before the others: what a finished call has added to those is there.
        let requests = self.requests.load(Acquire);
        let (rejected, expired) = (self.rejected.load(Relaxed), self.expired.load(Relaxed));
        Snapshot {
            // A method that waited has left before its call is finished.
            ran: left.min(requests.saturating_sub(rejected + expired)),
            in_flight: entered.saturating_sub(left),
            requests,
            errors: self.errors.load(Relaxed),
            processing_nanos: self.processing_nanos.load(Relaxed),
            queued_nanos: self.queued_nanos.load(Relaxed),
            rejected,
            expired,
            stepped_aside: self.stepped_aside.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            panics: self.panics.load(Relaxed),
            last_error: self
                .last_error
                .lock()
                .expect("nothing panics while it holds this lock")
                .clone(),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who waited for a run and read the failures then did not always find it among them.
    #[test]
    fn a_run_is_counted_when_its_failure_is() {
        let stats = Stats::default();
        stats.expired();
        stats.finished();
        stats.enter();
        stats.left(Duration::ZERO);
        let left = stats.snapshot();
        assert_eq!((left.ran, left.in_flight), (0, 0));
        stats.failed(&RpcError::not_found("nobody"));
        assert_eq!(stats.snapshot().ran, 0);
        stats.finished();
        let finished = stats.snapshot();
        assert_eq!((finished.ran, finished.errors), (1, 1));
    }
}
