//! async-nats, unchanged, as the client users have.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, HeaderMap, client::RequestErrorKind};
use futures_util::StreamExt;
use rpc_broker::{Auth, Config, EmbeddedBroker, Handle};

fn start(port: u16) -> Handle {
    let config = Config {
        port,
        ..Config::default()
    };
    EmbeddedBroker::start(config).expect("the port is free")
}

/// Answers requests with their own payload and headers.
async fn echo(client: &Client, subject: &'static str, queue: &str) {
    let mut requests = client
        .queue_subscribe(subject, queue.to_owned())
        .await
        .expect("connected");
    let responder = client.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let reply = request.reply.expect("a request");
            let headers = request.headers.unwrap_or_default();
            let _ = responder
                .publish_with_headers(reply, headers, request.payload)
                .await;
        }
    });
    // A round trip: the subscription is visible to everyone now.
    client
        .request(subject, "ready?".into())
        .await
        .expect("ready");
}

#[tokio::test]
async fn requests_are_answered_with_headers() {
    let broker = start(0);
    let service = async_nats::connect(broker.url()).await.expect("connects");
    echo(&service, "echo", "q").await;
    let client = async_nats::connect(broker.url()).await.expect("connects");
    let mut headers = HeaderMap::new();
    headers.insert("Trace", "abc");
    let reply = client
        .request_with_headers("echo", headers, "hello".into())
        .await
        .expect("answered");
    assert_eq!(reply.payload, "hello");
    let headers = reply.headers.expect("headers");
    assert_eq!(
        headers.get("Trace").map(|value| value.as_str()),
        Some("abc")
    );
}

#[tokio::test]
async fn a_request_to_nobody_fails_at_once() {
    let broker = start(0);
    let client = async_nats::ConnectOptions::new()
        .request_timeout(None)
        .connect(broker.url())
        .await
        .expect("connects");
    let error = client
        .request("nobody", "".into())
        .await
        .expect_err("fails");
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
}

#[tokio::test]
async fn a_queue_group_shares_the_requests() {
    let broker = start(0);
    let mut services = Vec::new();
    for _ in 0..3 {
        let service = async_nats::connect(broker.url()).await.expect("connects");
        echo(&service, "echo", "q").await;
        services.push(service);
    }
    let client = async_nats::connect(broker.url()).await.expect("connects");
    let requests = (0..300).map(|number: u32| {
        let client = client.clone();
        async move {
            let payload = number.to_string();
            let reply = client.request("echo", payload.clone().into()).await;
            assert_eq!(reply.expect("answered").payload, payload);
        }
    });
    futures_util::future::join_all(requests).await;
    for service in services {
        let received = &service.statistics().in_messages;
        assert!(received.load(Ordering::Relaxed) > 20);
    }
}

#[tokio::test]
async fn drain_delivers_what_is_under_way() {
    let broker = start(0);
    let client = async_nats::connect(broker.url()).await.expect("connects");
    let mut messages = client.subscribe("foo").await.expect("connected");
    for _ in 0..100 {
        client.publish("foo", "x".into()).await.expect("connected");
    }
    messages.drain().await.expect("connected");
    assert_eq!(messages.count().await, 100);
    client.drain().await.expect("drains");
}

#[tokio::test]
async fn unsubscribe_after_some_messages() {
    let broker = start(0);
    let client = async_nats::connect(broker.url()).await.expect("connects");
    let mut messages = client.subscribe("foo").await.expect("connected");
    messages.unsubscribe_after(2).await.expect("connected");
    for _ in 0..5 {
        client.publish("foo", "x".into()).await.expect("connected");
    }
    assert_eq!(messages.count().await, 2);
}

#[tokio::test]
async fn a_client_comes_back_after_a_restart_on_the_same_port() {
    let broker = start(0);
    let port = broker.port();
    let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let client = async_nats::ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(1))
        .event_callback(move |event| {
            let events = events.clone();
            async move {
                let _ = events.send(event);
            }
        })
        .connect(broker.url())
        .await
        .expect("connects");
    let mut messages = client.subscribe("foo").await.expect("connected");
    client
        .publish("foo", "before".into())
        .await
        .expect("connected");
    assert_eq!(messages.next().await.expect("a message").payload, "before");
    tokio::task::spawn_blocking(move || broker.shutdown())
        .await
        .expect("no panic");
    let _broker = start(port);
    let mut connections = 0;
    while connections < 2 {
        if seen.recv().await.expect("events") == async_nats::Event::Connected {
            connections += 1;
        }
    }
    client
        .publish("foo", "after".into())
        .await
        .expect("connected");
    assert_eq!(messages.next().await.expect("a message").payload, "after");
}

#[tokio::test]
async fn a_token_lets_in_and_its_absence_does_not() {
    let broker = EmbeddedBroker::start(Config {
        port: 0,
        auth: Some(Auth::Token("s3cret".to_owned())),
        ..Config::default()
    })
    .expect("a free loopback port");
    assert!(async_nats::connect(broker.url()).await.is_err());
    let options = async_nats::ConnectOptions::with_token("s3cret".to_owned());
    assert!(options.connect(broker.url()).await.is_ok());
}

#[tokio::test]
async fn large_messages_arrive_whole() {
    let broker = start(0);
    let client = async_nats::connect(broker.url()).await.expect("connects");
    assert_eq!(client.server_info().max_payload, 1024 * 1024);
    let mut messages = client.subscribe("foo").await.expect("connected");
    let payload = vec![b'x'; 1024 * 1024];
    client
        .publish("foo", payload.clone().into())
        .await
        .expect("connected");
    assert_eq!(messages.next().await.expect("a message").payload, payload);
}
