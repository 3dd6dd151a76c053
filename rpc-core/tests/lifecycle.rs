//! What services do before their first call and after their last.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use rpc_core::{CallError, Config, RunError, Runner};
use support::{PATIENCE, connect, eventually};
use tokio::sync::Semaphore;

/// What the services of a test did, in order, and how it holds them back.
struct State {
    did: Mutex<Vec<String>>,
    gate: Semaphore,
    begun: AtomicU64,
}

impl State {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            did: Mutex::default(),
            gate: Semaphore::new(0),
            begun: AtomicU64::new(0),
        })
    }

    fn note(&self, what: &str) {
        self.did.lock().unwrap().push(what.to_owned());
    }

    fn did(&self) -> Vec<String> {
        self.did.lock().unwrap().clone()
    }

    async fn pass(&self) {
        self.begun.fetch_add(1, SeqCst);
        self.gate.acquire().await.unwrap().forget();
    }
}

struct First(Arc<State>);

#[rpc]
impl First {
    #[on_start]
    async fn open(&self) {
        self.0.note("first opens");
    }

    #[on_start]
    async fn warm(&self) -> Result<(), String> {
        self.0.note("first warms");
        Ok(())
    }

    #[timer("1h", eager)]
    async fn tick(&self) {
        self.0.note("first ticks");
    }

    #[rpc]
    async fn ask(&self) -> &'static str {
        "first answers"
    }

    #[rpc]
    async fn wait(&self) {
        self.0.pass().await;
        self.0.note("first has waited");
    }

    #[event_handler("second.closed")]
    async fn hear(&self) {
        self.0.note("first hears");
    }

    #[on_stop]
    async fn close(&self) {
        self.0.note("first closes");
    }
}

/// Needs the first, while it starts and while it stops.
struct Second(Arc<State>);

#[rpc]
impl Second {
    #[on_start]
    async fn open(&self, context: &Context) -> Result<(), RpcError> {
        let answer: String = context.client()?.call("first.ask").await?;
        self.0.note(&answer);
        Ok(())
    }

    #[on_stop]
    async fn close(&self, context: &Context) -> Result<(), RpcError> {
        let answer: String = context.client()?.call("first.ask").await?;
        self.0.note(&answer);
        context.emit("closed", ()).confirmed().await?;
        Ok(())
    }

    #[on_stop]
    async fn fail(&self) -> Result<(), String> {
        self.0.note("second fails");
        Err("what comes after it closes all the same".to_owned())
    }
}

