//! Which calls are sent again, how often, and which never are.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use rpc_core::{CallError, Catalog};
use support::{Probe, connect, eventually};
use tokio::sync::Semaphore;

/// Counts the requests it gets, and refuses as many as it is told to.
struct State {
    calls: AtomicU64,
    refusals: AtomicU64,
    cancelled: AtomicU64,
    gate: Semaphore,
}

#[derive(Clone)]
struct Moody(Arc<State>);

impl Moody {
    /// Refuses the next `refusals` calls.
    fn refusing(refusals: u64) -> Self {
        Self(Arc::new(State {
            calls: AtomicU64::new(0),
            refusals: AtomicU64::new(refusals),
            cancelled: AtomicU64::new(0),
            gate: Semaphore::new(0),
        }))
    }

    fn calls(&self) -> u64 {
        self.0.calls.load(SeqCst)
    }

    fn answer(&self, code: Code) -> Result<u64, RpcError> {
        let call = self.0.calls.fetch_add(1, SeqCst) + 1;
        let refuse = self
            .0
            .refusals
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        match refuse {
            Ok(_) => Err(RpcError::new(code, "not now")),
            Err(_) => Ok(call),
        }
    }
}

/// Refuses, then does not.
#[rpc(name = "moody_service")]
impl Moody {
    #[rpc(idempotent)]
    async fn read(&self) -> Result<u64, RpcError> {
        self.answer(Code::ResourceExhausted)
    }

    #[rpc(idempotent)]
    async fn read_wrongly(&self) -> Result<u64, RpcError> {
        self.answer(Code::NotFound)
    }

    #[rpc]
    async fn write(&self) -> Result<u64, RpcError> {
        self.answer(Code::ResourceExhausted)
    }

    /// The first call waits, later ones are quick.
    #[rpc(idempotent)]
    async fn slow_once(&self) -> u64 {
        struct Dropped<'a>(&'a AtomicU64);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, SeqCst);
            }
        }
        let call = self.0.calls.fetch_add(1, SeqCst) + 1;
        if call == 1 {
            let dropped = Dropped(&self.0.cancelled);
            self.0.gate.acquire().await.unwrap().forget();
            std::mem::forget(dropped);
        }
        call
    }
}

#[tokio::test]
async fn only_what_may_run_twice_is_sent_again() {
    #[derive(Clone, Copy, Debug)]
    enum Said {
        Nothing,
        Idempotent,
        NotSent,
        Once,
    }
    use Said::{Idempotent, Nothing, Once};
    for (method, said, refusals, requests, succeeds) in [
        // Discovery says that it may.
        ("read", Nothing, 0, 1, true),
        ("read", Nothing, 1, 2, true),
        ("read", Nothing, 2, 3, true),
        ("read", Nothing, 9, 3, false),
        ("read", Once, 9, 1, false),
        // Repeating does not help.
        ("read_wrongly", Nothing, 9, 1, false),
        ("read_wrongly", Idempotent, 9, 1, false),
        // It may run once only.
        ("write", Nothing, 9, 1, false),
        // The caller says otherwise.
        ("write", Said::NotSent, 9, 1, false),
        ("write", Idempotent, 2, 3, true),
    ] {
        let moody = Moody::refusing(refusals);
        let app = TestApp::start(moody.clone()).await;
        let call = app.client().call::<u64>(format!("moody_service.{method}"));
        let answer = match said {
            Nothing => call.await,
            Idempotent => call.idempotent().await,
            Said::NotSent => call.retry_not_sent().await,
            Once => call.max_tries(1).await,
        };
        let case = format!("{method}, {said:?}, {refusals} refusals: {answer:?}");
        assert_eq!(moody.calls(), requests, "{case}");
        assert_eq!(answer.ok(), succeeds.then_some(requests), "{case}");
    }
}

#[tokio::test]
async fn a_call_that_found_no_room_is_sent_again_when_its_caller_asks_for_it() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let call = || app.client().call::<()>("probe_service.narrow");
    let rejected = async || support::stats(app.url(), "narrow").await["data"]["rejected"].clone();
    let full = join_all((0..5).map(|_| call().into_future()));
    let more = async {
        eventually("two run", async || probe.0.begun.load(SeqCst) == 2).await;
        let refused = call().await;
        assert!(matches!(refused, Err(CallError::Full(_))), "{refused:?}");
        assert_eq!(rejected().await, 1, "nobody asked for a retry");
        let patient = call().retry_not_sent().max_tries(10).into_future();
        let release = async {
            eventually("it was refused", async || rejected().await == 2).await;
            probe.0.gate.add_permits(6);
        };
        tokio::join!(patient, release).0
    };
    let (full, patient) = tokio::join!(full, more);
    assert!(full.iter().all(Result::is_ok), "{full:?}");
    patient.unwrap();
    assert_eq!(probe.0.begun.load(SeqCst), 6);
}

#[tokio::test]
async fn a_client_sets_how_often_its_calls_are_tried() {
    for (tries, requests) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let moody = Moody::refusing(u64::MAX);
        let app = TestApp::start(moody.clone()).await;
        let client = app.client().clone().max_tries(tries);
        let answer = client.call::<u64>("moody_service.read").await;
        assert!(matches!(answer, Err(CallError::Full(_))), "{answer:?}");
        assert_eq!(moody.calls(), requests);
    }
}

