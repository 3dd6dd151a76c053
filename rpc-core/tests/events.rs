//! Events: who gets them, how often, and what becomes of those that nobody can handle.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use rpc_core::prelude::*;
use rpc_core::testing::{self, TestApp};
use rpc_core::{Config, EmitError, EntrypointReport, Runner};
use serde_json::{Value, json};
use support::server::Server;
use support::{PATIENCE, connect, eventually, headers, is_silent};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What the handlers of a test have seen, and how it holds them back.
struct State {
    seen: Mutex<Vec<Value>>,
    gate: Semaphore,
    begun: AtomicU64,
}

#[derive(Clone)]
struct Mailer(Arc<State>);

impl Mailer {
    fn new() -> Self {
        Self(Arc::new(State {
            seen: Mutex::default(),
            gate: Semaphore::new(0),
            begun: AtomicU64::new(0),
        }))
    }

    fn note(&self, what: Value) {
        self.0.seen.lock().unwrap().push(what);
    }

    fn seen(&self) -> Vec<Value> {
        self.0.seen.lock().unwrap().clone()
    }
}

/// Handles what happens to things.
#[rpc(prefix = "v2")]
impl Mailer {
    #[event_handler("thing_service.thing_created")]
    async fn welcome(
        &self,
        name: &str,
        #[rpc(default = 1)] count: u32,
        #[rpc(kwargs)] more: serde_json::Map<String, Value>,
    ) {
        self.note(json!({ "name": name, "count": count, "more": more }));
    }

    #[event_handler("stock.>")]
    async fn watch(&self, context: &Context, #[rpc(args)] rest: Vec<Value>) {
        self.note(json!({
            "event": context.event(),
            "request_id": context.request_id(),
            "depth": context.depth(),
            "patient": context.time_left() > Duration::from_secs(20),
            "rest": rest,
        }));
    }

    /// Emits under its own name, prefix included.
    #[rpc]
    async fn tell(&self, context: &Context, event: &str) -> Result<(), RpcError> {
        context.emit(event, ("from a call",)).kwarg("n", 1).await?;
        Ok(())
    }

    #[event_handler("v2.mailer.told")]
    async fn hear(&self, context: &Context, text: &str, n: u32) {
        self.note(json!([
            context.event(),
            context.depth(),
            context.request_id(),
            text,
            n
        ]));
    }

    #[event_handler("trouble.failed")]
    async fn fail(&self) -> Result<(), RpcError> {
        Err(RpcError::not_found("no such thing"))
    }

    #[event_handler("trouble.panicked")]
    async fn panic(&self) {
        panic!("as told")
    }

    #[event_handler("trouble.slow", limit = 1, queue = 2)]
    async fn slow(&self, n: u32) {
        self.0.begun.fetch_add(1, SeqCst);
        self.0.gate.acquire().await.unwrap().forget();
        self.note(json!(n));
    }

    #[event_handler("trouble.late", timeout = "20ms")]
    async fn late(&self) {
        std::future::pending::<()>().await;
    }

    /// Called, and fired.
    #[rpc]
    #[event_handler("both.one")]
    #[event_handler("both.other")]
    async fn both(&self, text: String) -> String {
        self.note(json!(text));
        text
    }

    /// Makes the event that it handles.
    #[event_handler("v2.mailer.again")]
    async fn again(&self, context: &Context) -> Result<(), RpcError> {
        self.note(json!(context.depth()));
        context.emit("again", ()).await?;
        Ok(())
    }
}

fn report(app: &TestApp, name: &str) -> EntrypointReport {
    let reports = app.entrypoints().into_iter();
    let mut of_name = reports.filter(|report| report.name.ends_with(name));
    of_name.next().unwrap()
}

