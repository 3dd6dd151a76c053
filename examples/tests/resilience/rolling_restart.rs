//! Three instances restarted in turn under load: nobody notices.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, connect};
use crate::load::{Load, Plan, report};
use crate::servers::Server;
use crate::{on_both_servers, soak};

on_both_servers!(no_call_fails_and_each_runs_exactly_once);

async fn no_call_fails_and_each_runs_exactly_once(server: Server) {
    let (rounds, least) = if soak() { (10, 200_000) } else { (1, 2_000) };
    let mut cluster = Cluster::start(&server.url(), 3);
    let load = Load::start(
        &connect(&server.url()).await,
        Plan {
            method: "probe_service.count",
            ms: 5,
            timeout: Duration::from_secs(20),
            callers: 256,
            most: u64::MAX,
        },
    );
    load.goes_on(256).await;
    let mut longest = Duration::ZERO;
    for _ in 0..rounds {
        for index in 0..3 {
            let started = Instant::now();
            cluster.restart(index);
            longest = longest.max(started.elapsed());
            load.goes_on(256).await;
        }
    }
    while load.answered() < least {
        load.goes_on(256).await;
    }
    let calls = load.end().await;
    let restarts = rounds * 3;
    let more = format!("{restarts} restarts, the longest {longest:.1?}");
    report("rolling restart", server.name(), &calls, more);

    let failed: Vec<_> = calls
        .iter()
        .filter_map(|call| call.error.as_ref())
        .collect();
    assert!(
        failed.is_empty(),
        "{} failed: {:?}",
        failed.len(),
        failed[0]
    );
    assert!(calls.len() as u64 >= least, "{}", calls.len());
    let ran = cluster.ran();
    assert_eq!(ran.len(), calls.len());
    for call in &calls {
        assert_eq!(ran[&call.key].len(), 1, "{} ran more than once", call.key);
    }
}
