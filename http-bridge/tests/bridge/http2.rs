//! HTTP/2 with prior knowledge, on the same port.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use http_bridge::{Config, Limits};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::raw::Connection;
use crate::support::{SOON, Setup};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const NO_SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

async fn connect(setup: &Setup) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(setup.address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn request(setup: &Setup, method: Method, path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", setup.address))
        .body(Full::from(body.to_owned()))
        .unwrap()
}

async fn text<E: std::fmt::Debug>(
    response: Response<impl hyper::body::Body<Data = Bytes, Error = E>>,
) -> String {
    String::from_utf8(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
    .unwrap()
}

#[tokio::test]
async fn calls_share_a_connection() {
    let setup = Setup::new().await;
    let mut client = connect(&setup).await;
    let mut calls = Vec::new();
    for number in 0..50 {
        let call = request(
            &setup,
            Method::POST,
            &setup.path("hello"),
            &format!("[[\"{number}\"]]"),
        );
        calls.push(client.send_request(call));
    }
    for (number, call) in calls.into_iter().enumerate() {
        let response = call.await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(
            text(response).await,
            format!("[[\"Hello, {number}\"], {{}}]")
        );
    }
    let large = format!("[\"{}\"]", "x".repeat(900_000));
    let response = client
        .send_request(request(&setup, Method::POST, &setup.path("echo"), &large))
        .await
        .unwrap();
    assert_eq!(text(response).await.len(), large.len() + "[[], {}]".len());
}

#[tokio::test]
async fn refusals_are_the_same_as_in_http1() {
    let setup = Setup::new().await;
    let mut client = connect(&setup).await;
    let two_mib = format!("[\"{}\"]", "x".repeat(2 * 1024 * 1024));
    let long = format!("/{}", "a".repeat(9_000));
    for (method, path, body, status) in [
        (Method::POST, "/no_such.method", "[]", 404),
        (Method::POST, "/$SYS.REQ.SERVER.PING", "[]", 404),
        (Method::GET, &*setup.path("hello"), "", 405),
        (Method::POST, &setup.path("hello"), "not json", 400),
        (Method::POST, &setup.path("hello"), &two_mib, 413),
        (Method::POST, &setup.path("gone"), "[]", 503),
        (Method::GET, &long, "", 414),
        (Method::GET, "/livez", "", 200),
    ] {
        let response = client
            .send_request(request(&setup, method, path, body))
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{path}");
        if status != 200 {
            let problem: Value = serde_json::from_str(&text(response).await).unwrap();
            assert_eq!(problem["status"], status, "{problem}");
        }
    }
    let mut foreign = request(&setup, Method::POST, &setup.path("hello"), "[]");
    *foreign.uri_mut() = format!("http://evil.example{}", setup.path("hello"))
        .parse()
        .unwrap();
    assert_eq!(client.send_request(foreign).await.unwrap().status(), 421);
    let mut many = request(&setup, Method::POST, &setup.path("hello"), "[]");
    for number in 0..70 {
        many.headers_mut().insert(
            format!("x-{number}")
                .parse::<hyper::header::HeaderName>()
                .unwrap(),
            "y".parse().unwrap(),
        );
    }
    assert_eq!(client.send_request(many).await.unwrap().status(), 431);
    let head = client
        .send_request(request(&setup, Method::HEAD, "/livez", ""))
        .await
        .unwrap();
    assert!(head.headers().contains_key("content-length"));
    assert_eq!(text(head).await, "");
    setup.assert_healthy().await;
}

#[tokio::test]
async fn a_dropped_request_gives_its_place_back() {
    let setup = Setup::with_limits(Limits {
        requests_in_flight: 1,
        ..Limits::default()
    })
    .await;
    let mut client = connect(&setup).await;
    let call = client.send_request(request(&setup, Method::POST, &setup.path("wait"), "[]"));
    let call = tokio::spawn(call);
    setup.service.arrived.notified().await;
    call.abort();
    while setup.send(setup.post("hello", "", "[]")).await.status == 503 {}
    setup.assert_healthy().await;
}

#[tokio::test]
async fn half_a_greeting_silence_and_idleness_end() {
    let time = Duration::from_millis(200);
    let setup = Setup::with_limits(Limits {
        header_time: time,
        idle_time: time,
        ..Limits::default()
    })
    .await;
    for start in [
        PREFACE,
        &[PREFACE, NO_SETTINGS].concat(),
        &[PREFACE, b"garbage, not a frame"].concat(),
    ] {
        let mut connection = Connection::open(setup.address).await;
        connection.send(start).await;
        connection.rest().await;
        setup.assert_healthy().await;
    }
    let mut client = connect(&setup).await;
    let call = request(&setup, Method::POST, &setup.path("hello"), "[]");
    assert_eq!(client.send_request(call).await.unwrap().status(), 200);
    let closed = async {
        while client.ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, closed)
        .await
        .expect("an idle connection is closed");
}

#[tokio::test]
async fn draining_finishes_what_runs() {
    let mut setup = Setup::new().await;
    let mut client = connect(&setup).await;
    let call = tokio::spawn(client.send_request(request(
        &setup,
        Method::POST,
        &setup.path("wait"),
        "[[\"Bob\"]]",
    )));
    setup.service.arrived.notified().await;
    setup.stop();
    while TcpStream::connect(setup.address).await.is_ok() {}
    setup.service.release.notify_one();
    assert_eq!(
        text(call.await.unwrap().unwrap()).await,
        "[[\"Hello, Bob\"], {}]"
    );
    setup.stopped().await;
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answers_is_closed() {
    let time = Duration::from_millis(100);
    let setup = Setup::with(Config {
        call_timeout: time,
        limits: Limits {
            body_time: time,
            ..Limits::default()
        },
        ..Config::default()
    })
    .await;
    let stream = TcpStream::connect(setup.address).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(0)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let call = request(&setup, Method::POST, &setup.path("hello"), "[]");
    let response = client.send_request(call).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.is_err());
    let _ = tokio::time::timeout(SOON, connection)
        .await
        .expect("the connection is closed");
    setup.assert_healthy().await;
}
