//! The `http-bridge` program: what it prints and how it ends.

use std::net::{SocketAddr, TcpListener};
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::raw::Connection;
use crate::support::{SOON, broker, post};

pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_http-bridge"));
    command
        .args(arguments)
        .env_remove("NATS_URL")
        .env_remove("BRIDGE_LISTEN")
        .env_remove("BRIDGE_CONFIG")
        .env_remove("RUST_LOG");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub async fn outcome(mut command: Command) -> Output {
    timeout(SOON, command.output())
        .await
        .expect("the program ends")
        .unwrap()
}

#[track_caller]
pub fn assert_fails_with(output: &Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let line = stderr.lines().last().unwrap();
    assert!(words.iter().all(|word| line.contains(word)), "{stderr}");
}

pub async fn ready(child: &mut Child) -> SocketAddr {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let line = timeout(SOON, lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    line.strip_prefix("READY http://").unwrap().parse().unwrap()
}

#[tokio::test]
async fn it_says_ready_once_serves_and_ends_well_when_told_to() {
    let (_broker, url) = broker();
    for signal in ["TERM", "INT"] {
        let mut child = program(&["--listen", "127.0.0.1:0", "--nats-url", &url])
            .spawn()
            .unwrap();
        let address = ready(&mut child).await;
        let mut connection = Connection::open(address).await;
        assert_eq!(
            connection
                .exchange("GET /readyz HTTP/1.1\r\n\r\n")
                .await
                .status,
            200
        );
        let pid = child.id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = timeout(SOON, child.wait())
            .await
            .expect("it stops")
            .unwrap();
        assert_eq!(status.code(), Some(0), "{signal}");
        let mut rest = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut rest)
            .await
            .unwrap();
        assert_eq!(rest, "");
    }
}

#[tokio::test]
async fn the_call_timeout_is_taken_from_the_command_line() {
    let (_broker, url) = broker();
    let service = crate::support::service::Service::start(&url).await;
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--nats-url",
        &url,
        "--call-timeout",
        "50ms",
    ];
    let mut child = program(&arguments).spawn().unwrap();
    let address = ready(&mut child).await;
    let mut connection = Connection::open(address).await;
    let answer = connection
        .exchange(post(&format!("/{}.never", service.name), "", "[]"))
        .await;
    answer.assert_problem(504, "deadline_exceeded");
}

#[tokio::test]
async fn a_port_in_use_is_named_together_with_the_flag() {
    let (_broker, url) = broker();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = outcome(program(&["--listen", &address, "--nats-url", &url])).await;
    assert_fails_with(&output, &[&address, "in use", "--listen"]);
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn a_bad_option_is_one_line() {
    for (arguments, word) in [
        (&["--listen", "nonsense"][..], "--listen"),
        (&["--call-timeout", "soon"], "--call-timeout"),
        (&["--call-timeout", "0s"], "--call-timeout"),
        (&["--call-timeout", "500000000000years"], "--call-timeout"),
        (&["--nope"], "--nope"),
        (&["--nats-url", "ftp://x"], "ftp://x"),
        (&["--max-body", "1KB"], "--max-body"),
        (&["--max-headers", "0"], "--max-headers"),
        (&["--expose", "a..b"], "a..b"),
        (&["--profile", "prod"], "--expose"),
        (&["--config", "/no/such/file"], "/no/such/file"),
        (&["--tls-cert", "/no/such/file"], "--tls-key"),
        (
            &[
                "--tls-cert",
                "/no/such/file",
                "--tls-key",
                "/x",
                "--check-config",
            ],
            "/no/such/file",
        ),
        (&["--jwt-keys", "/no/such/file"], "--jwt-issuer"),
        (&["--jwt-audience", "me"], "--jwt-keys"),
        (
            &[
                "--jwt-keys",
                "/no/such/file",
                "--jwt-issuer",
                "me",
                "--jwt-audience",
                "you",
                "--check-config",
            ],
            "/no/such/file",
        ),
        (&["--jwt-algorithm", "none"], "none"),
        (
            &["--metrics", "--metrics-listen", "127.0.0.1:0"],
            "--metrics-listen",
        ),
        (&["--log-format", "xml"], "--log-format"),
        (&["--cors-origin", "*"], "--cors-origin"),
        (&["--rate-limit", "many"], "100/1s"),
        (&["--trusted-proxy", "10.0.0.0/33"], "10.0.0.0/33"),
    ] {
        let output = outcome(program(arguments)).await;
        assert_fails_with(&output, &[word]);
        assert_eq!(
            String::from_utf8_lossy(&output.stderr).lines().count(),
            1,
            "{arguments:?}"
        );
    }
    let help = outcome(program(&["--help"])).await;
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("--call-timeout"));
}
