//! The demo and the services as programs: what they print, how they start, fail and end.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use support::http::{begin_call, request};
use support::{Process, Stack, demo, url_in};

const BOB_ROSS: &str = r#"[["Bob"], {"last_name": "Ross"}]"#;

#[test]
fn the_first_request_is_answered_within_a_second_of_the_start() {
    let start = Instant::now();
    let stack = Stack::on_the_embedded_broker();
    let http = stack.http.as_deref().expect("the demo has a bridge");
    let answer = request(http, "POST", "/greeting_service.hello", BOB_ROSS);
    assert_eq!(answer, (200, r#"[["Hello, Bob Ross"], {}]"#.to_owned()));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        start.elapsed()
    );
}

#[test]
fn a_sleeping_call_does_not_delay_others() {
    let stack = Stack::on_the_embedded_broker();
    let http = stack
        .http
        .as_deref()
        .expect("the demo has a bridge")
        .to_owned();
    let sleeping = std::thread::spawn({
        let http = http.clone();
        move || {
            let start = Instant::now();
            let body = r#"[[], {"name": "Sleepy Bob"}]"#;
            let answer = request(&http, "POST", "/greeting_service.hello_sleep", body);
            (answer, start.elapsed())
        }
    });
    let mut answered = 0;
    while !sleeping.is_finished() {
        let start = Instant::now();
        let answer = request(&http, "POST", "/greeting_service.hello", r#"[["Bob"]]"#);
        assert_eq!(answer, (200, r#"[["Hello, Bob"], {}]"#.to_owned()));
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "it waited for the sleeping call"
        );
        answered += 1;
    }
    let (answer, took) = sleeping.join().expect("the sleeping call ends");
    assert_eq!(answer, (200, r#"[["Hello, Sleepy Bob"], {}]"#.to_owned()));
    assert!(took >= Duration::from_secs(10), "it slept only {took:?}");
    assert!(
        answered > 10,
        "only {answered} calls were answered meanwhile"
    );
}

#[test]
fn the_demo_says_what_it_started_and_ends_well_on_sigterm() {
    let mut process = Process::start(&mut demo(&[]));
    let ready = process.wait_for_line("READY");
    let (nats, http) = (url_in(&ready, "nats://"), url_in(&ready, "http://"));
    let (status, lines) = process.terminate();
    assert_eq!(status, Some(0), "{lines:?}");
    assert_eq!(
        lines.iter().filter(|line| line.contains("READY")).count(),
        1,
        "{lines:?}"
    );
    let commands: Vec<_> = lines.iter().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(commands.len(), 3, "{lines:?}");
    assert!(
        commands
            .iter()
            .all(|line| line.contains(&nats) || line.contains(&http))
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_demo_takes_less_than_40_mb() {
    let mut process = Process::start(&mut demo(&[]));
    process.wait_for_line("READY");
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.expect("Linux says what a process takes");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("its resident size");
    let kilobytes: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .expect("a number");
    assert!(kilobytes < 40_000, "{line}");
}

#[test]
fn a_port_in_use_is_named_with_the_flag_that_helps() {
    let first = Stack::on_the_embedded_broker();
    let taken = [
        (
            "--http",
            first
                .http
                .as_deref()
                .expect("the demo has a bridge")
                .trim_start_matches("http://"),
        ),
        ("--nats", first.nats.trim_start_matches("nats://")),
    ];
    for (flag, address) in taken {
        let (status, lines) = Process::start(&mut demo(&[flag, address])).wait();
        let expected = format!(
            "error: {address} is already in use; stop what listens there or choose another port with {flag}"
        );
        assert_eq!(status, Some(1), "{lines:?}");
        assert!(lines.contains(&expected), "{lines:?}");
    }
}

#[test]
fn nats_url_replaces_the_embedded_broker() {
    let first = Stack::on_the_embedded_broker();
    let mut second = Process::start(demo(&[]).env("NATS_URL", &first.nats));
    let ready = second.wait_for_line("READY");
    assert_eq!(url_in(&ready, "nats://"), first.nats);
    let (_, lines) = second.terminate();
    assert!(
        !lines.iter().any(|line| line.contains("embedded")),
        "{lines:?}"
    );
}

#[test]
fn services_alone_wait_for_their_server_and_end_well_on_sigterm() {
    let broker = Stack::on_the_embedded_broker();
    let mut services =
        Process::start(Command::new(env!("CARGO_BIN_EXE_services")).env("NATS_URL", &broker.nats));
    services.wait_for_line("READY");
    let (status, lines) = services.terminate();
    assert_eq!(status, Some(0), "{lines:?}");
    assert_eq!(
        lines.iter().filter(|line| line.contains("READY")).count(),
        1,
        "{lines:?}"
    );
}

#[test]
fn a_sigterm_that_comes_with_ready_is_not_lost() {
    let broker = Stack::on_the_embedded_broker();
    for _ in 0..5 {
        let mut services = Command::new(env!("CARGO_BIN_EXE_services"));
        for command in [&mut demo(&[]), services.env("NATS_URL", &broker.nats)] {
            let mut process = Process::start(command);
            process.wait_for_line("READY");
            let (status, lines) = process.terminate();
            assert_eq!(status, Some(0), "{lines:?}");
        }
    }
}

#[test]
fn a_second_sigterm_ends_the_demo_at_once() {
    let mut process = Process::start(&mut demo(&[]));
    let http = url_in(&process.wait_for_line("READY"), "http://");
    // The first one waits for this call, whose body never comes.
    let _call = begin_call(&http, "/greeting_service.hello", 10);
    process.send_sigterm();
    process.wait_for_line("draining");
    let (status, lines) = process.terminate();
    assert_eq!(status, Some(128 + 15), "{lines:?}");
}
