//! Guarantees that no single order of bytes can show: who of many gets what.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rpc_broker::{Config, EmbeddedBroker};

use crate::reference::{self, Reference};
use crate::transcript::Settings;
use crate::wire::Wire;

/// Plays against the embedded broker, and against the reference server where
/// there is one.
fn against_both(play: fn(SocketAddr)) {
    let config = Config {
        port: 0,
        ..Config::default()
    };
    let broker = EmbeddedBroker::start(config).expect("a free loopback port");
    play(broker.address());
    if let Some(binary) = reference::binary() {
        play(Reference::start(&binary, &Settings::default()).address);
    }
}

/// Counts the lines that start with each of the words.
fn count(bytes: &[u8], words: &[&'static str]) -> BTreeMap<&'static str, usize> {
    let text = String::from_utf8_lossy(bytes);
    words
        .iter()
        .map(|word| {
            (
                *word,
                text.lines().filter(|line| line.starts_with(word)).count(),
            )
        })
        .collect()
}

#[test]
fn one_member_of_a_queue_group_gets_each_message_across_filters() {
    against_both(|address| {
        let mut members = Wire::open_quiet(address);
        members.send(b"SUB foo.bar q 1\r\nSUB foo.* q 2\r\nSUB > q 3\r\nSUB foo.bar other 4\r\n");
        members.sync();
        let mut publisher = Wire::open_quiet(address);
        publisher.send("PUB foo.bar 0\r\n\r\n".repeat(600).as_bytes());
        publisher.sync();
        let got = members.finish().expect("all deliveries");
        let counts = count(
            &got,
            &[
                "MSG foo.bar 1 ",
                "MSG foo.bar 2 ",
                "MSG foo.bar 3 ",
                "MSG foo.bar 4 ",
            ],
        );
        let counts: Vec<_> = counts.into_values().collect();
        assert_eq!(counts[..3].iter().sum::<usize>(), 600, "{counts:?}");
        assert_eq!(counts[3], 600, "{counts:?}");
        // 200 each on average; the chance of fewer than 100 is below 1e-12.
        assert!(counts[..3].iter().all(|&count| count > 100), "{counts:?}");
    });
}

#[test]
fn a_member_that_left_gets_nothing_and_the_others_get_all() {
    against_both(|address| {
        let mut gone = Wire::open_quiet(address);
        gone.send(b"SUB foo q 1\r\nUNSUB 1 1\r\n");
        gone.sync();
        let mut stays = Wire::open_quiet(address);
        stays.send(b"SUB foo q 1\r\n");
        stays.sync();
        let mut publisher = Wire::open_quiet(address);
        publisher.send("PUB foo 0\r\n\r\n".repeat(100).as_bytes());
        publisher.sync();
        let total: usize = [&mut gone, &mut stays]
            .map(|wire| count(&wire.finish().expect("deliveries"), &["MSG"])["MSG"])
            .iter()
            .sum();
        assert_eq!(total, 100);
    });
}

#[test]
fn messages_of_one_publisher_arrive_in_order_at_every_subscriber() {
    against_both(|address| {
        let mut subscribers: Vec<_> = (0..20).map(|_| Wire::open_quiet(address)).collect();
        for subscriber in &mut subscribers {
            subscriber.send(b"SUB n.> 1\r\n");
            subscriber.sync();
        }
        let mut publisher = Wire::open_quiet(address);
        let mut expected = String::new();
        for number in 0..500 {
            let length = number.to_string().len();
            publisher.send(format!("PUB n.{} {length}\r\n{number}\r\n", number % 3).as_bytes());
            expected += &format!("MSG n.{} 1 {length}\r\n{number}\r\n", number % 3);
        }
        publisher.sync();
        // Routed before the publisher's PONG: nothing is left to wait for.
        for subscriber in &mut subscribers {
            let got = subscriber.finish().expect("all deliveries");
            assert_eq!(String::from_utf8_lossy(&got), expected);
        }
    });
}

#[test]
fn a_subscription_ends_with_its_connection() {
    against_both(|address| {
        let mut listener = Wire::open_quiet(address);
        listener.send(b"SUB foo 1\r\n");
        listener.sync();
        listener.finish().expect("the server closes too");
        let mut requester = Wire::open(address);
        requester.send(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n");
        requester.send(b"SUB inbox 1\r\nPUB foo inbox 0\r\n\r\n");
        requester
            .expect(b"HMSG inbox 1 35 35\r\nNATS/1.0 503\r\nNats-Subject: foo\r\n\r\n\r\n")
            .expect("nobody listens any more");
    });
}

#[test]
fn a_filter_of_two_thousand_tokens_is_as_good_as_any() {
    against_both(|address| {
        let subject = vec!["a"; 2000].join(".");
        let mut wire = Wire::open_quiet(address);
        wire.send(
            format!("SUB {subject} 1\r\nPUB {subject} 0\r\n\r\nUNSUB 1\r\nPUB {subject} 0\r\n\r\n")
                .as_bytes(),
        );
        let message = format!("MSG {subject} 1 0\r\n\r\n");
        wire.expect(message.as_bytes()).expect("one message");
        wire.sync();
    });
}