#[tokio::test]
async fn a_thousand_refused_calls_cause_a_hundred_retries() {
    let moody = Moody::refusing(u64::MAX);
    let app = TestApp::start(moody.clone()).await;
    let client = app.client();
    for _ in 0..10 {
        let calls = (0..100).map(|_| {
            let call = client.call::<u64>("moody_service.read");
            call.into_future()
        });
        for answer in join_all(calls).await {
            assert!(matches!(answer, Err(CallError::Full(_))), "{answer:?}");
        }
    }
    let requests = moody.calls();
    assert!((1_050..=1_110).contains(&requests), "{requests} requests");
}

#[tokio::test]
async fn retries_end_before_the_deadline() {
    let moody = Moody::refusing(u64::MAX);
    let app = TestApp::start(moody.clone()).await;
    let limit = Duration::from_millis(300);
    let call = app.client().call::<u64>("moody_service.read");
    let started = Instant::now();
    let answer = call.max_tries(u32::MAX).timeout(limit).await;
    let took = started.elapsed();
    assert!(matches!(answer, Err(CallError::Full(_))), "{answer:?}");
    assert!(took < limit, "{took:?}");
    assert!(moody.calls() > 1);
}

#[tokio::test]
async fn a_service_that_comes_back_is_found_by_a_retry() {
    let app = TestApp::start(Probe::default()).await;
    let client = connect(app.url()).await;
    let call = client.call::<u64>("moody_service.read").idempotent();
    let call = call.max_tries(100).into_future();
    let moody = Moody::refusing(0);
    let start = async {
        let config = rpc_core::Config::new(app.url());
        Runner::new(config)
            .service(moody.clone())
            .start()
            .await
            .unwrap()
    };
    let (answer, running) = tokio::join!(call, start);
    assert_eq!(answer.unwrap(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_catalog_tells_the_client_what_it_may_repeat() {
    let moody = Moody::refusing(2);
    let app = TestApp::start(moody.clone()).await;
    let client = connect(app.url()).await;
    let catalog = Catalog::new(client.clone());
    catalog.lookup("moody_service.read").await.unwrap();
    let spy = async_nats::connect(app.url()).await.unwrap();
    let mut questions = spy.subscribe("$SRV.INFO.moody_service").await.unwrap();
    assert!(support::is_silent(&spy, &mut questions).await);
    let answer = client.call::<u64>("moody_service.read").await;
    assert_eq!(answer.unwrap(), 3);
    assert!(support::is_silent(&spy, &mut questions).await);
}

#[tokio::test]
async fn calls_that_succeed_ask_discovery_nothing() {
    let moody = Moody::refusing(0);
    let app = TestApp::start(moody.clone()).await;
    let spy = async_nats::connect(app.url()).await.unwrap();
    let mut questions = spy.subscribe("$SRV.INFO.>").await.unwrap();
    assert!(support::is_silent(&spy, &mut questions).await);
    for n in 1..=100 {
        let answer = app.client().call::<u64>("moody_service.read").await;
        assert_eq!(answer.unwrap(), n);
    }
    assert!(support::is_silent(&spy, &mut questions).await);
}

#[tokio::test]
async fn a_hedge_wins_over_a_slow_request_and_cancels_it() {
    let moody = Moody::refusing(0);
    let app = TestApp::start(moody.clone()).await;
    let call = app.client().call::<u64>("moody_service.slow_once");
    let answer = call.idempotent().hedge(Duration::from_millis(20)).await;
    assert_eq!(answer.unwrap(), 2);
    eventually("the slow one is dropped", async || {
        moody.0.cancelled.load(SeqCst) == 1
    })
    .await;
    assert_eq!(moody.calls(), 2);
    assert_eq!(app.client().in_flight(), 0);
}

#[tokio::test]
async fn a_hedge_is_sent_only_when_the_first_request_is_slow() {
    let moody = Moody::refusing(0);
    let app = TestApp::start(moody.clone()).await;
    for n in 1..=100 {
        let call = app.client().call::<u64>("moody_service.read").idempotent();
        assert_eq!(call.hedge(Duration::from_secs(5)).await.unwrap(), n);
    }
}

#[tokio::test]
async fn hedges_stay_within_the_budget() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let calls = (0..100).map(|_| {
        let call = app.client().call::<String>("probe_service.wait");
        call.idempotent().hedge(Duration::ZERO).into_future()
    });
    let release = async {
        // Ten that a client begins with, and a tenth of a hundred.
        eventually("all run", async || probe.0.begun.load(SeqCst) == 120).await;
        probe.0.gate.add_permits(120);
    };
    let (answers, ()) = tokio::join!(join_all(calls), release);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(probe.0.begun.load(SeqCst), 120);
}

#[tokio::test]
async fn a_hedged_call_ends_at_its_deadline() {
    let probe = Probe::default();
    let app = TestApp::start(probe.clone()).await;
    let call = app.client().call::<String>("probe_service.wait");
    let call = call.idempotent().timeout(Duration::from_millis(200));
    let started = Instant::now();
    let answer = call.hedge(Duration::from_millis(20)).await;
    assert!(
        matches!(answer, Err(CallError::Deadline { .. })),
        "{answer:?}"
    );
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(probe.0.begun.load(SeqCst), 2);
}
