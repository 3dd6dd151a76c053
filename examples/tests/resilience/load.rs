//! Callers that call one after the other, each call with a key of its own, and their figures.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_core::protocol::Outcome;
use rpc_core::{Client, RpcError};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cluster::eventually;

/// What every caller calls.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) method: &'static str,
    /// How long the method takes.
    pub(crate) ms: u64,
    pub(crate) timeout: Duration,
    pub(crate) callers: usize,
    /// After so many calls the callers end by themselves.
    pub(crate) most: u64,
}

/// A call that has ended.
pub(crate) struct Ended {
    pub(crate) key: String,
    pub(crate) took: Duration,
    pub(crate) error: Option<RpcError>,
}

impl Ended {
    /// Returns its code and whether it may have run, where it failed.
    pub(crate) fn failure(&self) -> Option<(&str, Option<Outcome>)> {
        let error = self.error.as_ref()?;
        Some((error.code(), error.outcome()))
    }
}

/// Callers at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<Vec<Ended>>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    begun: AtomicU64,
    answered: AtomicU64,
}

impl Load {
    pub(crate) fn start(client: &Client, plan: Plan) -> Self {
        let shared = Arc::<Shared>::default();
        let caller = |_| tokio::spawn(call_on_and_on(client.clone(), plan, shared.clone()));
        Self {
            callers: (0..plan.callers).map(caller).collect(),
            shared,
        }
    }

    /// Returns how many calls were answered well.
    pub(crate) fn answered(&self) -> u64 {
        self.shared.answered.load(SeqCst)
    }

    /// Waits for `count` more calls that are answered well.
    pub(crate) async fn goes_on(&self, count: u64) {
        let seen = self.answered();
        eventually("more answers", async || self.answered() >= seen + count).await;
    }

    /// Lets every caller finish its call and returns all that was called.
    pub(crate) async fn end(self) -> Vec<Ended> {
        self.shared.stop.store(true, SeqCst);
        self.finish().await
    }

    /// Waits until all calls of the plan are made, and returns them.
    pub(crate) async fn finish(self) -> Vec<Ended> {
        let ended = join_all(self.callers).await;
        ended.into_iter().flat_map(Result::unwrap).collect()
    }
}

async fn call_on_and_on(client: Client, plan: Plan, shared: Arc<Shared>) -> Vec<Ended> {
    let mut all = Vec::new();
    while !shared.stop.load(SeqCst) {
        let number = shared.begun.fetch_add(1, SeqCst);
        if number >= plan.most {
            break;
        }
        let key = number.to_string();
        let call = client.call::<u64>(plan.method).arg(&key).arg(plan.ms);
        let started = Instant::now();
        let error = call.timeout(plan.timeout).await.err().map(RpcError::from);
        let took = started.elapsed();
        match &error {
            None => {
                shared.answered.fetch_add(1, SeqCst);
            }
            // It fails at once; without a pause there would be millions of them.
            Some(error) if error.outcome() == Some(Outcome::NotSent) => {
                sleep(Duration::from_millis(5)).await;
            }
            Some(_) => {}
        }
        all.push(Ended { key, took, error });
    }
    all
}

/// Prints one line of figures: how many calls, how many failed, how long they took, and `more`.
pub(crate) fn report(subject: &str, server: &str, calls: &[Ended], more: impl Display) {
    let mut times: Vec<_> = calls.iter().map(|call| call.took).collect();
    times.sort_unstable();
    let failed = calls.iter().filter(|call| call.error.is_some()).count();
    println!(
        "{subject} on {server}: {} calls, {failed} failed, p50 {:.1?}, p99 {:.1?}, worst {:.1?}; {more}",
        times.len(),
        percentile(&times, 50),
        percentile(&times, 99),
        percentile(&times, 100),
    );
}

/// Returns the value below which `percent` of the sorted `times` are.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> Duration {
    let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(index).copied().unwrap_or_default()
}