#[tokio::test]
async fn the_payload_of_an_event_binds_like_a_call() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    let client = app.client();
    let subject = "thing_service.thing_created";
    client.emit(subject, ("lamp",)).await.unwrap();
    client
        .emit(subject, ("lamp", 2))
        .kwarg("colour", "red")
        .await
        .unwrap();
    client
        .emit(subject, ())
        .kwarg("name", "lamp")
        .await
        .unwrap();
    // From a client that is not ours.
    let nats = async_nats::connect(app.url()).await.unwrap();
    nats.publish(subject, r#"[["bed"], {"count": 3}]"#.into())
        .await
        .unwrap();
    nats.publish(subject, r#"{"name": "chair"}"#.into())
        .await
        .unwrap();
    app.wait_for("mailer.welcome").times(5).await;
    let mut seen = mailer.seen();
    seen.sort_by_key(ToString::to_string);
    assert_eq!(
        seen,
        [
            json!({ "name": "chair", "count": 1, "more": {} }),
            json!({ "name": "lamp", "count": 1, "more": {} }),
            json!({ "name": "lamp", "count": 1, "more": {} }),
            json!({ "name": "lamp", "count": 2, "more": { "colour": "red" } }),
            json!({ "name": "bed", "count": 3, "more": {} }),
        ]
    );
}

#[tokio::test]
async fn a_handler_with_wildcards_knows_the_subject() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    for (subject, n) in [
        ("stock.sold", 1),
        ("stock.eu.be.sold", 2),
        ("stockings.sold", 3),
    ] {
        app.client().emit(subject, (n,)).await.unwrap();
    }
    app.wait_for("mailer.watch").times(2).await;
    let seen = mailer.seen();
    let told: Vec<_> = seen
        .iter()
        .map(|line| (&line["event"], &line["rest"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("stock.sold"), &json!([1])),
            (&json!("stock.eu.be.sold"), &json!([2])),
        ]
    );
    assert_ne!(seen[0]["request_id"], seen[1]["request_id"]);
}

#[tokio::test]
async fn a_handler_with_wildcards_gets_no_calls() {
    // It handled the calls of the methods whose subjects it covers.
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    for (reply, n) in [
        (nats.new_inbox(), 1),
        // Whoever asks for a word elsewhere calls no method.
        ("stock.acknowledged".to_owned(), 2),
        (format!("{}.x", nats.new_inbox()), 3),
    ] {
        let payload = format!("[[{n}]]").into();
        let sent = nats.publish_with_reply("stock.sold", reply, payload);
        sent.await.unwrap();
    }
    nats.publish("stock.sold", "[[4]]".into()).await.unwrap();
    app.wait_for("mailer.watch").times(2).await;
    let seen: Vec<_> = mailer
        .seen()
        .iter()
        .map(|line| line["rest"].clone())
        .collect();
    assert_eq!(seen, [json!([2]), json!([4])]);
}

#[tokio::test]
async fn an_event_carries_on_what_its_call_has_but_for_the_deadline() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    let call = headers([
        ("X-Request-Id", "r-7"),
        ("Rpc-Depth", "3"),
        ("Rpc-Timeout", "9000"),
    ]);
    let answer = app
        .raw_with_headers("v2.mailer.tell", call, r#"[["told"]]"#)
        .await;
    answer.expect("[[], {}]");
    app.wait_for("v2.mailer.hear").await;
    assert_eq!(
        mailer.seen(),
        [json!(["v2.mailer.told", 4, "r-7", "from a call", 1])]
    );
}

#[tokio::test]
async fn a_deadline_of_the_emitting_call_is_none_of_the_handlers() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    let context = headers([("Rpc-Timeout", "3000")]);
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut events = nats.subscribe("v2.mailer.told").await.unwrap();
    nats.flush().await.unwrap();
    let answer = app
        .raw_with_headers("v2.mailer.tell", context, r#"[["told"]]"#)
        .await;
    answer.expect("[[], {}]");
    let event = timeout(PATIENCE, events.next()).await.unwrap().unwrap();
    assert_eq!(&event.payload[..], br#"[["from a call"], {"n": 1}]"#);
    let headers = event.headers.unwrap();
    assert!(headers.get("Rpc-Timeout").is_none());
    assert_eq!(headers.get("Rpc-Depth").unwrap().as_str(), "1");
    assert!(
        headers
            .get("Rpc-Caller")
            .unwrap()
            .as_str()
            .starts_with("mailer/")
    );
}

#[tokio::test]
async fn events_that_go_in_a_circle_end() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    app.client().emit("v2.mailer.again", ()).await.unwrap();
    app.wait_for("mailer.again").times(33).await;
    assert_eq!(mailer.seen().last(), Some(&json!(32)));
    let report = report(&app, "mailer.again");
    assert_eq!((report.runs, report.failures), (33, 1));
}

