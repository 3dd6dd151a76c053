//! A full method: who waits is counted apart, who cannot be served is told, and nobody waits for
//! himself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use serde_json::Value;
use support::{PATIENCE, eventually, headers, stats_of};
use tokio::sync::Barrier;
use tokio::time::{sleep, timeout};

struct Nested {
    /// Passed when both slots of a method are taken.
    both: Barrier,
    counted: Arc<AtomicU64>,
}

impl Nested {
    fn new() -> Self {
        Self {
            both: Barrier::new(2),
            counted: Arc::default(),
        }
    }

    /// Takes a slot, and calls for another one when none is left.
    async fn nest(&self, context: &Context, subject: &str) -> Result<u32, RpcError> {
        if context.depth() > 0 {
            return Ok(context.depth());
        }
        self.both.wait().await;
        Ok(context.client()?.call(subject).await?)
    }
}

#[rpc(name = "nested")]
impl Nested {
    #[rpc(limit = 2, queue = 0)]
    async fn without_queue(&self, context: &Context) -> Result<u32, RpcError> {
        self.nest(context, "nested.without_queue").await
    }

    #[rpc(limit = 2, queue = 3, timeout = "400ms")]
    async fn with_queue(&self, context: &Context) -> Result<u32, RpcError> {
        self.nest(context, "nested.with_queue").await
    }

    #[rpc(limit = 1)]
    async fn one_by_one(&self, millis: u64) {
        sleep(Duration::from_millis(millis)).await;
        self.counted.fetch_add(1, SeqCst);
    }
}

async fn stats(app: &TestApp, method: &str) -> Value {
    stats_of(app.url(), "nested", method).await
}

#[tokio::test]
async fn calls_into_the_callers_own_full_method_are_answered() {
    let app = TestApp::start(Nested::new()).await;
    for (method, code) in [
        ("without_queue", "resource_exhausted"),
        ("with_queue", "deadline_exceeded"),
    ] {
        let subject = format!("nested.{method}");
        let both = async { tokio::join!(app.raw(&subject, ""), app.raw(&subject, "")) };
        let (first, second) = timeout(PATIENCE, both).await.unwrap();
        let failures = [first, second].map(|answer| answer.reply().error());
        // Of two that wait, the first to give up makes room for what the other one waits for.
        let failed = failures.iter().flatten();
        assert!(failed.clone().count() >= 1);
        assert!(
            failed.clone().all(|error| error.code() == code),
            "{failures:?}"
        );

        eventually("both slots free", async || {
            stats(&app, method).await["data"]["in_flight"] == 0
        })
        .await;
        let nested = app
            .raw_with_headers(&subject, headers([("Rpc-Depth", "1")]), "")
            .await;
        nested.expect("[[1], {}]");
    }
}

#[tokio::test]
async fn time_in_the_queue_is_no_processing_time() {
    let app = TestApp::start(Nested::new()).await;
    let call = || async {
        let started = Instant::now();
        app.raw("nested.one_by_one", "[[20]]")
            .await
            .expect("[[], {}]");
        started.elapsed()
    };
    let took: Duration = join_all((0..6).map(|_| call())).await.into_iter().sum();
    let stats = stats(&app, "one_by_one").await;
    let time = |value: &Value| Duration::from_nanos(value.as_u64().unwrap());
    let processing = time(&stats["processing_time"]);
    let queued = time(&stats["data"]["queued_time"]);
    // The last of six waits for five others, the one before it for four.
    assert!(
        processing >= Duration::from_millis(6 * 20),
        "{processing:?}"
    );
    assert!(queued >= Duration::from_millis(15 * 20), "{queued:?}");
    assert!(
        processing + queued <= took,
        "{processing:?} + {queued:?} > {took:?}"
    );
}

#[tokio::test]
async fn calls_whose_time_runs_out_before_they_run_are_counted_and_never_ran() {
    let service = Nested::new();
    let counted = service.counted.clone();
    let app = TestApp::start(service).await;
    let call = |timeout, millis| {
        let request = headers([("Rpc-Timeout", timeout)]);
        app.raw_with_headers("nested.one_by_one", request, format!("[[{millis}]]"))
    };
    // It holds the only slot until its deadline, long after those of the others.
    let holds = call("300", 10_000);
    let late =
        join_all([("0", 0), ("20", 0), ("30", 0)].map(|(timeout, millis)| call(timeout, millis)));
    let (holds, late) = tokio::join!(holds, late);
    for answer in late.into_iter().chain([holds]) {
        answer.expect_error("deadline_exceeded");
    }
    let stats = stats(&app, "one_by_one").await;
    assert_eq!(stats["data"]["expired"], 3, "{stats}");
    assert_eq!(
        (&stats["num_requests"], &stats["num_errors"]),
        (&4.into(), &4.into())
    );
    assert_eq!(counted.load(SeqCst), 0);
}
