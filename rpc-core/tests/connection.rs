//! The connection breaks in every way it can, and the service serves again.
//!
//! These tests stop and freeze their server, so they have one of their own also where `NATS_URL`
//! names another.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use rpc_broker::{Auth, EmbeddedBroker, Handle};
use rpc_core::protocol::{Headers, Outcome};
use rpc_core::{CallError, Client, Config, ConnectError, Runner, Running};
use support::{PATIENCE, Probe, connect, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream as Socket};
use tokio::sync::watch;
use tokio::time::sleep;

fn broker(port: u16) -> Handle {
    let config = rpc_broker::Config {
        port,
        ..Default::default()
    };
    EmbeddedBroker::start(config).unwrap()
}

async fn serve(url: &str, probe: &Probe) -> Running {
    let config = Config::new(url).give_up_after(PATIENCE);
    Runner::new(config)
        .service(probe.clone())
        .start()
        .await
        .unwrap()
}

/// Calls until an answer comes, and returns how long that took.
async fn served_again(client: &Client) -> Duration {
    let started = Instant::now();
    eventually("it serves again", async || {
        let call = client.call::<String>("probe_service.echo").arg("a");
        call.timeout(Duration::from_millis(200))
            .await
            .is_ok_and(|text| text == "a!")
    })
    .await;
    started.elapsed()
}