#[tokio::test]
async fn failures_end_one_event_and_are_counted() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    let client = app.client();
    for _ in 0..3 {
        for subject in ["trouble.failed", "trouble.panicked", "trouble.late"] {
            client.emit(subject, ()).await.unwrap();
        }
    }
    // Arguments that do not fit, and what is no envelope.
    client
        .emit("thing_service.thing_created", (1, 2, 3))
        .await
        .unwrap();
    let nats = async_nats::connect(app.url()).await.unwrap();
    nats.publish("thing_service.thing_created", "{".into())
        .await
        .unwrap();
    client
        .emit("thing_service.thing_created", ("lamp",))
        .await
        .unwrap();
    for name in ["fail", "panic", "late", "welcome"] {
        app.wait_for(&format!("mailer.{name}")).times(3).await;
    }
    let counts = |name: &str| {
        let report = report(&app, name);
        (report.runs, report.failures, report.panics, report.dropped)
    };
    eventually("the last one is counted", async || {
        counts("mailer.late").1 == 3
    })
    .await;
    assert_eq!(counts("mailer.fail"), (3, 3, 0, 0));
    assert_eq!(counts("mailer.panic"), (3, 3, 3, 0));
    assert_eq!(counts("mailer.late"), (3, 3, 0, 0));
    assert_eq!(counts("mailer.welcome"), (3, 2, 0, 0));
    assert_eq!(mailer.seen().len(), 1);
}

#[tokio::test]
async fn a_full_handler_drops_events_and_counts_them() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    for n in 0..10 {
        app.client().emit("trouble.slow", (n,)).await.unwrap();
    }
    eventually("all have come", async || {
        report(&app, "mailer.slow").dropped == 7
    })
    .await;
    mailer.0.gate.add_permits(10);
    app.wait_for("mailer.slow").times(3).await;
    assert_eq!(mailer.seen(), [0, 1, 2].map(|n| json!(n)));
    assert_eq!(mailer.0.begun.load(SeqCst), 3);
    assert_eq!(report(&app, "mailer.slow").failures, 7);
}

