//! `when_full = "step_aside"`: a full instance leaves its calls to others and comes back.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_broker::EmbeddedBroker;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use rpc_core::{Client, Config, Runner, Running};
use support::{PATIENCE, connect, eventually, stats_of};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// One instance.
#[derive(Clone)]
struct Crowd(Arc<State>);

struct State {
    name: &'static str,
    /// A call of `work` ends when it gets a permit here.
    gate: Semaphore,
    begun: AtomicU64,
    /// Calls of `sleep` that have ended.
    slept: AtomicU64,
}

impl Crowd {
    fn new(name: &'static str, permits: usize) -> Self {
        Self(Arc::new(State {
            name,
            gate: Semaphore::new(permits),
            begun: AtomicU64::new(0),
            slept: AtomicU64::new(0),
        }))
    }

    async fn pass(&self) -> String {
        self.0.begun.fetch_add(1, SeqCst);
        self.0.gate.acquire().await.unwrap().forget();
        self.0.name.to_owned()
    }
}

#[rpc(name = "crowd")]
impl Crowd {
    #[rpc(limit = 1, queue = 2, when_full = "step_aside")]
    async fn work(&self) -> String {
        self.pass().await
    }

    #[rpc(limit = 1, queue = 2, when_full = "busy")]
    async fn refuse(&self) -> String {
        self.pass().await
    }

    #[rpc(limit = 2, queue = 6, when_full = "step_aside")]
    async fn sleep(&self, millis: u64) {
        sleep(Duration::from_millis(millis)).await;
        self.0.slept.fetch_add(1, SeqCst);
    }

    #[rpc]
    async fn name(&self) -> String {
        self.0.name.to_owned()
    }
}

async fn start(url: &str, crowd: &Crowd) -> Running {
    let config = Config::new(url).give_up_after(PATIENCE);
    Runner::new(config)
        .service(crowd.clone())
        .start()
        .await
        .unwrap()
}

async fn stepped_aside(url: &str, method: &str) -> u64 {
    let stats = stats_of(url, "crowd", method).await;
    stats["data"]["stepped_aside"].as_u64().unwrap()
}

/// Calls that wait for their answer while the test goes on.
type Held = Vec<JoinHandle<Result<String, RpcError>>>;

/// Calls a method, and reads a failure as one further up would.
async fn call(client: &Client, method: &str) -> Result<String, RpcError> {
    Ok(client.call(format!("crowd.{method}")).await?)
}

/// Takes the slot and both waiting places of a method.
async fn fill(client: &Client, method: &'static str) -> Held {
    let spawn = |_| {
        let client = client.clone();
        tokio::spawn(async move { call(&client, method).await })
    };
    let held: Held = (0..3).map(spawn).collect();
    eventually("the calls are under way", async || client.in_flight() == 3).await;
    // What is sent from now on comes after them.
    client.round_trip(PATIENCE).await.unwrap();
    held
}

/// Calls until nobody listens; every call until then is refused.
async fn nobody_listens(client: &Client) {
    eventually("nobody listens", async || {
        let error = call(client, "work").await.unwrap_err();
        assert!(is_refusal(&error), "{error}");
        error.code() == "unavailable"
    })
    .await;
}

/// Returns whether a call was not taken, by an instance or by the server for want of one.
fn is_refusal(error: &RpcError) -> bool {
    ["unavailable", "resource_exhausted"].contains(&error.code())
}

/// Lets the held calls end, each with the name of their instance.
async fn release(crowd: &Crowd, held: Held) {
    crowd.0.gate.add_permits(held.len());
    for call in held {
        let answer = timeout(PATIENCE, call).await.unwrap().unwrap();
        assert_eq!(answer.unwrap(), crowd.0.name);
    }
}