#[tokio::test]
async fn services_start_in_order_and_stop_in_reverse() {
    let state = State::new();
    let (first, second) = (First(state.clone()), Second(state.clone()));
    let app = TestApp::run(|runner| runner.service(first).service(second)).await;
    app.wait_for("first.tick").await;
    app.stop().await;
    let mut did = state.did();
    // Somewhere between the event and its own end.
    let heard = did.iter().position(|what| what == "first hears").unwrap();
    did.remove(heard);
    assert_eq!(
        did,
        [
            "first opens",
            "first warms",
            "first answers",
            "first ticks",
            "first answers",
            "second fails",
            "first closes",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_stop_waits_for_the_running_calls() {
    let state = State::new();
    let app = TestApp::start(First(state.clone())).await;
    let client = connect(app.url()).await;
    let caller = client.clone();
    let call = tokio::spawn(async move { caller.call::<()>("first.wait").await });
    eventually("it runs", async || state.begun.load(SeqCst) == 1).await;
    let stop = tokio::spawn(app.stop());
    eventually("it takes no more calls", async || {
        let call = client.call::<String>("first.ask").await;
        matches!(
            call,
            Err(CallError::NoService { .. } | CallError::Unavailable(_))
        )
    })
    .await;
    assert!(!state.did().contains(&"first closes".to_owned()));
    state.gate.add_permits(1);
    stop.await.unwrap();
    call.await.unwrap().unwrap();
    let did = state.did();
    assert_eq!(did[did.len() - 2..], ["first has waited", "first closes"]);
}

/// Cannot start.
struct Broken(Arc<State>, bool);

#[rpc]
impl Broken {
    #[on_start]
    async fn open(&self) -> Result<(), std::io::Error> {
        assert!(!self.1, "the secret is 42");
        Err(std::io::Error::other("no such disk"))
    }

    #[on_start]
    async fn warm(&self) {
        self.0.note("broken warms");
    }

    #[on_stop]
    async fn close(&self) {
        self.0.note("broken closes");
    }
}

#[tokio::test]
async fn a_service_that_cannot_start_ends_those_that_have() {
    let app = TestApp::start(Other).await;
    for (panics, reason) in [(false, "no such disk"), (true, "panic: the secret is 42")] {
        let state = State::new();
        let config = Config::new(app.url()).give_up_after(PATIENCE);
        let runner = Runner::new(config)
            .service(First(state.clone()))
            .service(Broken(state.clone(), panics))
            .service(Second(state.clone()));
        let Err(error) = runner.start().await else {
            panic!("it started")
        };
        let RunError::OnStart { hook, reason: said } = &error else {
            panic!("{error}")
        };
        assert_eq!((hook.as_str(), said.as_str()), ("broken.open", reason));
        assert_eq!(
            error.to_string(),
            format!("`broken.open` failed, and its service cannot start: {reason}")
        );
        // No timer of a process that does not serve fires.
        assert_eq!(state.did(), ["first opens", "first warms", "first closes"]);
        let answer = app.client().call::<String>("first.ask").await;
        assert!(matches!(
            answer,
            Err(CallError::NoService { .. } | CallError::Unavailable(_))
        ));
    }
}

/// For a server.
struct Other;

#[rpc]
impl Other {
    #[rpc]
    async fn nothing(&self) {}
}

/// Starts when it is allowed to.
struct Slow(Arc<State>);

#[rpc]
impl Slow {
    #[on_start]
    async fn open(&self) {
        self.0.pass().await;
    }

    #[rpc]
    async fn ask(&self) -> u8 {
        1
    }

    #[event_handler("slow.told")]
    async fn hear(&self) {
        self.0.note("hears");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_before_on_start_has_finished() {
    let app = TestApp::start(Other).await;
    let state = State::new();
    let config = Config::new(app.url()).give_up_after(PATIENCE);
    let start = tokio::spawn(Runner::new(config).service(Slow(state.clone())).start());
    eventually("it starts", async || state.begun.load(SeqCst) == 1).await;
    let call = app.client().call::<u8>("slow.ask").await;
    assert!(matches!(call, Err(CallError::NoService { .. })), "{call:?}");
    app.client()
        .emit("slow.told", ())
        .confirmed()
        .await
        .unwrap();
    state.gate.add_permits(1);
    let running = start.await.unwrap().unwrap();
    app.client()
        .emit("slow.told", ())
        .confirmed()
        .await
        .unwrap();
    eventually("it hears", async || !state.did().is_empty()).await;
    running.stop().await;
    assert_eq!(state.did(), ["hears"]);
}

/// Does not end by itself.
struct Endless(Arc<State>);

#[rpc]
impl Endless {
    #[rpc]
    async fn nothing(&self) {}

    #[on_stop]
    async fn close(&self) {
        self.0.note("closes");
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn on_stop_is_ended_when_it_takes_too_long() {
    let state = State::new();
    let endless = Endless(state.clone());
    let limit = Duration::from_millis(100);
    let app = TestApp::run(move |runner| runner.service(endless).drain_timeout(limit)).await;
    let began = Instant::now();
    app.stop().await;
    // It has five seconds, however little the drain has left.
    let took = began.elapsed();
    assert!(
        took > Duration::from_secs(4) && took < Duration::from_secs(9),
        "{took:?}"
    );
    assert_eq!(state.did(), ["closes"]);
}

#[tokio::test]
async fn what_is_ended_at_once_runs_no_on_stop() {
    let state = State::new();
    let app = TestApp::start(Other).await;
    let config = Config::new(app.url()).give_up_after(PATIENCE);
    let running = Runner::new(config)
        .service(First(state.clone()))
        .start()
        .await
        .unwrap();
    running.abort().await;
    assert!(!state.did().contains(&"first closes".to_owned()));
}