#[tokio::test]
async fn a_handler_never_replies_and_a_method_of_the_same_name_may() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let inbox = nats.new_inbox();
    let mut replies = nats.subscribe(inbox.clone()).await.unwrap();
    let payload = r#"[["lamp"]]"#;
    nats.publish_with_reply("thing_service.thing_created", inbox, payload.into())
        .await
        .unwrap();
    app.wait_for("mailer.welcome").await;
    app.client().round_trip(PATIENCE).await.unwrap();
    assert!(is_silent(&nats, &mut replies).await);

    // One method, called once and fired twice.
    app.raw("v2.mailer.both", r#"[["call"]]"#)
        .await
        .expect(r#"[["call"], {}]"#);
    app.client().emit("both.one", ("event",)).await.unwrap();
    app.client().emit("both.other", ("event",)).await.unwrap();
    app.wait_for("mailer.both").times(3).await;
}

#[tokio::test]
async fn what_cannot_be_emitted_says_why() {
    let mailer = Mailer::new();
    let app = TestApp::start(mailer.clone()).await;
    let client = app.client();
    for (subject, text) in [
        ("hello", "expected `<source>.<event>`, got `hello`"),
        (
            "a.*",
            "`a.*` is not an event: names are letters, digits, `_` and `-`, joined by `.`",
        ),
        ("$SYS.x", "`$SYS.x` is reserved"),
    ] {
        let error = client.emit(subject, ()).await.unwrap_err();
        assert!(matches!(error, EmitError::InvalidSubject(_)), "{error:?}");
        assert_eq!(error.to_string(), text);
    }
    let error = client
        .emit("a.b", ("x".repeat(2_000_000),))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            EmitError::TooLarge {
                size: 2_000_010,
                ..
            }
        ),
        "{error:?}"
    );
    let unwritable = std::collections::BTreeMap::from([(vec![1], 1)]);
    let error = client.emit("a.b", (unwritable,)).await.unwrap_err();
    assert!(matches!(error, EmitError::Unencodable(_)), "{error:?}");

    // What a method passes on to its caller.
    let answer = app.raw("v2.mailer.tell", r#"[["a.b"]]"#).await;
    answer.expect_error("internal");
    let deep = headers([("Rpc-Depth", "32")]);
    let answer = app
        .raw_with_headers("v2.mailer.tell", deep, r#"[["told"]]"#)
        .await;
    answer.expect_error("failed_precondition");
    let mailer = Arc::new(mailer);
    let error = testing::call(&mailer, "tell", json!([["told"]]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "unavailable");
}

#[tokio::test]
async fn a_handler_is_tested_without_a_network_like_a_method() {
    let mailer = Arc::new(Mailer::new());
    testing::call(&mailer, "welcome", json!([["lamp"]]))
        .await
        .unwrap();
    assert_eq!(mailer.seen().len(), 1);
}

#[tokio::test]
async fn a_confirmed_event_learns_that_the_server_denies_it() {
    let config = r#"
        authorization {
          users: [
            { user: all, password: all }
            { user: some, password: some, permissions: { publish: { deny: ["secret.>"] } } }
          ]
        }"#;
    let Some(server) = Server::start(config) else {
        return;
    };
    let some = connect(&server.url("some", "some")).await;
    let error = some.emit("secret.told", ()).confirmed().await.unwrap_err();
    assert!(matches!(&error, EmitError::PermissionDenied(subject) if subject == "secret.told"));
    // It is known only afterwards, which an event does not wait for.
    some.emit("secret.told", ()).await.unwrap();
    some.emit("open.told", ()).confirmed().await.unwrap();
}

#[tokio::test]
async fn without_a_server_an_event_fails_at_once() {
    let broker = rpc_broker::EmbeddedBroker::start(rpc_broker::Config {
        port: 0,
        ..Default::default()
    });
    let broker = broker.unwrap();
    let client = connect(&broker.url()).await;
    client.emit("a.b", ()).confirmed().await.unwrap();
    broker.shutdown();
    eventually("the client knows", async || {
        let emitted = client.emit("a.b", ()).await;
        matches!(emitted, Err(EmitError::Disconnected))
    })
    .await;
}

#[tokio::test]
async fn an_event_that_follows_the_start_is_handled() {
    let app = TestApp::start(Mailer::new()).await;
    for n in 1..=30 {
        let other = Other(Arc::default());
        let config = Config::new(app.url()).give_up_after(PATIENCE);
        let running = Runner::new(config)
            .service(other.clone())
            .start()
            .await
            .unwrap();
        app.client()
            .emit("other_source.started", (n,))
            .await
            .unwrap();
        eventually("it is handled", async || other.0.load(SeqCst) == n).await;
        running.stop().await;
    }
}

/// Keeps the last number it was told.
#[derive(Clone)]
struct Other(Arc<AtomicU64>);

#[rpc]
impl Other {
    #[event_handler("other_source.started")]
    async fn started(&self, n: u64) {
        self.0.store(n, SeqCst);
    }
}

#[tokio::test]
#[should_panic(expected = "the app has no `mailer.welcom`, it has: `v2.mailer.tell`")]
async fn waiting_for_an_unknown_method_says_which_there_are() {
    let app = TestApp::start(Mailer::new()).await;
    app.wait_for("mailer.welcom").await;
}

#[tokio::test]
#[should_panic(expected = "`mailer.welcome` has finished 1 of 2 times within 50ms")]
async fn waiting_for_too_much_says_how_much_there_was() {
    let app = TestApp::start(Mailer::new()).await;
    app.client()
        .emit("thing_service.thing_created", ("lamp",))
        .await
        .unwrap();
    app.wait_for("mailer.welcome").await;
    let wait = app.wait_for("mailer.welcome").times(2);
    wait.within(Duration::from_millis(50)).await;
}

/// More events than the queue of a connection takes: the last ones used to overtake those in it.
#[tokio::test]
async fn events_of_one_task_keep_their_order_when_the_queue_is_full() {
    const EVENTS: u64 = 20_000;
    let app = TestApp::start(Mailer::new()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut heard = nats.subscribe("counter.counted").await.unwrap();
    nats.flush().await.unwrap();
    for number in 0..EVENTS {
        app.client()
            .emit("counter.counted", (number,))
            .await
            .unwrap();
    }
    for number in 0..EVENTS {
        let event = timeout(PATIENCE, heard.next()).await.unwrap().unwrap();
        let payload: Value = serde_json::from_slice(&event.payload).unwrap();
        assert_eq!(payload[0], json!([number]));
    }
}

#[tokio::test]
async fn a_confirmed_event_is_no_call_that_was_given_up() {
    let app = TestApp::start(Mailer::new()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut told = nats.subscribe("_INBOX.*.*.c").await.unwrap();
    let mut silent = nats.subscribe("silent.method").await.unwrap();
    nats.flush().await.unwrap();
    let client = app.client();
    client
        .emit("counter.counted", ())
        .confirmed()
        .await
        .unwrap();
    // Services are told in order: of the event it would have been first.
    let call = client.call::<()>("silent.method").into_future();
    assert!(timeout(Duration::from_millis(20), call).await.is_err());
    let request = timeout(PATIENCE, silent.next()).await.unwrap().unwrap();
    let first = timeout(PATIENCE, told.next()).await.unwrap().unwrap();
    assert_eq!(
        first.subject.as_str(),
        format!("{}.c", request.reply.unwrap())
    );
}
