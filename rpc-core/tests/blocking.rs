//! Methods that compute: on threads of their own they keep nobody waiting but their callers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{available_parallelism, yield_now};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_core::prelude::*;
use rpc_core::testing::{self, TestApp};
use serde_json::{Value, json};
use support::{PATIENCE, eventually, headers, stats_of};
use tokio::sync::Notify;

#[derive(Default)]
struct State {
    /// `spin` ends when this is set.
    release: AtomicBool,
    /// `wait` ends when this is told.
    gate: Notify,
    running: AtomicU64,
    most_running: AtomicU64,
    begun: AtomicU64,
}

#[derive(Clone, Default)]
struct Worker(Arc<State>);

/// Counts a call as running until dropped.
struct Entered<'a>(&'a State);

impl<'a> Entered<'a> {
    fn new(state: &'a State) -> Self {
        state.begun.fetch_add(1, SeqCst);
        let running = state.running.fetch_add(1, SeqCst) + 1;
        state.most_running.fetch_max(running, SeqCst);
        Self(state)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

/// Computes for a while, as hashing a password does.
fn compute(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[rpc(name = "worker")]
impl Worker {
    #[rpc]
    async fn hello(&self, name: &str) -> String {
        format!("Hello, {name}")
    }

    #[rpc(blocking)]
    async fn hash(&self, millis: u64) {
        let _entered = Entered::new(&self.0);
        compute(Duration::from_millis(millis));
    }

    /// The same without the option.
    #[rpc]
    async fn hash_on_loop(&self, millis: u64) {
        compute(Duration::from_millis(millis));
    }

    #[rpc(blocking, limit = 7)]
    async fn shout(
        &self,
        text: &str,
        #[rpc(default = "!")] end: &str,
        #[rpc(args)] rest: &[u8],
    ) -> Result<String, RpcError> {
        match text {
            "" => Err(RpcError::invalid_argument("nothing to shout")),
            "panic" => panic!("the secret is 42"),
            text => Ok(format!("{}{end}{}", text.to_uppercase(), rest.len())),
        }
    }

    /// Blocks its thread.
    #[rpc(blocking, limit = 1, queue = 1)]
    async fn spin(&self) {
        let _entered = Entered::new(&self.0);
        let started = Instant::now();
        while !self.0.release.load(SeqCst) && started.elapsed() < PATIENCE {
            yield_now();
        }
    }

    /// Holds its thread, but can be dropped.
    #[rpc(blocking)]
    async fn wait(&self) {
        let _entered = Entered::new(&self.0);
        self.0.gate.notified().await;
    }
}

async fn data(app: &TestApp, method: &str) -> Value {
    stats_of(app.url(), "worker", method).await["data"].clone()
}

/// Calls `hello` while four callers keep calling `method`, and returns the slowest but one of a
/// hundred answers.
async fn p99_beside(app: &TestApp, method: &str, calls: u32) -> Duration {
    let busy = async {
        let caller = || async {
            loop {
                app.raw(method, "[[200]]").await.expect("[[], {}]");
            }
        };
        tokio::join!(caller(), caller(), caller(), caller());
    };
    let measured = async {
        let mut times = Vec::new();
        for _ in 0..calls {
            let started = Instant::now();
            app.raw("worker.hello", r#"[["Bob"]]"#)
                .await
                .expect(r#"[["Hello, Bob"], {}]"#);
            times.push(started.elapsed());
        }
        times.sort_unstable();
        times[times.len() * 99 / 100 - 1]
    };
    tokio::select! {
        () = busy => unreachable!("the callers go on"),
        slowest = measured => slowest,
    }
}

#[tokio::test]
async fn fast_methods_stay_fast_beside_those_that_compute_on_threads() {
    let app = TestApp::start(Worker::default()).await;
    let with = p99_beside(&app, "worker.hash", 1_000).await;
    let without = p99_beside(&app, "worker.hash_on_loop", 4).await;
    println!(
        "p99 of `hello` beside four callers of 200 ms each: {with:?} blocking, {without:?} not"
    );
    assert!(with < Duration::from_millis(100), "{with:?}");
}

#[tokio::test]
async fn a_method_on_a_thread_answers_as_any_other() {
    let worker = Worker::default();
    let app = TestApp::start(worker.clone()).await;
    for (payload, outcome) in [
        (json!([["a"]]), Ok("A!0")),
        (json!([["\"ä\n"], {"end": "?"}]), Ok("\"Ä\n?0")),
        (json!([["a", "?", 1, 2]]), Ok("A?2")),
        (json!([[""]]), Err("invalid_argument")),
        (json!([[1]]), Err("invalid_argument")),
        (json!([["panic"]]), Err("internal")),
        (json!(["a"]), Err("bad_envelope")),
    ] {
        let answer = app.raw("worker.shout", payload.to_string()).await;
        let offline = testing::call(&Arc::new(worker.clone()), "shout", payload).await;
        match outcome {
            Ok(text) => {
                let reply: Value = serde_json::from_slice(&answer.reply().payload).unwrap();
                assert_eq!(reply, json!([[text], {}]));
                assert_eq!(offline.unwrap(), reply);
            }
            Err(code) => {
                let error = answer.expect_error(code);
                assert!(!error.message().contains("secret"), "{error}");
                assert_eq!(offline.unwrap_err().code(), code);
            }
        }
    }
    let data = data(&app, "shout").await;
    assert_eq!(
        (&data["panics"], &data["in_flight"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn one_thread_a_core_unless_the_method_says_otherwise() {
    let limit_of = |name| {
        let endpoints = Worker::endpoints().into_iter();
        let mut of_name = endpoints.filter(|endpoint| endpoint.spec.name == name);
        of_name.next().unwrap().spec.options.limit
    };
    let cores = available_parallelism().unwrap().get();
    assert_eq!((limit_of("hash"), limit_of("shout")), (cores, 7));

    let worker = Worker::default();
    let app = TestApp::start(worker.clone()).await;
    join_all((0..cores * 4).map(|_| app.raw("worker.hash", "[[10]]")))
        .await
        .into_iter()
        .for_each(|answer| answer.expect("[[], {}]"));
    assert!(worker.0.most_running.load(SeqCst) <= cores as u64);
}

#[tokio::test]
async fn a_thread_that_nobody_waits_for_keeps_its_slot_until_it_ends() {
    let in_time = headers([("Rpc-Timeout", "60")]);
    for given_up in [false, true] {
        let worker = Worker::default();
        let app = TestApp::start(worker.clone()).await;
        let spin = |headers| app.raw_with_headers("worker.spin", headers, "");
        if given_up {
            tokio::select! {
                answer = spin(headers([])) => panic!("{answer:?}"),
                () = eventually("it spins", async || worker.0.begun.load(SeqCst) == 1) => {}
            }
            eventually("the service knows", async || {
                data(&app, "spin").await["cancelled"] == 1
            })
            .await;
        } else {
            let late = spin(in_time.clone())
                .await
                .expect_error("deadline_exceeded");
            assert!(late.message().contains("while it ran"), "{late}");
        }
        // The slot is taken: of two calls one waits for it, in vain, and the other is refused.
        eventually("one waits, one is refused", async || {
            let (first, second) = tokio::join!(spin(in_time.clone()), spin(in_time.clone()));
            let codes =
                [first, second].map(|answer| answer.reply().error().unwrap().code().to_owned());
            codes == ["deadline_exceeded", "resource_exhausted"]
        })
        .await;
        assert_eq!(worker.0.begun.load(SeqCst), 1);
        let busy = data(&app, "spin").await;
        assert_eq!(busy["in_flight"], 1);
        assert!(busy["expired"].as_u64().unwrap() >= 1, "{busy}");

        worker.0.release.store(true, SeqCst);
        eventually("the thread has ended", async || {
            data(&app, "spin").await["in_flight"] == 0
        })
        .await;
        spin(headers([])).await.expect("[[], {}]");
    }
}

#[tokio::test]
async fn a_method_that_waits_on_its_thread_is_dropped_at_its_deadline() {
    let worker = Worker::default();
    let app = TestApp::start(worker.clone()).await;
    let request = headers([("Rpc-Timeout", "50")]);
    app.raw_with_headers("worker.wait", request, "")
        .await
        .expect_error("deadline_exceeded");
    eventually("the method is dropped", async || {
        worker.0.running.load(SeqCst) == 0
    })
    .await;
    assert_eq!(worker.0.begun.load(SeqCst), 1);
}

#[tokio::test]
async fn a_call_on_a_thread_is_finished_before_the_service_stops() {
    let worker = Worker::default();
    let app = TestApp::start(worker.clone()).await;
    let client = support::connect(app.url()).await;
    let call = tokio::spawn(async move { client.call::<()>("worker.spin").await });
    eventually("it spins", async || worker.0.begun.load(SeqCst) == 1).await;
    // Stopping waits for the service's thread, which waits for this one.
    let stopping = std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(app.stop());
    });
    worker.0.release.store(true, SeqCst);
    call.await.unwrap().unwrap();
    tokio::task::spawn_blocking(|| stopping.join().unwrap())
        .await
        .unwrap();
}

/// What the log was told, of all tests of this program.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_method_that_computes_on_the_loop_is_named_in_the_log_once() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    /// So that no other test calls its methods.
    struct Slow;
    #[rpc(name = "slow_service")]
    impl Slow {
        #[rpc]
        async fn at_once(&self) {
            compute(Duration::from_millis(60));
        }

        #[rpc]
        async fn before_it_waits(&self) {
            compute(Duration::from_millis(60));
            tokio::task::yield_now().await;
        }

        #[rpc(blocking)]
        async fn on_a_thread(&self) {
            compute(Duration::from_millis(60));
        }
    }
    let app = TestApp::start(Slow).await;
    for (method, warnings) in [("at_once", 1), ("before_it_waits", 1), ("on_a_thread", 0)] {
        let subject = format!("slow_service.{method}");
        for _ in 0..3 {
            app.raw(&subject, "").await.expect("[[], {}]");
        }
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let of_method = text.lines().filter(|line| line.contains(&subject));
        let of_method: Vec<_> = of_method.collect();
        assert_eq!(of_method.len(), warnings, "{of_method:?}");
        assert!(
            of_method
                .iter()
                .all(|line| line.contains("WARN") && line.contains("#[rpc(blocking)]"))
        );
    }
}
