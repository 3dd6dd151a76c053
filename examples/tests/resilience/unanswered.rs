//! Calls that nobody answers leave nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use rpc_core::{Client, RpcError};

use crate::cluster::{connect, eventually};
use crate::load::{Ended, report};
use crate::servers::Server;
use crate::{on_both_servers, soak};

/// What the process may have grown by, in kB. A call takes some hundred bytes while it waits, so a
/// leak of a million would be a hundred times as much.
const MOST_GROWTH: u64 = 8 * 1024;
/// The figures are of every so many-th call: all of a million would be the growth that this is about.
const SAMPLE: u64 = 10;

on_both_servers!(memory_stays_flat);

async fn memory_stays_flat(server: Server) {
    let calls = if soak() { 1_000_000 } else { 10_000 };
    let deaf = async_nats::connect(server.url()).await.unwrap();
    let mut requests = deaf.subscribe("deaf_service.>").await.unwrap();
    deaf.flush().await.unwrap();
    let heard = Arc::<AtomicU64>::default();
    let counter = heard.clone();
    let listening = tokio::spawn(async move {
        while requests.next().await.is_some() {
            counter.fetch_add(1, SeqCst);
        }
    });
    let client = connect(&server.url()).await;
    // Buffers, tables and the allocator's pools grow once, to what this many calls at once need.
    call_in_vain(&client, calls / 5).await;
    let before = resident_kilobytes();
    let started = Instant::now();
    let ended = call_in_vain(&client, calls).await;
    let took = started.elapsed();
    let after = resident_kilobytes();
    let more = format!(
        "one in {SAMPLE} of {calls} in {took:.1?}, memory {before} kB before and {after} kB after"
    );
    report("unanswered calls", server.name(), &ended, more);

    assert_eq!(client.in_flight(), 0);
    eventually("all arrived", async || {
        heard.load(SeqCst) == calls + calls / 5
    })
    .await;
    listening.abort();
    let growth = after.saturating_sub(before);
    assert!(growth < MOST_GROWTH, "it grew by {growth} kB");
}

/// Makes calls that end by their deadline, and returns every [`SAMPLE`]th.
async fn call_in_vain(client: &Client, calls: u64) -> Vec<Ended> {
    const CALLERS: u64 = 500;
    let caller = async || {
        let mut sample = Vec::with_capacity((calls / CALLERS / SAMPLE) as usize + 1);
        for number in 0..calls / CALLERS {
            let call = client.call::<()>("deaf_service.listen").arg("hello?");
            let started = Instant::now();
            let answer = call.timeout(Duration::from_millis(20)).await;
            let took = started.elapsed();
            let ended = Ended {
                key: String::new(),
                took,
                error: answer.err().map(RpcError::from),
            };
            let code = ended.failure().map(|(code, _)| code);
            assert_eq!(code, Some("deadline_exceeded"));
            if number % SAMPLE == 0 {
                sample.push(ended);
            }
        }
        sample
    };
    let callers = (0..CALLERS).map(|_| caller());
    join_all(callers).await.into_iter().flatten().collect()
}

/// Returns what this process takes; the embedded broker and the deaf service are part of it.
fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status");
    // Elsewhere the calls are made all the same, and their memory is not looked at.
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}
