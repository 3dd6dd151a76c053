//! More calls than an instance can serve, with short deadlines: callers are told in time, and what
//! expired while it waited never ran.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use rpc_core::Client;
use rpc_core::protocol::{Headers, Outcome, headers};
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE, connect, eventually};
use crate::load::{Load, Plan, percentile, report};
use crate::servers::Server;
use crate::{on_both_servers, soak};

const METHOD: &str = "probe_service.count_slowly";
const DEADLINE: Duration = Duration::from_millis(50);
/// How long the method would take.
const MS: u64 = 100;
const CALLERS: usize = 256;
/// Milliseconds after its deadline from when on a call may not begin to run. Not zero: between the
/// dispatcher's look at the clock and the method's own, a busy machine may give others a turn.
const LATEST_START: u64 = 5;

type Keys = HashMap<String, Vec<u32>>;

on_both_servers!(callers_are_told_in_time_and_what_expired_never_ran);

async fn callers_are_told_in_time_and_what_expired_never_ran(server: Server) {
    // The quick form runs beside compilers and other tests, whose turns a caller has to wait for.
    let (calls, worst, most_p99) = match soak() {
        true => (10_000, 150, 100),
        false => (500, 600, 300),
    };
    let cluster = Cluster::start(&server.url(), 1);
    let client = connect(&server.url()).await;
    let plan = Plan {
        method: METHOD,
        ms: MS,
        timeout: DEADLINE,
        callers: CALLERS,
        most: calls,
    };
    let ended = Load::start(&client, plan).finish().await;
    let mut statistics = Value::Null;
    eventually("every request has ended", async || {
        statistics = statistics_of(&server.url(), "count_slowly").await;
        statistics["num_requests"] == calls
    })
    .await;
    let mut times: Vec<_> = ended.iter().map(|call| call.took).collect();
    times.sort_unstable();
    let of_kind = |name: &str| statistics["data"][name].as_u64().unwrap();
    let (expired, refused) = (of_kind("expired"), of_kind("rejected"));
    let (late, ran): (Keys, Keys) = cluster
        .ran()
        .into_iter()
        .partition(|(key, _)| key.starts_with("late-"));
    let more = format!(
        "{} ran, {expired} expired, {refused} refused; {} ran late",
        ran.len(),
        late.values().flatten().count(),
    );
    report("50 ms deadlines", server.name(), &ended, more);

    assert_eq!(ran.len() as u64 + expired + refused, calls);
    for call in &ended {
        // The caller itself noticed it, or the service just before.
        let code = call.failure().map(|(code, _)| code);
        assert_eq!(code, Some("deadline_exceeded"));
    }
    for key in late.keys() {
        let ms: u64 = key.trim_start_matches("late-").parse().unwrap();
        assert!(ms < LATEST_START, "one ran {ms} ms after its deadline");
    }
    assert!(ran.values().all(|processes| processes.len() == 1));
    assert!(times[times.len() - 1] < Duration::from_millis(worst));
    assert!(percentile(&times, 99) < Duration::from_millis(most_p99));
    each_reply_says_whether_it_ran(&client, &cluster, calls).await;
}

/// Makes the same calls, waiting longer than the service is told to, and compares what each reply
/// says with what the service has noted.
async fn each_reply_says_whether_it_ran(client: &Client, cluster: &Cluster, calls: u64) {
    let started = Instant::now();
    let per_caller = calls / CALLERS as u64;
    let replies = (0..CALLERS).map(async |caller| {
        let mut outcomes = Vec::new();
        for number in 0..per_caller {
            let key = format!("told-{caller}-{number}");
            let mut told = Headers::new();
            told.insert(headers::TIMEOUT, DEADLINE.as_millis().to_string());
            let payload = Bytes::from(json!([[key, MS]]).to_string());
            let reply = client.request(METHOD, told, payload, PATIENCE).await;
            let error = reply.unwrap().error().expect("it takes longer");
            outcomes.push((key, error));
        }
        outcomes
    });
    let replies: Vec<_> = join_all(replies).await.into_iter().flatten().collect();
    let ran = cluster.ran();
    let (mut expired, mut refused, mut cut) = (0, 0, 0);
    for (key, error) in &replies {
        let times = ran.get(key).map_or(0, Vec::len);
        match (error.code(), error.outcome()) {
            ("deadline_exceeded", Some(Outcome::NotSent)) => expired += usize::from(times == 0),
            ("resource_exhausted", Some(Outcome::NotSent)) => refused += usize::from(times == 0),
            ("deadline_exceeded", Some(Outcome::Unknown)) => cut += usize::from(times == 1),
            _ => panic!("{error:?}"),
        }
    }
    println!(
        "    and when told why: {} sent = {cut} ran + {expired} expired + {refused} refused, in {:.1?}",
        replies.len(),
        started.elapsed()
    );
    assert_eq!(cut + expired + refused, replies.len());
    assert!(cut >= 8, "only {cut} ran");
}

/// Returns what discovery counts of one method of the only instance.
async fn statistics_of(url: &str, method: &str) -> Value {
    let nats = async_nats::connect(url).await.unwrap();
    let reply = nats.request("$SRV.STATS.probe_service", Bytes::new()).await;
    let body: Value = serde_json::from_slice(&reply.unwrap().payload).unwrap();
    let endpoints = body["endpoints"].as_array().unwrap().iter();
    let mut of_method = endpoints.filter(|endpoint| endpoint["name"] == method);
    of_method.next().unwrap().clone()
}
