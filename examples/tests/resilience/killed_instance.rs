//! One of three instances is killed: its own calls fail in time, and no others.

use std::time::{Duration, Instant};

use rpc_core::protocol::Outcome;

use crate::cluster::{Cluster, connect};
use crate::load::{Load, Plan, report};
use crate::servers::Server;
use crate::{on_both_servers, soak};

/// How long each caller waits.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How late a caller may be told on a busy machine; deadlines are looked at every 25 ms.
const LATE: Duration = Duration::from_millis(500);

on_both_servers!(only_the_calls_that_it_had_fail);

async fn only_the_calls_that_it_had_fail(server: Server) {
    const CALLERS: usize = 64;
    let (kills, between) = if soak() { (20, 10_000) } else { (1, 500) };
    let mut cluster = Cluster::start(&server.url(), 3);
    let plan = Plan {
        method: "probe_service.count",
        ms: 10,
        timeout: TIMEOUT,
        callers: CALLERS,
        most: u64::MAX,
    };
    let load = Load::start(&connect(&server.url()).await, plan);
    load.goes_on(between).await;
    let mut killed = Vec::new();
    let started = Instant::now();
    for _ in 0..kills {
        let victim = cluster.instances.remove(0);
        killed.push(victim.id());
        // Dropping it kills it with SIGKILL.
        drop(victim);
        load.goes_on(between).await;
        let replacement = cluster.launch();
        cluster.instances.push(replacement);
    }
    // Those that were in flight on the last one have ended when the callers have.
    let calls = load.end().await;
    let more = format!("{kills} killed in {:.1?}", started.elapsed());
    report("killed instance", server.name(), &calls, more);

    let ran = cluster.ran();
    for call in &calls {
        let ran = ran.get(&call.key).map_or(&[][..], Vec::as_slice);
        assert!(call.took < TIMEOUT + LATE, "{:?}", call.took);
        match call.failure() {
            None => assert_eq!(ran.len(), 1, "{} ran on {ran:?}", call.key),
            Some(("deadline_exceeded", Some(Outcome::Unknown))) => {
                // On its way to the instance that was killed, or running there.
                let lost = ran.is_empty() || ran.len() == 1 && killed.contains(&ran[0]);
                assert!(lost, "{} ran on {ran:?}, killed: {killed:?}", call.key);
            }
            Some(other) => panic!("{other:?}"),
        }
    }
    let failed = calls.iter().filter(|call| call.error.is_some()).count();
    assert!((1..=kills * CALLERS).contains(&failed), "{failed} failed");
}
