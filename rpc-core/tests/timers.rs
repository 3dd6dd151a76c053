//! Timers fire as declared, survive what goes wrong in them, and end with their instance.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use rpc_core::{Config, EntrypointReport, RunError, Runner};
use support::{PATIENCE, eventually};
use tokio::sync::Semaphore;
use tokio::time::sleep;

struct State {
    ticks: AtomicU64,
    running: AtomicU64,
    most_running: AtomicU64,
    heard: AtomicU64,
    gate: Semaphore,
}

#[derive(Clone)]
struct Cleaner(Arc<State>);

impl Cleaner {
    fn new() -> Self {
        Self(Arc::new(State {
            ticks: AtomicU64::new(0),
            running: AtomicU64::new(0),
            most_running: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            gate: Semaphore::new(0),
        }))
    }
}

#[rpc]
impl Cleaner {
    #[timer("1h", eager)]
    async fn at_once(&self) {
        self.0.ticks.fetch_add(1, SeqCst);
    }

    /// Takes longer than its interval.
    #[timer("5ms")]
    async fn slow(&self) {
        let running = self.0.running.fetch_add(1, SeqCst) + 1;
        self.0.most_running.fetch_max(running, SeqCst);
        sleep(Duration::from_millis(12)).await;
        self.0.running.fetch_sub(1, SeqCst);
    }

    #[timer("5ms")]
    async fn fails(&self) -> Result<(), String> {
        Err("the disk is full".to_owned())
    }

    #[timer("5ms")]
    async fn panics(&self) {
        panic!("as told")
    }

    #[timer("1h")]
    async fn by_hand(&self, context: &Context) -> Result<(), RpcError> {
        context.emit("swept", (1,)).await?;
        Ok(())
    }

    #[event_handler("cleaner.swept")]
    async fn hear(&self, n: u64) {
        self.0.heard.fetch_add(n, SeqCst);
    }

    #[cron("* * * * * *", tz = "Europe/Brussels")]
    async fn every_second(&self) {}
}

fn report(app: &TestApp, name: &str) -> EntrypointReport {
    let mut reports = app.entrypoints().into_iter();
    reports.find(|report| report.name == name).unwrap()
}

#[tokio::test]
async fn an_eager_timer_fires_at_the_start_and_others_wait_for_their_time() {
    let cleaner = Cleaner::new();
    let app = TestApp::start(cleaner.clone()).await;
    app.wait_for("cleaner.at_once").await;
    app.wait_for("cleaner.slow").times(3).await;
    assert_eq!(cleaner.0.ticks.load(SeqCst), 1);
    assert_eq!(report(&app, "cleaner.by_hand").runs, 0);
}

#[tokio::test]
async fn a_tick_that_comes_while_its_method_runs_is_skipped_and_counted() {
    let cleaner = Cleaner::new();
    let app = TestApp::start(cleaner.clone()).await;
    app.wait_for("cleaner.slow").times(5).await;
    assert_eq!(cleaner.0.most_running.load(SeqCst), 1);
    // Each run takes more than two intervals.
    let report = report(&app, "cleaner.slow");
    assert!(report.dropped >= report.runs - 1, "{report:?}");
}

#[tokio::test]
async fn failures_and_panics_are_counted_and_the_timer_goes_on() {
    let app = TestApp::start(Cleaner::new()).await;
    for (name, panics) in [("cleaner.fails", false), ("cleaner.panics", true)] {
        app.wait_for(name).times(3).await;
        let report = report(&app, name);
        assert!(report.failures >= 3, "{report:?}");
        assert_eq!(report.panics > 0, panics, "{report:?}");
    }
}

#[tokio::test]
async fn a_schedule_with_seconds_fires_each_second() {
    let app = TestApp::start(Cleaner::new()).await;
    let began = Instant::now();
    app.wait_for("cleaner.every_second").times(2).await;
    assert!(
        began.elapsed() > Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
    let report = report(&app, "cleaner.every_second");
    assert_eq!(report.fired_by, "cron * * * * * * (Europe/Brussels)");
}

#[tokio::test]
async fn a_test_fires_a_timer_by_hand() {
    let cleaner = Cleaner::new();
    let app = TestApp::start(cleaner.clone()).await;
    app.fire_timer("cleaner.by_hand").await;
    app.fire_timer("cleaner.by_hand").await;
    app.wait_for("cleaner.hear").times(2).await;
    assert_eq!(cleaner.0.heard.load(SeqCst), 2);
}

/// Its ticks last until the gate opens.
struct Patient(Arc<State>);

#[rpc]
impl Patient {
    #[timer("1h", eager)]
    async fn tick(&self) {
        self.0.ticks.fetch_add(1, SeqCst);
        self.0.gate.acquire().await.unwrap().forget();
        self.0.heard.fetch_add(1, SeqCst);
    }
}

async fn patient(drain: Duration) -> (Arc<State>, TestApp) {
    let state = Cleaner::new().0;
    let patient = Patient(state.clone());
    let app = TestApp::run(move |runner| runner.service(patient).drain_timeout(drain)).await;
    eventually("it ticks", async || state.ticks.load(SeqCst) == 1).await;
    (state, app)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_that_runs_is_finished_before_the_instance_stops() {
    let (state, app) = patient(PATIENCE).await;
    let stop = tokio::spawn(app.stop());
    sleep(Duration::from_millis(30)).await;
    assert!(!stop.is_finished());
    state.gate.add_permits(1);
    stop.await.unwrap();
    assert_eq!(state.heard.load(SeqCst), 1);
}

#[tokio::test]
async fn a_tick_that_outlasts_the_drain_is_dropped() {
    let (state, app) = patient(Duration::from_millis(50)).await;
    let began = Instant::now();
    app.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(state.heard.load(SeqCst), 0);
}

#[tokio::test]
async fn a_schedule_that_cannot_be_read_keeps_the_process_from_starting() {
    struct Mistaken;

    #[rpc]
    impl Mistaken {
        #[cron("0 3 * * *", tz = "Europe/Brussel")]
        async fn nightly(&self) {}
    }

    // Said before it asks for a server: there is none.
    let config = Config::new("nats://127.0.0.1:9").give_up_after(PATIENCE);
    let Err(error) = Runner::new(config).service(Mistaken).start().await else {
        panic!("it started");
    };
    assert!(matches!(error, RunError::Declaration(_)));
    assert_eq!(
        error.to_string(),
        "the schedule of `mistaken.nightly` cannot be read: `Europe/Brussel` is not a time zone of \
         the IANA database, such as `Europe/Brussels`"
    );
}
