//! What a chain does, whatever its layers are for.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use rpc_core::middleware::{Layer, Request, RpcService, TimeoutLayer};
use rpc_core::protocol::{Headers, Outcome, WireReply};
use rpc_core::testing::TestApp;
use rpc_core::{CallError, Client};
use serde_json::Value;

use crate::note::Notes;
use crate::support::{PATIENCE, Probe, eventually, headers, stats};

async fn echo(client: &Client, text: &str) -> Result<String, CallError> {
    client.call("probe_service.echo").arg(text).await
}

#[tokio::test]
async fn what_is_added_first_is_outermost_on_both_sides() {
    let notes = Notes::default();
    let of_runner = notes.clone();
    let app = TestApp::run(move |runner| {
        let notes = of_runner;
        runner
            .layer(notes.layer("runner 1"))
            .service_with(Probe::default(), notes.layer("service"))
            .layer((notes.layer("runner 2"), notes.layer("runner 3")))
    })
    .await;
    let client = app.client().clone();
    let client = client.layer(notes.layer("client 1"));
    let client = client.layer(notes.layer("client 2"));
    assert_eq!(echo(&client, "hi").await.unwrap(), "hi!");
    let way_in = [
        "client 1", "client 2", "runner 1", "runner 2", "runner 3", "service",
    ];
    let mut expected: Vec<_> = way_in.iter().map(|name| format!("> {name}")).collect();
    expected.extend(way_in.iter().rev().map(|name| format!("< {name}")));
    assert_eq!(notes.take(), expected);
    // The client that it was made from has none.
    echo(app.client(), "hi").await.unwrap();
    assert!(!notes.take().contains(&"> client 1".to_owned()));
}

