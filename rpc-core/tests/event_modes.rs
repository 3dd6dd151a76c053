//! Each event is handled as often as the mode of its handlers says: counted, one by one.
//!
//! ```console
//! $ cargo test -p rpc-core --test event_modes -- --nocapture
//! $ SOAK=1 cargo test --release -p rpc-core --test event_modes -- --nocapture
//! ```
//!
//! NATS delivers at most once, so a publisher that is faster than its handlers loses events. This one
//! waits for the slowest handler now and then, and then none may be missing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rpc_broker::EmbeddedBroker;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use rpc_core::{Client, Config, Runner, Running};
use support::{PATIENCE, connect, eventually};
use tokio::time::sleep;

/// How many events are under way at most: fewer than a handler has waiting places.
const UNDER_WAY: usize = 500;

/// How many events a scenario sends.
fn events() -> usize {
    match std::env::var_os("SOAK") {
        Some(_) => 100_000,
        None => 1_000,
    }
}

/// How often each event was handled by one kind of handler.
struct Tally(Vec<AtomicU32>, AtomicU64);

impl Tally {
    fn of(events: usize) -> Arc<Self> {
        let tallies = (0..events).map(|_| AtomicU32::new(0));
        Arc::new(Self(tallies.collect(), AtomicU64::new(0)))
    }

    fn count(&self, event: usize) {
        self.0[event].fetch_add(1, SeqCst);
        self.1.fetch_add(1, SeqCst);
    }

    fn total(&self) -> u64 {
        self.1.load(SeqCst)
    }

    /// Returns how many events were handled so often.
    fn handled(&self, times: u32) -> usize {
        let tallies = self.0.iter();
        tallies.filter(|tally| tally.load(SeqCst) == times).count()
    }
}

/// What all instances of all services count in.
struct Counts {
    mailed: Arc<Tally>,
    audited: Arc<Tally>,
    refreshed: Arc<Tally>,
    charged: Arc<Tally>,
}

impl Counts {
    fn of(events: usize) -> Arc<Self> {
        let tally = || Tally::of(events);
        Arc::new(Self {
            mailed: tally(),
            audited: tally(),
            refreshed: tally(),
            charged: tally(),
        })
    }
}

struct Mailer(Arc<Counts>);

#[rpc]
impl Mailer {
    #[event_handler("thing_service.thing_created")]
    async fn welcome(&self, n: usize) {
        self.0.mailed.count(n);
    }

    #[event_handler("thing_service.thing_created", mode = "broadcast")]
    async fn refresh(&self, n: usize) {
        self.0.refreshed.count(n);
    }

    #[event_handler("thing_service.thing_created", mode = "singleton")]
    async fn charge(&self, n: usize) {
        self.0.charged.count(n);
    }
}

struct Audit(Arc<Counts>);

#[rpc]
impl Audit {
    /// Some of the events wait, as those that write to a database do.
    #[event_handler("thing_service.thing_created")]
    async fn note(&self, n: usize) {
        if n.is_multiple_of(10) {
            tokio::task::yield_now().await;
        }
        self.0.audited.count(n);
    }

    #[event_handler("thing_service.thing_created", mode = "singleton")]
    async fn charge(&self, n: usize) {
        self.0.charged.count(n);
    }
}

async fn start<S: Service>(url: &str, service: S) -> Running {
    let config = Config::new(url).give_up_after(PATIENCE);
    Runner::new(config).service(service).start().await.unwrap()
}

