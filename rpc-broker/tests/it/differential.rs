//! The same expectations against the real nats-server: what the transcripts
//! say is what a stock server does, not what we believe it does.

use std::collections::BTreeMap;

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