#[tokio::test]
async fn a_layer_may_answer_instead_of_what_is_inside_it() {
    let (notes, of_runner) = (Notes::default(), Notes::default());
    let layer = of_runner.layer("runner");
    let app = TestApp::run(move |runner| runner.layer(layer).service(Probe::default())).await;
    let client = app.client().clone().layer(notes.layer("client"));
    for (text, passed_runner) in [("answer in runner", true), ("answer in client", false)] {
        assert_eq!(echo(&client, text).await.unwrap(), "from a layer");
        assert_eq!(!of_runner.take().is_empty(), passed_runner, "{text}");
    }
    for text in ["refuse in runner", "refuse in client"] {
        let Err(CallError::Service(error)) = echo(&client, text).await else {
            panic!("`{text}` refuses");
        };
        assert_eq!((error.code(), error.status()), ("layer.refused", 418));
    }
    // The same over undecoded bytes: an error is the reply.
    let refused = client.request(
        "probe_service.echo",
        Headers::new(),
        Bytes::from_static(br#"[["refuse in client"]]"#),
        PATIENCE,
    );
    let error = refused.await.unwrap().error().unwrap();
    assert_eq!((error.code(), error.status()), ("layer.refused", 418));
}

#[tokio::test]
async fn a_layer_that_panics_ends_one_call() {
    let layer = Notes::default().layer("runner");
    let app = TestApp::run(move |runner| runner.layer(layer).service(Probe::default())).await;
    let payload = r#"[["panic in runner"]]"#;
    let error = app.raw("probe_service.echo", payload).await;
    let error = error.expect_error("internal");
    assert!(!error.message().contains("42"), "{error}");
    let panics = async || stats(app.url(), "echo").await["data"]["panics"].clone();
    assert_eq!(panics().await, 1);
    app.raw("probe_service.echo", r#"[["hi"]]"#)
        .await
        .expect(r#"[["hi!"], {}]"#);

    let client = app.client().clone().layer(Notes::default().layer("client"));
    let panicking = client.clone();
    let call = tokio::spawn(async move { echo(&panicking, "panic in client").await });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(echo(&client, "hi").await.unwrap(), "hi!");
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn the_reply_of_a_layer_is_no_larger_than_any_other() {
    let layer = Notes::default().layer("runner");
    let app = TestApp::run(move |runner| runner.layer(layer).service(Probe::default())).await;
    let answer = app
        .raw("probe_service.echo", r#"[["large in runner"]]"#)
        .await;
    answer.expect_error("payload_too_large");
}

/// Notes what a layer can see of a request.
struct LookLayer(Notes);

struct Look<S>(S, Notes);

impl<S> Layer<S> for LookLayer {
    type Service = Look<S>;

    fn layer(&self, inner: S) -> Look<S> {
        Look(inner, self.0.clone())
    }
}

impl<S: RpcService> RpcService for Look<S> {
    type Error = S::Error;

    async fn call(&self, mut request: Request) -> Result<WireReply, S::Error> {
        self.1.add(format!(
            "{} {} {} one-way {} served {} idempotent {:?} id {:?} tag {:?} soon {}",
            request.subject(),
            request.service(),
            request.method(),
            request.is_one_way(),
            request.context().is_some(),
            request
                .endpoint()
                .map(|endpoint| endpoint.options.idempotent),
            request.request_id(),
            request.headers().get("X-Tag"),
            request.time_left() <= Duration::from_secs(5),
        ));
        if let Some(headers) = request.headers_mut() {
            headers.insert("X-Tag", "from a layer");
        }
        self.0.call(request).await
    }
}

#[tokio::test]
async fn a_layer_sees_the_call_and_adds_headers_on_its_way_out() {
    let notes = Notes::default();
    let layer = LookLayer(notes.clone());
    let app = TestApp::run(move |runner| runner.layer(layer).service(Probe::default())).await;
    let client = app.client().clone().layer(LookLayer(notes.clone()));
    let timeout = Duration::from_secs(5);
    let call = client
        .call::<Value>("probe_service.context")
        .timeout(timeout);
    call.await.unwrap();
    let seen = notes.take();
    let about = "probe_service.context probe_service context";
    let out = "one-way false served false idempotent None id None tag None soon true";
    assert_eq!(seen[0], format!("{about} {out}"));
    let begin = format!("{about} one-way false served true idempotent Some(true) id Some(");
    assert!(seen[1].starts_with(&begin), "{}", seen[1]);
    let end = r#"tag Some("from a layer") soon true"#;
    assert!(seen[1].ends_with(end), "{}", seen[1]);

    // A call that goes one way passes the layers of both sides as well.
    let call = client.call("probe_service.count");
    call.send().await.unwrap();
    let mut seen = notes.take();
    eventually("the call arrives", async || {
        seen.extend(notes.take());
        seen.len() == 2
    })
    .await;
    for (seen, served) in seen.iter().zip(["served false", "served true"]) {
        let about = format!("probe_service.count probe_service count one-way true {served}");
        assert!(seen.starts_with(&about), "{seen}");
    }
}

#[tokio::test]
async fn calls_of_methods_pass_the_layers_of_their_runner() {
    let (notes, of_runner) = (Notes::default(), Notes::default());
    let layer = of_runner.layer("nested");
    let app =
        TestApp::run(move |runner| runner.client_layer(layer).service(Probe::default())).await;
    let client = app.client().clone().layer(notes.layer("client"));
    let subject = "probe_service.count";
    let count: u64 = client
        .call("probe_service.relay")
        .arg(subject)
        .await
        .unwrap();
    assert_eq!(count, 1);
    assert_eq!(notes.take(), ["> client", "< client"]);
    assert_eq!(of_runner.take(), ["> nested", "< nested"]);
}

#[tokio::test]
async fn each_try_passes_the_layers() {
    let app = TestApp::start(Probe::default()).await;
    let notes = Notes::default();
    let client = app.client().clone().layer(notes.layer("client"));
    let call = client.call::<()>("probe_service.fail").arg("unavailable");
    call.idempotent().await.unwrap_err();
    assert_eq!(notes.take(), ["> client", "< client"].repeat(3));
}

#[tokio::test]
async fn a_call_that_is_given_up_in_a_layer_is_cancelled() {
    let probe = Probe::default();
    let state = probe.0.clone();
    let layers = (Notes::default().layer("a"), Notes::default().layer("b"));
    let app = TestApp::run(move |runner| runner.layer(layers).service(probe)).await;
    let client = app.client().clone();
    let client = client.layer(TimeoutLayer::new(Duration::from_millis(300)));
    let call = client.call::<()>("probe_service.sleep").arg(60_000);
    let error = call.await.unwrap_err();
    assert_eq!(error.outcome(), Some(Outcome::Unknown));
    // Its service learns of the shorter deadline, and drops it as well.
    eventually("the method is dropped", async || {
        stats(app.url(), "sleep").await["data"]["in_flight"] == 0
    })
    .await;
    assert_eq!(Arc::strong_count(&state), 2, "the service, and this test");
    assert_eq!(state.counted.load(SeqCst), 0);
    // Nobody listens: a layer reads the kind as its caller does.
    let client = client.layer(Notes::default().layer("client"));
    let error = client.call::<()>("nobody.home").await.unwrap_err();
    assert!(matches!(error, CallError::NoService { .. }), "{error}");
    let request = client.request("nobody.home", headers([]), Bytes::new(), PATIENCE);
    let error = request.await.unwrap_err();
    assert!(matches!(error, CallError::NoService { .. }), "{error}");
}
