//! Clients that do not read cost themselves the connection, and others
//! nothing.

use std::time::Duration;

use rpc_broker::{Config, EmbeddedBroker, Handle};

use crate::wire::Wire;

fn start(max_pending: usize) -> Handle {
    let config = Config {
        port: 0,
        max_pending,
        ..Config::default()
    };
    EmbeddedBroker::start(config).expect("a free loopback port")
}

#[test]
fn a_slow_consumer_is_closed_silently_and_others_are_unaffected() {
    let broker = start(1024 * 1024);
    let mut slow = Wire::open_quiet(broker.address());
    slow.send(b"SUB flood 1\r\nSUB calm 2\r\n");
    slow.sync();
    let mut other = Wire::open_quiet(broker.address());
    other.send(b"SUB calm 1\r\n");
    other.sync();
    let mut publisher = Wire::open_quiet(broker.address());
    let message = format!("PUB flood 65536\r\n{}\r\n", "x".repeat(65_536));
    // Far more than the limit and the buffers of both sockets together.
    for _ in 0..512 {
        publisher.send(message.as_bytes());
    }
    publisher.send(b"PUB calm 2\r\nhi\r\n");
    publisher.sync();
    other
        .expect(b"MSG calm 1 2\r\nhi\r\n")
        .expect("the others go on");
    let got = slow.read_to_end().expect("the connection ends");
    assert!(got.starts_with(b"MSG flood 1 65536\r\nxxx"));
    assert!(got.len() < 512 * 65_536, "the rest was dropped");
    let without_payload: Vec<u8> = got.into_iter().filter(|&byte| byte != b'x').collect();
    let text = String::from_utf8_lossy(&without_payload);
    assert!(!text.contains("-ERR") && !text.contains("calm"), "{text}");
}

#[test]
fn below_the_limit_a_late_reader_slows_its_publisher_down_and_loses_nothing() {
    let broker = start(40 * 1024 * 1024);
    let mut late = Wire::open_quiet(broker.address());
    late.send(b"SUB flood 1\r\n");
    late.sync();
    let body = "x".repeat(65_536);
    let mut publisher = Wire::open_quiet(broker.address());
    // Past three quarters of the limit, where the broker holds the publisher
    // back, whatever the sockets' buffers take.
    for _ in 0..620 {
        publisher.send(format!("PUB flood 65536\r\n{body}\r\n").as_bytes());
    }
    publisher.sync();
    let delivery = format!("MSG flood 1 65536\r\n{body}\r\n");
    late.skip(620 * delivery.len()).expect("every message");
    late.sync();
}

#[test]
fn a_client_that_floods_itself_without_reading_is_closed() {
    let broker = start(64 * 1024);
    let mut wire = Wire::open_quiet(broker.address());
    wire.send(b"SUB foo 1\r\n");
    let message = format!("PUB foo 60000\r\n{}\r\n", "x".repeat(60_000));
    for _ in 0..1024 {
        wire.send(message.as_bytes());
    }
    wire.read_to_end().expect("the connection ends");
}

#[test]
fn a_write_that_makes_no_progress_ends_the_connection() {
    let config = Config {
        port: 0,
        max_pending: 1024 * 1024 * 1024,
        write_deadline: Duration::from_millis(50),
        ..Config::default()
    };
    let broker = EmbeddedBroker::start(config).expect("a free loopback port");
    let mut stuck = Wire::open_quiet(broker.address());
    stuck.send(b"SUB flood 1\r\n");
    stuck.sync();
    let mut publisher = Wire::open(broker.address());
    publisher.send(
        b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB inbox 1\r\n",
    );
    let body = "x".repeat(65_536);
    for _ in 0..512 {
        publisher.send(format!("PUB flood 65536\r\n{body}\r\n").as_bytes());
    }
    // Asks until the broker has noticed: then nobody listens any more.
    let answer = b"HMSG inbox 1 37 37\r\nNATS/1.0 503\r\nNats-Subject: flood\r\n\r\n\r\n";
    loop {
        publisher.send(b"PUB flood inbox 0\r\n\r\nPING\r\n");
        if publisher.expect(b"PONG\r\n").is_err() {
            publisher.expect(answer).expect("no responders");
            break;
        }
    }
}
