//! The service that the network suites call, and what they share.
#![allow(dead_code, reason = "every suite uses a part of it")]

pub(crate) mod log;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures_util::StreamExt as _;
use rpc_core::prelude::*;
use rpc_core::protocol::Headers;
use rpc_core::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

/// Long enough for any step of a test on a busy machine; nothing waits so long when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// What a test sees of the service, and how it holds calls back.
pub(crate) struct State {
    /// A call of `wait` and its like ends when it gets a permit here.
    pub(crate) gate: Semaphore,
    /// Calls that have begun to wait.
    pub(crate) begun: AtomicU64,
    /// Calls of `count`.
    pub(crate) counted: AtomicU64,
    pub(crate) running: AtomicU64,
    pub(crate) most_running: AtomicU64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            gate: Semaphore::new(0),
            begun: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            running: AtomicU64::new(0),
            most_running: AtomicU64::new(0),
        }
    }
}

impl State {
    async fn wait(&self) {
        struct Leave<'a>(&'a AtomicU64);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, SeqCst);
            }
        }
        self.most_running
            .fetch_max(self.running.fetch_add(1, SeqCst) + 1, SeqCst);
        let _leave = Leave(&self.running);
        self.begun.fetch_add(1, SeqCst);
        self.gate.acquire().await.unwrap().forget();
    }
}

#[derive(Clone, Default)]
pub(crate) struct Probe(pub(crate) Arc<State>);

/// Answers, fails, panics, waits.
#[rpc(name = "probe_service", version = "1.2.3")]
impl Probe {
    /// Returns its arguments.
    #[rpc]
    async fn echo(&self, text: &str, #[rpc(default = "!")] end: &str) -> String {
        format!("{text}{end}")
    }

    #[rpc]
    async fn nothing(&self) {}

    #[rpc]
    async fn several(&self) -> Reply {
        Reply::new().result(1).result("one").keyword("exact", true)
    }

    #[rpc]
    async fn fail(&self, code: &str) -> Result<(), RpcError> {
        let error = match Code::from_text(code) {
            Some(code) => RpcError::new(code, "no\r\nuser „7“"),
            None => RpcError::custom(code.to_owned(), 410, "gone"),
        };
        Err(error.with_source("SELECT secret FROM users"))
    }

    #[rpc]
    async fn find(&self, id: u32) -> Result<(), RpcError> {
        Err(RpcError::not_found(format!("no user {id}")).with_details(json!({ "id": id })))
    }

    #[rpc]
    async fn panic_at_once(&self) -> String {
        panic!("the secret is 42")
    }

    #[rpc]
    async fn panic_later(&self) -> String {
        sleep(Duration::from_millis(1)).await;
        panic!("the secret is 42")
    }

    #[rpc]
    async fn unwritable(&self) -> BTreeMap<Vec<u8>, u8> {
        BTreeMap::from([(vec![1], 1)])
    }

    #[rpc]
    async fn large(&self, size: usize) -> String {
        "x".repeat(size)
    }

    #[rpc]
    async fn count(&self) -> u64 {
        self.0.counted.fetch_add(1, SeqCst) + 1
    }

    #[rpc]
    async fn wait(&self, #[rpc(default)] text: String) -> String {
        self.0.wait().await;
        text
    }

    #[rpc(timeout = "50ms")]
    async fn impatient(&self) {
        self.0.wait().await;
    }

    #[rpc(limit = 2, queue = 3)]
    async fn narrow(&self) {
        self.0.wait().await;
    }

    #[rpc]
    async fn sleep(&self, millis: u64) {
        sleep(Duration::from_millis(millis)).await;
    }

    /// What the method sees of its call.
    #[rpc(safe, idempotent)]
    async fn context(&self, context: &Context) -> Value {
        json!({
            "request_id": context.request_id(),
            "depth": context.depth(),
            "left": u64::try_from(context.time_left().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Calls `subject` in its turn.
    #[rpc]
    async fn relay(&self, context: &Context, subject: &str) -> Result<Value, RpcError> {
        Ok(context.client()?.call(subject).await?)
    }

    #[rpc(internal)]
    async fn bytes(&self, #[rpc(args)] rest: Vec<Value>) -> usize {
        rest.len()
    }
}

/// Waits until `holds`; the test fails when it does not within [`PATIENCE`].
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Asks a subject over a client that is not ours, and returns the JSON body of the first reply.
pub(crate) async fn ask(url: &str, subject: &str, body: &'static str) -> Value {
    let nats = async_nats::connect(url).await.unwrap();
    let reply = timeout(PATIENCE, nats.request(subject.to_owned(), body.into())).await;
    serde_json::from_slice(&reply.unwrap().unwrap().payload).unwrap()
}

/// The counters that discovery reports of one method of the probe.
pub(crate) async fn stats(url: &str, method: &str) -> Value {
    stats_of(url, "probe_service", method).await
}

/// The counters that discovery reports of one method.
pub(crate) async fn stats_of(url: &str, service: &str, method: &str) -> Value {
    let body = ask(url, &format!("$SRV.STATS.{service}"), "").await;
    let endpoints = body["endpoints"].as_array().unwrap().iter();
    let mut of_method = endpoints.filter(|endpoint| endpoint["name"] == method);
    of_method.next().unwrap().clone()
}

/// Returns whether the subscription hears nothing more: what the server sent before an echo to
/// this connection has arrived with it.
pub(crate) async fn is_silent(
    nats: &async_nats::Client,
    heard: &mut async_nats::Subscriber,
) -> bool {
    let inbox = nats.new_inbox();
    let mut echo = nats.subscribe(inbox.clone()).await.unwrap();
    nats.publish(inbox, "".into()).await.unwrap();
    timeout(PATIENCE, echo.next()).await.unwrap().unwrap();
    futures_util::FutureExt::now_or_never(heard.next()).is_none()
}

pub(crate) fn headers<const N: usize>(pairs: [(&str, &str); N]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        assert!(headers.insert(name, value), "{name}: {value:?}");
    }
    headers
}

pub(crate) async fn connect(url: &str) -> Client {
    let config = Config::new(url).give_up_after(PATIENCE);
    Client::connect(config).await.unwrap()
}
