//! The load: so many callers, each making its next call when it has the reply to the last.
//!
//! The time of a call is taken with one clock reading per call (about 25 ns, the same for every
//! contender) and kept in a list per caller, because shared counters would be measured too.

use std::future::Future;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

/// Someone who makes one call at a time.
pub(crate) trait Call: Send + 'static {
    /// Makes one call and checks its reply.
    fn call(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

/// What a load came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) first_failure: Option<String>,
    pub(crate) seconds: f64,
    /// CPU time of the process that made the calls, user and system, all threads.
    pub(crate) cpu_nanos: u64,
    pub(crate) p50_nanos: u32,
    pub(crate) p99_nanos: u32,
}

/// Calls for so long; gives the callers back, so that the next load finds them connected.
pub(crate) async fn run<C: Call>(callers: Vec<C>, time: Duration) -> (Vec<C>, Load) {
    let cpu = cpu_nanos();
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in callers {
        tasks.spawn(call_until(caller, started + time));
    }
    let (mut callers, mut latencies, mut load) = (Vec::new(), Vec::new(), Load::default());
    while let Some(ended) = tasks.join_next().await {
        let Ok(turn) = ended else {
            load.failed += 1;
            load.first_failure = Some("a caller panicked".to_owned());
            continue;
        };
        callers.push(turn.caller);
        latencies.push(turn.nanos);
        load.failed += turn.failed;
        load.first_failure = load.first_failure.or(turn.first_failure);
    }
    load.seconds = started.elapsed().as_secs_f64();
    load.cpu_nanos = cpu_nanos() - cpu;
    let mut latencies = latencies.concat();
    load.calls = latencies.len() as u64;
    load.p50_nanos = percentile(&mut latencies, 50);
    load.p99_nanos = percentile(&mut latencies, 99);
    (callers, load)
}

/// Returns the CPU time that this process has used, user and system, all threads.
pub(crate) fn cpu_nanos() -> u64 {
    let time = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// One caller's part of a load.
struct Turn<C> {
    caller: C,
    nanos: Vec<u32>,
    failed: u64,
    first_failure: Option<String>,
}

async fn call_until<C: Call>(mut caller: C, end: Instant) -> Turn<C> {
    let (mut nanos, mut failed, mut first_failure) = (Vec::new(), 0, None);
    let mut before = Instant::now();
    while before < end {
        let outcome = caller.call().await;
        let now = Instant::now();
        match outcome {
            Ok(()) => nanos.push(u32::try_from((now - before).as_nanos()).unwrap_or(u32::MAX)),
            Err(failure) => {
                failed += 1;
                first_failure.get_or_insert(failure);
                // What fails at once would only fill the list of failures.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        before = now;
    }
    Turn {
        caller,
        nanos,
        failed,
        first_failure,
    }
}

fn percentile(values: &mut [u32], percent: usize) -> u32 {
    match values.len() {
        0 => 0,
        len => *values.select_nth_unstable((len - 1) * percent / 100).1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut values: Vec<u32> = (1..=100).rev().collect();
        assert_eq!(percentile(&mut values, 50), 50);
        assert_eq!(percentile(&mut values, 99), 99);
        assert_eq!(percentile(&mut [7], 99), 7);
        assert_eq!(percentile(&mut [], 50), 0);
    }
}
