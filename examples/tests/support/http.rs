//! As much of an HTTP client as these suites need: one request on one connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Sends one request to a bridge, `http://host:port`, and returns the status and the body.
pub(crate) fn request(bridge: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let address = bridge.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the bridge listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a time-out can be set");
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    write!(
        stream,
        "{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("the bridge reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the bridge answers");
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    (
        status.expect("a status line"),
        body.expect("an end of the headers"),
    )
}

/// Begins a call and returns when the bridge waits for its body: from then on it is in flight.
pub(crate) fn begin_call(bridge: &str, path: &str, length: usize) -> TcpStream {
    let address = bridge.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the bridge listens");
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nExpect: 100-continue\r\n");
    write!(
        stream,
        "{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    .expect("the bridge reads");
    let mut line = [0; 25];
    stream.read_exact(&mut line).expect("the bridge answers");
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}