/// Calls until `crowd` answers.
async fn serves_again(client: &Client, crowd: &Crowd) {
    crowd.0.gate.add_permits(1);
    eventually("it takes calls again", async || {
        match call(client, "work").await {
            Ok(name) => name == crowd.0.name,
            Err(error) => {
                assert!(is_refusal(&error), "{error}");
                false
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_instance_leaves_calls_to_others_until_it_has_room() {
    let slow = Crowd::new("slow", 0);
    let app = TestApp::start(slow.clone()).await;
    let held = fill(app.client(), "work").await;
    nobody_listens(app.client()).await;
    assert_eq!(stepped_aside(app.url(), "work").await, 1);

    let quick = start(app.url(), &Crowd::new("quick", 1_000)).await;
    for _ in 0..100 {
        assert_eq!(call(app.client(), "work").await.unwrap(), "quick");
    }
    // Only the one method has left; the others are shared as before.
    eventually("`name` is still answered", async || {
        call(app.client(), "name").await.unwrap() == "slow"
    })
    .await;

    release(&slow, held).await;
    serves_again(app.client(), &slow).await;
    quick.stop().await;
    assert_eq!(slow.0.begun.load(SeqCst), 4);
}

#[tokio::test]
async fn an_instance_comes_back_when_half_its_places_are_free() {
    let crowd = Crowd::new("crowd", 0);
    let app = TestApp::start(crowd.clone()).await;
    let held = fill(app.client(), "work").await;
    nobody_listens(app.client()).await;
    // One call ends, so that one waits: half of two places are free.
    crowd.0.gate.add_permits(1);
    eventually("a call is taken", async || {
        let taken = app.client().call::<String>("crowd.work");
        let outcome = taken.timeout(Duration::from_millis(200)).await;
        // It waits in vain, but it waits.
        outcome.is_err_and(|error| RpcError::from(error).code() == "deadline_exceeded")
    })
    .await;
    crowd.0.gate.add_permits(10);
    for call in held {
        assert_eq!(call.await.unwrap().unwrap(), "crowd");
    }
}

#[tokio::test]
async fn a_busy_instance_stays_and_refuses() {
    let crowd = Crowd::new("crowd", 0);
    let app = TestApp::start(crowd.clone()).await;
    let held = fill(app.client(), "refuse").await;
    let started = Instant::now();
    let mut refused = 0;
    while started.elapsed() < Duration::from_millis(150) || refused < 10 {
        app.raw("crowd.refuse", "")
            .await
            .expect_error("resource_exhausted");
        refused += 1;
    }
    let stats = stats_of(app.url(), "crowd", "refuse").await;
    assert_eq!(stats["data"]["rejected"], refused);
    assert_eq!(stats["data"]["stepped_aside"], 0);
    release(&crowd, held).await;
}

#[tokio::test]
async fn stopping_an_instance_that_stepped_aside_loses_nothing() {
    // Stopped when it has stepped aside, and when it does so or is about to.
    for aside in [true, false] {
        // For a server.
        let app = TestApp::start(Bystander).await;
        let crowd = Crowd::new("crowd", 0);
        let running = start(app.url(), &crowd).await;
        let client = connect(app.url()).await;
        let held = fill(&client, "work").await;
        match aside {
            true => nobody_listens(&client).await,
            false => {
                eventually("it steps aside", async || {
                    stepped_aside(app.url(), "work").await == 1
                })
                .await;
            }
        }
        let stopping = tokio::spawn(running.stop());
        release(&crowd, held).await;
        timeout(PATIENCE, stopping).await.unwrap().unwrap();
        assert_eq!(crowd.0.begun.load(SeqCst), 3);
    }
}

struct Bystander;

#[rpc(name = "bystander")]
impl Bystander {
    #[rpc]
    async fn stand_by(&self) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_call_is_answered_and_none_runs_twice() {
    let crowd = Crowd::new("crowd", 0);
    let app = TestApp::start(crowd.clone()).await;
    let second = start(app.url(), &crowd).await;
    let client = connect(app.url()).await;
    let end = AtomicBool::new(false);
    let caller = async || {
        let mut ran = 0;
        while !end.load(SeqCst) {
            let outcome = client.call::<()>("crowd.sleep").arg(3).await;
            match outcome.map_err(RpcError::from) {
                Ok(()) => ran += 1,
                Err(error) => {
                    assert!(is_refusal(&error), "{error}");
                    sleep(Duration::from_millis(1)).await;
                }
            }
        }
        ran
    };
    let stopping = async {
        eventually("it steps aside", async || {
            stepped_aside(app.url(), "sleep").await > 0
        })
        .await;
        second.stop().await;
        end.store(true, SeqCst);
    };
    let (ran, ()) = tokio::join!(join_all((0..24).map(|_| caller())), stopping);
    assert_eq!(ran.into_iter().sum::<u64>(), crowd.0.slept.load(SeqCst));
    eventually("it takes calls again", async || {
        client.call::<()>("crowd.sleep").arg(0).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn an_instance_whose_connection_dies_meanwhile_comes_back_on_the_next() {
    // It kills a connection, so it has a server of its own.
    let server = EmbeddedBroker::start(rpc_broker::Config {
        port: 0,
        ..Default::default()
    })
    .unwrap();
    let crowd = Crowd::new("crowd", 0);
    let _running = start(&server.url(), &crowd).await;
    let client = connect(&server.url()).await;
    let held = fill(&client, "work").await;
    nobody_listens(&client).await;
    poison(server.port(), "crowd.name");
    eventually("it is on a new connection", async || {
        let name = client.call::<String>("crowd.name");
        name.timeout(Duration::from_millis(200)).await.is_ok()
    })
    .await;
    // It is still full, so it refuses there, and steps aside again.
    nobody_listens(&client).await;
    crowd.0.gate.add_permits(held.len());
    // Their replies go out on the new connection, to callers who are still there.
    for call in held {
        let answer = timeout(PATIENCE, call).await.unwrap().unwrap();
        assert_eq!(answer.unwrap(), "crowd");
    }
    serves_again(&client, &crowd).await;
}

/// Kills the connection of who listens on `subject`, by a header with a lone CR.
fn poison(port: u16, subject: &str) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let header = "NATS/1.0\r\nX-Bad: a\rb\r\n\r\n";
    let size = header.len();
    let text = format!(
        "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nHPUB {subject} {size} {size}\r\n{header}\r\nPING\r\n"
    );
    socket.write_all(text.as_bytes()).unwrap();
    let mut heard = String::new();
    let mut buffer = [0; 4096];
    while !heard.contains("PONG") {
        let read = socket.read(&mut buffer).unwrap();
        assert!(read > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}
