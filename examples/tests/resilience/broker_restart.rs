//! The broker dies under load and comes back on its port: every call ends, and with the truth.

use std::time::{Duration, Instant};

use rpc_core::protocol::Outcome;
use tokio::time::sleep;

use crate::cluster::{Cluster, connect};
use crate::load::{Load, Plan, report};
use crate::servers::Server;
use crate::{on_both_servers, soak};

/// How long each caller waits.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How late a caller may be told on a busy machine; deadlines are looked at every 25 ms.
const LATE: Duration = Duration::from_millis(500);
/// How soon calls succeed again after the broker is back.
const SERVED_AGAIN: Duration = Duration::from_secs(2);

on_both_servers!(every_call_ends_in_time_and_says_what_it_knows);

async fn every_call_ends_in_time_and_says_what_it_knows(mut server: Server) {
    let (kills, between) = if soak() { (20, 10_000) } else { (1, 500) };
    let cluster = Cluster::start(&server.url(), 2);
    let plan = Plan {
        method: "probe_service.count",
        ms: 5,
        timeout: TIMEOUT,
        callers: 64,
        most: u64::MAX,
    };
    let load = Load::start(&connect(&server.url()).await, plan);
    let mut longest = Duration::ZERO;
    for _ in 0..kills {
        load.goes_on(between).await;
        server.kill();
        sleep(Duration::from_millis(500)).await;
        server.launch();
        let back = Instant::now();
        load.goes_on(1).await;
        longest = longest.max(back.elapsed());
    }
    load.goes_on(between).await;
    let calls = load.end().await;
    let ran = cluster.ran();
    let (mut sent, mut not_sent) = (Vec::new(), 0);
    for call in calls {
        let times = ran.get(&call.key).map_or(0, Vec::len);
        assert!(call.took < TIMEOUT + LATE, "{:?}", call.took);
        match call.failure() {
            None => assert_eq!(times, 1, "{}", call.key),
            Some(("unavailable", Some(Outcome::NotSent))) => {
                assert_eq!(times, 0, "{}", call.key);
                not_sent += 1;
                continue;
            }
            Some(("unavailable" | "deadline_exceeded", Some(Outcome::Unknown))) => {
                assert!(times <= 1, "{} ran {times} times", call.key);
            }
            Some(other) => panic!("{other:?}"),
        }
        sent.push(call);
    }
    // Those that were not sent failed at once, so they stay out of the times.
    let more = format!(
        "{not_sent} more not sent; {kills} restarts of the broker, \
         first success at most {longest:.1?} after it was back"
    );
    report("broker restart", server.name(), &sent, more);
    assert!(longest < SERVED_AGAIN, "{longest:?}");
}