#[tokio::test]
async fn a_restarted_server_is_served_again_and_calls_under_way_fail_at_once() {
    let probe = Probe::default();
    let first = broker(0);
    let (url, port) = (first.url(), first.port());
    let _service = serve(&url, &probe).await;
    let client = connect(&url).await;
    let calls =
        join_all((0..10).map(|_| client.call::<String>("probe_service.wait").into_future()));
    let end = async {
        eventually("all run", async || probe.0.begun.load(SeqCst) == 10).await;
        first.shutdown();
        Instant::now()
    };
    let (answers, ended) = tokio::join!(calls, end);
    assert!(
        ended.elapsed() < Duration::from_secs(1),
        "{:?}",
        ended.elapsed()
    );
    for answer in answers {
        assert!(
            matches!(answer, Err(CallError::Disconnected(Outcome::Unknown))),
            "{answer:?}"
        );
    }
    let answer = client.call::<()>("probe_service.nothing").await;
    assert!(
        matches!(answer, Err(CallError::Disconnected(Outcome::NotSent))),
        "{answer:?}"
    );
    assert_eq!(client.in_flight(), 0);

    let _second = broker(port);
    let waited = served_again(&client).await;
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_was_connected_again_stops_without_losing_a_call() {
    // The server counts the messages of a subscription anew, the client goes on counting: an instance
    // that stopped went on getting calls when it had seen what it took for the last of them.
    let probe = Probe::default();
    let first = broker(0);
    let (url, port) = (first.url(), first.port());
    let (stays, stops) = (serve(&url, &probe).await, serve(&url, &probe).await);
    let client = connect(&url).await;
    let calls = |count| {
        let call = |_| client.call::<u64>("probe_service.count").timeout(PATIENCE);
        join_all((0..count).map(call).map(IntoFuture::into_future))
    };
    for answer in calls(2_000).await {
        answer.unwrap();
    }
    first.shutdown();
    let _second = broker(port);
    for client in [&client, stays.client(), stops.client()] {
        eventually("all are connected again", async || {
            client.round_trip(PATIENCE).await.is_ok()
        })
        .await;
    }
    let stop = async {
        let seen = probe.0.counted.load(SeqCst);
        eventually("calls come", async || probe.0.counted.load(SeqCst) > seen).await;
        stops.stop().await;
    };
    let (answers, ()) = tokio::join!(calls(5_000), stop);
    for answer in answers {
        answer.unwrap();
    }
    assert_eq!(probe.0.counted.load(SeqCst), 7_000);
    stays.stop().await;
}

#[tokio::test]
async fn an_idempotent_call_outlives_a_restart_of_the_server() {
    let probe = Probe::default();
    let first = broker(0);
    let (url, port) = (first.url(), first.port());
    let _service = serve(&url, &probe).await;
    let client = connect(&url).await;
    let call = client.call::<String>("probe_service.wait").idempotent();
    let call = call.arg("a").max_tries(20).into_future();
    let restart = async {
        eventually("it runs", async || probe.0.begun.load(SeqCst) == 1).await;
        first.shutdown();
        probe.0.gate.add_permits(2);
        broker(port)
    };
    let (answer, _second) = tokio::join!(call, restart);
    assert_eq!(answer.unwrap(), "a");
    assert_eq!(probe.0.begun.load(SeqCst), 2);
}

/// Sends what no client sends: a header with a lone CR.
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

#[tokio::test]
async fn a_message_that_kills_the_connection_task_costs_seconds_at_most() {
    let probe = Probe::default();
    let server = broker(0);
    let _service = serve(&server.url(), &probe).await;
    let client = connect(&server.url()).await;
    for _ in 0..2 {
        poison(server.port(), "probe_service.nothing");
        let waited = served_again(&client).await;
        assert!(waited < Duration::from_secs(3), "{waited:?}");
    }
}

/// A TCP proxy that can stop forwarding without closing anything.
struct Proxy {
    url: String,
    /// So many connections, the first that were made, are frozen.
    frozen: watch::Sender<u64>,
    taken: Arc<AtomicU64>,
}

impl Proxy {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let (frozen, taken) = (watch::Sender::new(0), Arc::<AtomicU64>::default());
        let (sender, seen) = (frozen.clone(), taken.clone());
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let number = seen.fetch_add(1, SeqCst);
                let far = Socket::connect(("127.0.0.1", port)).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(forward(near_in, far_out, number, sender.subscribe()));
                tokio::spawn(forward(far_in, near_out, number, sender.subscribe()));
            }
        });
        Self { url, frozen, taken }
    }

    /// Freezes all connections, those to come included.
    fn freeze(&self) {
        self.frozen.send_replace(u64::MAX);
    }

    /// Freezes the connections that there are.
    fn freeze_those_so_far(&self) {
        self.frozen.send_replace(self.taken());
    }

    fn thaw(&self) {
        self.frozen.send_replace(0);
    }

    /// Returns how many connections were made.
    fn taken(&self) -> u64 {
        self.taken.load(SeqCst)
    }
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    number: u64,
    mut frozen: watch::Receiver<u64>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while frozen.wait_for(|frozen| number >= *frozen).await.is_ok() {
        match from.read(&mut buffer).await {
            Ok(read @ 1..) => {
                let thawed = frozen.wait_for(|frozen| number >= *frozen).await.is_ok();
                if !thawed || to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}

#[tokio::test]
async fn a_frozen_server_is_noticed_and_served_again_when_it_thaws() {
    let probe = Probe::default();
    let server = broker(0);
    let proxy = Proxy::to(server.port()).await;
    let service = serve(&proxy.url, &probe).await;
    let behind = connect(&proxy.url).await;
    proxy.freeze();
    let taken = proxy.taken();

    // Enough to fill every buffer and queue on the way: the deadline holds for sending too.
    // It is no call, because after the thaw a busy machine would take seconds to answer them.
    let large = Bytes::from("x".repeat(500_000));
    let started = Instant::now();
    let calls = (0..100).map(|_| {
        let (headers, timeout) = (Headers::new(), Duration::from_millis(300));
        behind.request("probe_service.echo", headers, large.clone(), timeout)
    });
    for answer in join_all(calls).await {
        assert!(
            matches!(
                answer,
                Err(CallError::Deadline { .. } | CallError::Disconnected(_))
            ),
            "{answer:?}"
        );
    }
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(behind.in_flight(), 0);

    eventually("both connect anew", async || {
        let call = behind.call::<String>("probe_service.echo").arg("a");
        let answer = call.timeout(Duration::from_millis(50)).await;
        let noticed = matches!(answer, Err(CallError::Disconnected(Outcome::NotSent)));
        noticed && proxy.taken() >= taken + 2
    })
    .await;
    let noticed = started.elapsed();
    assert!(noticed < Duration::from_secs(7), "{noticed:?}");
    proxy.thaw();
    let direct = connect(&server.url()).await;
    let waited = served_again(&direct).await.max(served_again(&behind).await);
    assert!(waited < Duration::from_secs(4), "{waited:?}");

    // The server still knows the service's old connection and hands calls to it, which are served
    // there until it has been left.
    for _ in 0..200 {
        let call = behind.call::<String>("probe_service.echo").arg("a");
        let answer = call.timeout(Duration::from_millis(500)).await;
        assert_eq!(answer.unwrap(), "a!");
    }
    service.stop().await;
}

#[tokio::test]
async fn calls_that_a_frozen_server_had_for_an_old_connection_are_answered_when_it_thaws() {
    // The service had a new connection by then and did not listen on the old one any more: these
    // callers waited for their whole deadline.
    let probe = Probe::default();
    let server = broker(0);
    let proxy = Proxy::to(server.port()).await;
    let service = serve(&proxy.url, &probe).await;
    let direct = connect(&server.url()).await;
    let calls = |count| {
        let call = |n| {
            let call = direct.call::<String>("probe_service.echo");
            call.arg(format!("{n}")).timeout(PATIENCE).into_future()
        };
        join_all((0..count).map(call))
    };
    proxy.freeze_those_so_far();
    let old = calls(100);
    let rest = async {
        // The server gives it every second call, more or less.
        eventually("there is a new connection too", async || {
            let call = direct.call::<String>("probe_service.echo").arg("a");
            call.timeout(Duration::from_millis(100)).await.is_ok()
        })
        .await;
        assert_eq!(proxy.taken(), 2);
        let both = calls(100);
        let thaw = async {
            eventually("the new one takes its part", async || {
                let in_flight = direct.in_flight();
                (100..190).contains(&in_flight)
            })
            .await;
            proxy.thaw();
        };
        tokio::join!(both, thaw).0
    };
    let (old, both) = tokio::join!(old, rest);
    for answer in old.into_iter().chain(both) {
        assert!(answer.unwrap().ends_with('!'));
    }
    assert_eq!(service.client().connection_stats().replaced, 1);
    service.stop().await;
}

#[tokio::test]
async fn a_stopping_instance_answers_the_calls_that_a_slow_server_hands_over_late() {
    // The word that the subscriptions have ended was awaited for half a second, and then taken as
    // heard: these callers waited for their whole deadline.
    let probe = Probe::default();
    let server = broker(0);
    let proxy = Proxy::to(server.port()).await;
    let service = serve(&proxy.url, &probe).await;
    let direct = connect(&server.url()).await;
    proxy.freeze();
    let call = |_| {
        let call = direct.call::<String>("probe_service.echo").arg("a");
        call.timeout(PATIENCE).into_future()
    };
    let calls = join_all((0..100).map(call));
    let stop = async {
        eventually("the calls are sent", async || direct.in_flight() == 100).await;
        direct.round_trip(PATIENCE).await.unwrap();
        let thaw = async {
            // Not so long that the connection is given up.
            sleep(Duration::from_millis(900)).await;
            proxy.thaw();
        };
        tokio::join!(service.stop(), thaw);
    };
    let (answers, ()) = tokio::join!(calls, stop);
    for answer in answers {
        assert_eq!(answer.unwrap(), "a!");
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_frozen_server() {
    let probe = Probe::default();
    let server = broker(0);
    let proxy = Proxy::to(server.port()).await;
    let config = Config::new(&proxy.url).give_up_after(PATIENCE);
    let runner = Runner::new(config)
        .service(probe)
        .drain_timeout(Duration::from_millis(200));
    let service = runner.start().await.unwrap();
    proxy.freeze();
    let stopping = Instant::now();
    service.stop().await;
    assert!(
        stopping.elapsed() < Duration::from_secs(7),
        "{:?}",
        stopping.elapsed()
    );
}

#[tokio::test]
async fn stopping_without_a_server_takes_no_longer_than_the_calls_that_run() {
    for (running, at_most) in [(0, 1_000), (3, 2_500)] {
        let probe = Probe::default();
        let server = broker(0);
        let config = Config::new(&server.url()).give_up_after(PATIENCE);
        let runner = Runner::new(config)
            .service(probe.clone())
            .drain_timeout(Duration::from_secs(1));
        let service = runner.start().await.unwrap();
        let client = connect(&server.url()).await;
        let calls = join_all(
            (0..running).map(|_| client.call::<String>("probe_service.wait").into_future()),
        );
        let gone = async {
            eventually("all run", async || probe.0.begun.load(SeqCst) == running).await;
            server.shutdown();
        };
        tokio::join!(calls, gone);
        eventually("the service knows", async || {
            service.client().round_trip(PATIENCE).await.is_err()
        })
        .await;
        let stopping = Instant::now();
        service.stop().await;
        let took = stopping.elapsed();
        assert!(took < Duration::from_millis(at_most), "{running}: {took:?}");
        assert_eq!(probe.0.running.load(SeqCst), 0);
    }
}

fn guarded() -> Handle {
    let auth = Auth::UserPassword {
        user: "bob".to_owned(),
        password: "p@ss:w/rd".to_owned(),
    };
    let config = rpc_broker::Config {
        port: 0,
        auth: Some(auth),
        ..Default::default()
    };
    EmbeddedBroker::start(config).unwrap()
}

#[tokio::test]
async fn user_and_password_stand_in_the_url_percent_encoded() {
    let server = guarded();
    let url = format!("nats://bob:p%40ss%3Aw%2Frd@{}", server.address());
    let _service = serve(&url, &Probe::default()).await;
    let client = connect(&url).await;
    assert_eq!(
        client
            .call::<String>("probe_service.echo")
            .arg("a")
            .await
            .unwrap(),
        "a!"
    );
}

#[tokio::test]
async fn wrong_credentials_are_refused_at_once() {
    let server = guarded();
    for user in ["", "bob:wrong@", "token@"] {
        let started = Instant::now();
        let config = Config::new(&format!("nats://{user}{}", server.address()));
        let answer = Client::connect(config).await;
        let Err(ConnectError::Refused { servers, .. }) = answer else {
            panic!("{user}: {answer:?}")
        };
        assert!(!servers.contains("wrong"), "{servers}");
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn an_unreachable_server_is_given_up_after_the_limit() {
    let started = Instant::now();
    let config = Config::new("nats://127.0.0.1:1").give_up_after(Duration::from_millis(300));
    let answer = Client::connect(config).await;
    assert!(
        matches!(answer, Err(ConnectError::Unreachable { .. })),
        "{answer:?}"
    );
    let waited = started.elapsed();
    assert!(
        (Duration::from_millis(300)..Duration::from_secs(3)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test]
async fn a_dead_server_in_the_list_does_no_harm() {
    let server = broker(0);
    let url = format!("nats://127.0.0.1:1, {}", server.url());
    let _service = serve(&url, &Probe::default()).await;
    let client = connect(&url).await;
    assert_eq!(
        client
            .call::<String>("probe_service.echo")
            .arg("a")
            .await
            .unwrap(),
        "a!"
    );
}

#[tokio::test]
async fn the_second_server_of_the_list_takes_over_while_it_runs() {
    let probe = Probe::default();
    let first = broker(0);
    // A port that was free a moment ago.
    let port = broker(0).port();
    let both = format!("{},nats://127.0.0.1:{port}", first.url());
    let service = serve(&both, &probe).await;
    let client = connect(&both).await;
    served_again(&client).await;
    first.shutdown();
    let _second = broker(port);
    let waited = served_again(&client).await;
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    assert_eq!(client.connection_stats().reconnects, 1);
    service.stop().await;
}
