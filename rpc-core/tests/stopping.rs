//! Stopping loses nothing: calls that were sent are answered, once.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use rpc_core::protocol::Outcome;
use rpc_core::testing::TestApp;
use rpc_core::{CallError, Client, Config, Runner, Running};
use support::{PATIENCE, Probe, connect, eventually};
use tokio::time::timeout;

async fn start(url: &str, probe: &Probe) -> Running {
    let config = Config::new(url).give_up_after(PATIENCE);
    Runner::new(config)
        .service(probe.clone())
        .start()
        .await
        .unwrap()
}

/// Callers that call `count` one after the other until told to end.
struct Load {
    end: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: Vec<tokio::task::JoinHandle<Result<(), CallError>>>,
}

impl Load {
    fn start(client: &Client, callers: usize) -> Self {
        let (end, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let caller = |_| {
            let (client, end, answered) = (client.clone(), end.clone(), answered.clone());
            tokio::spawn(async move {
                while !end.load(SeqCst) {
                    client
                        .call::<u64>("probe_service.count")
                        .timeout(PATIENCE)
                        .await?;
                    answered.fetch_add(1, SeqCst);
                }
                Ok(())
            })
        };
        Self {
            callers: (0..callers).map(caller).collect(),
            end,
            answered,
        }
    }

    async fn goes_on(&self) {
        let seen = self.answered.load(SeqCst);
        eventually("more answers", async || {
            self.answered.load(SeqCst) > seen + 200
        })
        .await;
    }

    /// Ends the callers, none of whom may have failed, and returns how many calls were answered.
    async fn end(self) -> u64 {
        self.end.store(true, SeqCst);
        for caller in join_all(self.callers).await {
            caller.unwrap().unwrap();
        }
        self.answered.load(SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_come_and_go_under_load_without_a_call_lost_or_run_twice() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let load = Load::start(&connect(app.url()).await, 32);
    for _ in 0..5 {
        let second = start(app.url(), &probe).await;
        load.goes_on().await;
        let stopping = Instant::now();
        second.stop().await;
        assert!(
            stopping.elapsed() < Duration::from_secs(5),
            "{:?}",
            stopping.elapsed()
        );
        load.goes_on().await;
    }
    let answered = load.end().await;
    assert_eq!(probe.0.counted.load(SeqCst), answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_two_instances_is_not_noticed() {
    let probe = Probe::default();
    // For a server; its own service has another name.
    let app = TestApp::start(Other).await;
    let (mut old, mut other) = (
        start(app.url(), &probe).await,
        start(app.url(), &probe).await,
    );
    let load = Load::start(&connect(app.url()).await, 32);
    for _ in 0..3 {
        load.goes_on().await;
        let new = start(app.url(), &probe).await;
        std::mem::replace(&mut old, new).stop().await;
        std::mem::swap(&mut old, &mut other);
    }
    load.goes_on().await;
    let answered = load.end().await;
    assert_eq!(probe.0.counted.load(SeqCst), answered);
    old.stop().await;
    other.stop().await;
}

/// Calls of a client that is not ours, sent in one go: `count` of them, of which none is answered
/// before all are sent. Returns the replies by kind: answered, and nobody there.
async fn burst(nats: &async_nats::Client, count: u64) -> (u64, u64) {
    let inbox = nats.new_inbox();
    let mut replies = nats.subscribe(inbox.clone()).await.unwrap();
    for _ in 0..count {
        let sent = nats.publish_with_reply("probe_service.count", inbox.clone(), "".into());
        sent.await.unwrap();
    }
    let (mut answered, mut unanswered) = (0, 0);
    while answered + unanswered < count {
        match timeout(Duration::from_secs(2), replies.next()).await {
            Ok(Some(reply)) if reply.status.is_none() => answered += 1,
            Ok(Some(_)) => unanswered += 1,
            _ => break,
        }
    }
    (answered, unanswered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_calls_while_an_instance_stops_loses_none() {
    // The stopping instance took a number of last messages that its rate so far had to predict: of
    // a burst that no rate predicts, it lost what was beyond.
    const CALLS: u64 = 20_000;
    let probe = Probe::default();
    // For a server; its own service has another name.
    let app = TestApp::start(Other).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let _others = (
        start(app.url(), &probe).await,
        start(app.url(), &probe).await,
    );
    for round in 1..=10 {
        let third = start(app.url(), &probe).await;
        let seen = probe.0.counted.load(SeqCst);
        let stop = async {
            eventually("calls come", async || probe.0.counted.load(SeqCst) > seen).await;
            third.stop().await;
        };
        let (replies, ()) = tokio::join!(burst(&nats, CALLS), stop);
        assert_eq!(replies, (CALLS, 0), "round {round}");
        assert_eq!(probe.0.counted.load(SeqCst), seen + CALLS, "round {round}");
    }
}

struct Other;

#[rpc_core::rpc(name = "other_service")]
impl Other {
    #[rpc]
    async fn nothing(&self) {}
}

#[tokio::test]
async fn running_calls_finish() {
    let probe = Probe::default();
    let app = TestApp::start(Other).await;
    let service = start(app.url(), &probe).await;
    let client = connect(app.url()).await;
    let calls = join_all((0..20).map(|n| {
        client
            .call::<String>("probe_service.wait")
            .arg(n.to_string())
            .into_future()
    }));
    let stop = async {
        eventually("all run", async || probe.0.begun.load(SeqCst) == 20).await;
        let stop = service.stop();
        let finish = async {
            eventually("no more calls are taken", async || {
                let call = client.call::<()>("probe_service.nothing").await;
                matches!(call, Err(CallError::Unavailable(_)))
            })
            .await;
            assert_eq!(probe.0.running.load(SeqCst), 20);
            probe.0.gate.add_permits(20);
        };
        tokio::join!(stop, finish);
    };
    let (answers, ()) = tokio::join!(calls, stop);
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), n.to_string());
    }
}

#[tokio::test]
async fn calls_that_outlast_the_drain_are_answered_all_the_same() {
    // They were left to run on, and their callers waited for the whole deadline.
    let probe = Probe::default();
    let app = TestApp::start(Other).await;
    let config = Config::new(app.url()).give_up_after(PATIENCE);
    let runner = Runner::new(config)
        .service(probe.clone())
        .drain_timeout(Duration::from_millis(100));
    let service = runner.start().await.unwrap();
    let client = connect(app.url()).await;
    let run = join_all((0..3).map(|_| client.call::<String>("probe_service.wait").into_future()));
    let queued = join_all((0..4).map(|_| client.call::<()>("probe_service.narrow").into_future()));
    let stop = async {
        eventually("all run", async || probe.0.begun.load(SeqCst) == 5).await;
        let stopping = Instant::now();
        service.stop().await;
        assert!(
            stopping.elapsed() < Duration::from_secs(2),
            "{:?}",
            stopping.elapsed()
        );
        assert_eq!(probe.0.running.load(SeqCst), 0);
    };
    let (run, queued, ()) = tokio::join!(run, queued, stop);
    let errors = run.into_iter().map(|answer| answer.map(drop)).chain(queued);
    for answer in errors {
        let Err(CallError::Unavailable(error)) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(
            (error.code(), error.outcome()),
            ("unavailable", Some(Outcome::Unknown))
        );
        assert!(error.request_id().is_some());
    }
}

#[tokio::test]
async fn aborting_ends_running_calls_at_once() {
    let probe = Probe::default();
    let app = TestApp::start(Other).await;
    let service = start(app.url(), &probe).await;
    let client = connect(app.url()).await;
    // The first asks the service about its call that ends, and an answer holds for a second.
    let other = connect(app.url()).await;
    let call = client.call::<String>("probe_service.wait").into_future();
    let abort = async {
        eventually("it runs", async || probe.0.begun.load(SeqCst) == 1).await;
        let aborting = Instant::now();
        service.abort().await;
        assert!(
            aborting.elapsed() < Duration::from_secs(1),
            "{:?}",
            aborting.elapsed()
        );
        assert_eq!(probe.0.running.load(SeqCst), 0);
        // The server knows: nobody takes a call that nobody would answer.
        let next = other.call::<()>("probe_service.nothing").await;
        assert!(matches!(next, Err(CallError::NoService { .. })), "{next:?}");
    };
    let (answer, ()) = tokio::join!(call, abort);
    assert!(matches!(answer, Err(CallError::Unavailable(_))));
}

#[tokio::test]
async fn idle_instances_stop_at_once_and_no_method_runs_for_it() {
    // Nobody sends the last messages that a stopping endpoint waits for, so it sends them itself;
    // before, two time limits of half a second had to pass.
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let other = async || {
        let config = Config::new(app.url()).give_up_after(PATIENCE);
        Runner::new(config).service(Other).start().await.unwrap()
    };
    for service in [other().await, other().await, start(app.url(), &probe).await] {
        let stopping = Instant::now();
        service.stop().await;
        assert!(
            stopping.elapsed() < Duration::from_millis(450),
            "{:?}",
            stopping.elapsed()
        );
    }
    assert_eq!(probe.0.counted.load(SeqCst), 0);
    assert_eq!(probe.0.begun.load(SeqCst), 0);
}
