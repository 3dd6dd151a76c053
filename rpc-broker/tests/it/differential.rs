//! The same expectations against the real nats-server: what the transcripts
//! say is what a stock server does, not what we believe it does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use rpc_broker::{Config, EmbeddedBroker};

use crate::reference::{self, Reference};
use crate::transcript::{Case, Settings};
use crate::transcripts::FILES;
use crate::wire::Wire;

#[test]
fn the_reference_server_follows_every_transcript() {
    let Some(binary) = reference::binary() else {
        return;
    };
    let mut by_settings: BTreeMap<Settings, Vec<(&str, Case)>> = BTreeMap::new();
    for (file, text) in FILES {
        for case in Case::read_all(text) {
            let cases = by_settings.entry(case.settings.clone()).or_default();
            cases.push((file, case));
        }
    }
    let mut failures = Vec::new();
    for (settings, cases) in by_settings {
        let server = Reference::start(&binary, &settings);
        for (file, case) in cases {
            if let Err(problem) = case.play(server.address) {
                failures.push(format!("{file}: {}\n    {problem}", case.name));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn every_info_key_exists_at_the_reference_server_with_the_same_type() {
    let Some(binary) = reference::binary() else {
        return;
    };
    let server = Reference::start(&binary, &Settings::default());
    let config = Config {
        port: 0,
        ..Config::default()
    };
    let broker = EmbeddedBroker::start(config).expect("a free loopback port");
    let theirs = Wire::open(server.address);
    let ours = Wire::open(broker.address());
    for (key, value) in ours.first_info().as_object().expect("an object") {
        let reference = &theirs.first_info()[key];
        assert_eq!(
            std::mem::discriminant(reference),
            std::mem::discriminant(value),
            "{key}: {reference} there, {value} here"
        );
    }
}

/// One operation of a client, well-formed or not.
fn operation() -> impl Strategy<Value = String> {
    let filter = "(foo|bar|\\*|foo\\*|)(\\.(a|b|\\*)){0,2}(\\.>)?";
    let subject = "(foo|bar|foo\\*|\\*)(\\.(a|b|>|)){0,2}";
    let size = prop_oneof![6 => Just("2"), 2 => Just("02"), 1 => Just("x")];
    prop_oneof![
        8 => (filter, 1..6).prop_map(|(filter, sid)| format!("SUB {filter} {sid}\r\n")),
        // One member only: which of several is chosen is random.
        2 => filter.prop_map(|filter| format!("SUB {filter} q 9\r\n")),
        3 => (1..10, 0..4).prop_map(|(sid, max)| format!("UNSUB {sid} {max}\r\n")),
        1 => (1..10).prop_map(|sid| format!("unsub {sid}\n")),
        12 => (subject, size).prop_map(|(subject, size)| format!("PUB {subject} {size}\r\nhi\r\n")),
        6 => subject.prop_map(|subject| format!("PUB {subject} foo.inbox 0\r\n\r\n")),
        4 => (subject, 0..4).prop_map(|(subject, header)| {
            format!("HPUB {subject} {header} 5\r\nabcde\r\n")
        }),
        2 => Just("PING\r\n".to_owned()),
        3 => (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
            |(verbose, pedantic, echo, headers)| format!(
                "CONNECT {{\"verbose\":{verbose},\"pedantic\":{pedantic},\"echo\":{echo},\
                 \"headers\":{headers},\"no_responders\":{headers},\"protocol\":1}}\r\n"
            )
        ),
        1 => prop_oneof![
            Just("+OK\r\n"), Just("INFO {}\r\n"), Just("SUB foo\r\n"), Just("XYZ"),
            Just("PUB foo 3\r\nhi\r\n"),
            Just("PUB foo 2\r\nhi"), Just("PUB foo 2\r\nhello\r\n"), Just("PUB foo _R_.x 0\r\n\r\n"),
            Just("SUB a _sys_ 7\r\n"), Just("CONNECT 1\r\n"), Just("-ERR\r\n"), Just("PUB foo 9999999\r\n"),
        ].prop_map(str::to_owned),
    ]
}

#[test]
fn random_conversations_get_the_same_answers() {
    let Some(binary) = reference::binary() else {
        return;
    };
    let server = Reference::start(&binary, &Settings::default());
    let config = Config {
        port: 0,
        ..Config::default()
    };
    let broker = EmbeddedBroker::start(config).expect("a free loopback port");
    // Several subscriptions of one client get their copies in any order.
    let answers = |address, conversation: &str| {
        let mut wire = Wire::open(address);
        wire.send(conversation.as_bytes());
        let answers = wire.finish().expect("the end");
        // nats-server repeats this error when a read ends within the message.
        let mut lines: Vec<_> = String::from_utf8_lossy(&answers)
            .split_inclusive("\r\n")
            .filter(|line| !line.contains("Invalid Publish Subject"))
            .map(|line| match line.split_once("foo.inbox ") {
                // Which of several inboxes is told of no responders is open.
                Some(("HMSG ", _)) => "HMSG foo.inbox".to_owned(),
                _ => line.to_owned(),
            })
            .collect();
        lines.sort();
        lines
    };
    let runs = Runs {
        cases: 400,
        failure_persistence: None,
        ..Runs::default()
    };
    TestRunner::new(runs)
        .run(
            &proptest::collection::vec(operation(), 1..25),
            |operations| {
                let conversation = operations.concat();
                let ours = answers(broker.address(), &conversation);
                let theirs = answers(server.address, &conversation);
                prop_assert_eq!(ours, theirs);
                Ok(())
            },
        )
        .unwrap_or_else(|failure| panic!("{failure}"));
}
