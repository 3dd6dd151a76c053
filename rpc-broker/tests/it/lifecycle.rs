//! Starting, stopping, and what clients see of it.

use std::time::Duration;

use rpc_broker::{Config, EmbeddedBroker, Handle, StartError};

use crate::wire::Wire;

fn config() -> Config {
    Config {
        port: 0,
        ..Config::default()
    }
}

fn start(config: Config) -> Handle {
    EmbeddedBroker::start(config).expect("a free loopback port")
}

#[test]
fn a_port_in_use_is_named() {
    let first = start(config());
    let error = EmbeddedBroker::start(Config {
        port: first.port(),
        ..config()
    })
    .expect_err("the port is taken");
    assert!(matches!(error, StartError::AddressInUse { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "127.0.0.1:{} is already in use; stop what listens there or choose another port",
            first.port()
        )
    );
}

#[test]
fn other_machines_are_not_served() {
    let error = EmbeddedBroker::start(Config {
        host: "0.0.0.0".to_owned(),
        ..config()
    })
    .expect_err("not a loopback address");
    assert!(matches!(error, StartError::NotLoopback { .. }));
}

#[test]
fn the_port_is_free_again_after_shutdown_and_after_drop() {
    let first = start(config());
    let port = first.port();
    let mut wire = Wire::open_quiet(first.address());
    first.shutdown();
    first.shutdown();
    assert_eq!(wire.read_to_end(), Ok(Vec::new()));
    let second = start(Config { port, ..config() });
    let mut wire = Wire::open_quiet(second.address());
    drop(second);
    assert_eq!(wire.read_to_end(), Ok(Vec::new()));
    start(Config { port, ..config() });
}

#[test]
fn shutdown_delivers_what_was_routed() {
    let broker = start(config());
    let mut subscriber = Wire::open_quiet(broker.address());
    subscriber.send(b"SUB foo 1\r\n");
    subscriber.sync();
    let mut publisher = Wire::open_quiet(broker.address());
    publisher.send("PUB foo 2\r\nhi\r\n".repeat(1000).as_bytes());
    publisher.sync();
    broker.shutdown();
    let got = subscriber.read_to_end().expect("the end");
    assert_eq!(got, b"MSG foo 1 2\r\nhi\r\n".repeat(1000));
}

#[test]
fn shutdown_does_not_wait_for_clients_that_do_not_read() {
    let broker = start(config());
    let mut stuck = Wire::open_quiet(broker.address());
    stuck.send(b"SUB foo 1\r\n");
    stuck.sync();
    let mut publisher = Wire::open_quiet(broker.address());
    publisher.send(
        format!("PUB foo 1000000\r\n{}\r\n", "x".repeat(1_000_000))
            .repeat(12)
            .as_bytes(),
    );
    publisher.sync();
    broker.shutdown();
    let mut stuck = stuck;
    stuck.read_to_end().expect("the end");
}

#[test]
fn a_lame_duck_tells_clients_that_follow_info_and_lets_them_finish() {
    let broker = start(Config {
        lame_duck_grace: Duration::from_secs(3600),
        ..config()
    });
    let mut follows = Wire::open(broker.address());
    follows.send(b"CONNECT {\"verbose\":false,\"protocol\":1}\r\nSUB foo 1\r\nPING\r\n");
    follows
        .expect(b"PONG\r\nINFO connect_info=true remote_account=\"$G\"\r\n")
        .expect("the first PONG");
    let mut old = Wire::open_quiet(broker.address());
    broker.lame_duck();
    follows.expect(b"INFO ldm=true\r\n").expect("the notice");
    old.send(b"PUB foo 2\r\nhi\r\n");
    old.sync();
    follows
        .expect(b"MSG foo 1 2\r\nhi\r\n")
        .expect("service as usual");
    assert!(std::net::TcpStream::connect(broker.address()).is_err());
    follows.finish().expect("the broker closes too");
    old.finish().expect("the broker closes too");
    broker.shutdown();
}

#[test]
fn a_lame_duck_stops_after_its_grace() {
    let broker = start(Config {
        lame_duck_grace: Duration::ZERO,
        ..config()
    });
    let mut wire = Wire::open_quiet(broker.address());
    broker.lame_duck();
    assert_eq!(wire.read_to_end(), Ok(Vec::new()));
}

#[test]
fn info_says_who_and_where() {
    let broker = start(config());
    let first = Wire::open(broker.address());
    let second = Wire::open(broker.address());
    let info = first.first_info();
    assert_eq!(info["port"], broker.port());
    assert_eq!(info["host"], "127.0.0.1");
    assert_eq!(info["client_ip"], "127.0.0.1");
    assert_eq!(info["version"], "2.15.1-embedded");
    assert_eq!(
        info["server_name"],
        format!("rpc-embedded-{}", std::process::id())
    );
    assert_eq!(info["server_id"], second.first_info()["server_id"]);
    assert_ne!(info["client_id"], second.first_info()["client_id"]);
}
