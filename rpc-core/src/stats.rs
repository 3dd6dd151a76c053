//! Counters of one endpoint, as discovery's STATS reports them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
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
    /// How many runs of the method have ended, however they did.
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
    /// Counts a call that was answered, or would have been had its caller asked for a reply.
    pub(crate) fn finished(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// Counts the failure of a call, which [`finished`](Self::finished) counts too.
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
        let ran = self.left.load(Relaxed);
        let entered = self.entered.load(Relaxed);
        Snapshot {
            ran,
            in_flight: entered.saturating_sub(ran),
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            processing_nanos: self.processing_nanos.load(Relaxed),
            queued_nanos: self.queued_nanos.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            expired: self.expired.load(Relaxed),
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