/// Emits all events, waiting while too many of them are under way.
async fn emit_all(client: &Client, events: usize, slowest: impl Fn() -> usize) {
    for n in 0..events {
        client
            .emit("thing_service.thing_created", (n,))
            .await
            .unwrap();
        if n.is_multiple_of(100) {
            eventually("the handlers keep up", async || n < slowest() + UNDER_WAY).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_handled_as_often_as_the_mode_says() {
    let events = events();
    let counts = Counts::of(events);
    // For a server.
    let app = TestApp::start(Audit(counts.clone())).await;
    let mut mailers = Vec::new();
    for _ in 0..3 {
        mailers.push(start(app.url(), Mailer(counts.clone())).await);
    }
    let client = connect(app.url()).await;
    let began = Instant::now();
    let slowest = || {
        let least = counts
            .mailed
            .total()
            .min(counts.audited.total())
            .min(counts.charged.total());
        usize::try_from(least.min(counts.refreshed.total() / 3)).unwrap()
    };
    emit_all(&client, events, slowest).await;
    eventually("all are handled", async || slowest() == events).await;
    let took = began.elapsed();
    // Whatever would be handled once too often has come as well.
    client.round_trip(PATIENCE).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    for (tally, times) in [
        (&counts.mailed, 1),
        (&counts.audited, 1),
        (&counts.refreshed, 3),
        (&counts.charged, 1),
    ] {
        assert_eq!(tally.handled(times), events);
    }
    let reports = mailers.iter().flat_map(Running::entrypoints);
    for report in reports.chain(app.entrypoints()) {
        assert_eq!((report.dropped, report.failures), (0, 0), "{report:?}");
        let runs_of_all = report.name == "mailer.refresh";
        assert!(!runs_of_all || report.runs == events as u64, "{report:?}");
    }
    eprintln!(
        "{events} events in {took:?}: pool once in each of 2 services, broadcast by each of 3 \
         instances, singleton once of 4; 0 dropped"
    );
    for mailer in mailers {
        mailer.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_come_and_go_under_load_without_an_event_lost_or_handled_twice() {
    let events = events() * 5;
    let counts = Counts::of(events);
    let app = TestApp::start(Mailer(counts.clone())).await;
    let client = connect(app.url()).await;
    let emitted = AtomicU64::new(0);
    let sent_all = || emitted.load(SeqCst) == events as u64;
    let emit = async {
        for n in 0..events {
            client
                .emit("thing_service.thing_created", (n,))
                .await
                .unwrap();
            emitted.fetch_add(1, SeqCst);
            if n.is_multiple_of(20) {
                let slowest = || counts.mailed.total().min(counts.charged.total());
                let keep_up = || n as u64 <= slowest() + UNDER_WAY as u64;
                eventually("the handlers keep up", async || keep_up()).await;
                sleep(Duration::from_millis(1)).await;
            }
        }
    };
    let mut restarts = 0;
    let restart = async {
        let goes_on = async |more: u64| {
            let seen = emitted.load(SeqCst);
            let enough = || sent_all() || emitted.load(SeqCst) > seen + more;
            eventually("more events", async || enough()).await;
        };
        while !sent_all() {
            let second = start(app.url(), Mailer(counts.clone())).await;
            goes_on(500).await;
            second.stop().await;
            restarts += 1;
            goes_on(200).await;
        }
    };
    tokio::join!(emit, restart);
    let emitted = emitted.load(SeqCst);
    eventually("all are handled", async || {
        counts.mailed.total() >= emitted && counts.charged.total() >= emitted
    })
    .await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!(counts.mailed.handled(1) as u64, emitted);
    assert_eq!(counts.charged.handled(1) as u64, emitted);
    eprintln!(
        "{emitted} events over {restarts} restarts: each handled once in pool and singleton mode"
    );
}

/// It stops its server, so it has one of its own also where `NATS_URL` names another.
#[tokio::test]
async fn handlers_subscribe_again_when_the_server_returns() {
    let broker = |port| {
        let config = rpc_broker::Config {
            port,
            ..Default::default()
        };
        EmbeddedBroker::start(config).unwrap()
    };
    let counts = Counts::of(1_000);
    let first = broker(0);
    let (url, port) = (first.url(), first.port());
    let running = start(&url, Mailer(counts.clone())).await;
    let client = connect(&url).await;
    client
        .emit("thing_service.thing_created", (0,))
        .await
        .unwrap();
    eventually("it is handled", async || counts.mailed.total() == 1).await;
    first.shutdown();
    let _second = broker(port);
    let mut n = 0;
    eventually("events are handled again", async || {
        n += 1;
        // Those that are sent while nobody is connected are lost, as it must be.
        let emitted = client
            .emit("thing_service.thing_created", (n,))
            .confirmed()
            .await;
        sleep(Duration::from_millis(5)).await;
        emitted.is_ok() && counts.mailed.0[n].load(SeqCst) == 1
    })
    .await;
    running.stop().await;
}
