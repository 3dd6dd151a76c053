//! The `rpc-broker` program: what it prints and how it ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::wire::Wire;

struct Program {
    process: Child,
    ready: String,
}

impl Program {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rpc-broker"))
            .args(["--port", "0"])
            .env_remove("APP_ENV")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut ready = String::new();
        BufReader::new(process.stdout.take().expect("stdout is piped"))
            .read_line(&mut ready)
            .expect("a line");
        Self { process, ready }
    }

    fn port(&self) -> u16 {
        let (_, rest) = self.ready.split_once("nats://127.0.0.1:").expect("a URL");
        let (port, _) = rest.split_once(' ').expect("more words");
        port.parse().expect("a port")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn it_says_when_it_is_ready_and_where() {
    let program = Program::start();
    assert!(program.ready.starts_with("READY nats://127.0.0.1:"));
    Wire::open_quiet(([127, 0, 0, 1], program.port()).into()).sync();
}

#[test]
fn a_port_in_use_ends_it_with_one_clear_line() {
    let program = Program::start();
    let port = program.port();
    // The environment names the port where no flag does.
    let second = Command::new(env!("CARGO_BIN_EXE_rpc-broker"))
        .env("RPC_BROKER_PORT", port.to_string())
        .env_remove("APP_ENV")
        .output()
        .expect("the program starts");
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&second.stderr),
        format!(
            "error: 127.0.0.1:{port} is already in use; \
             stop what listens there or choose another port with -p\n"
        )
    );
    assert!(second.stdout.is_empty());
}

#[test]
fn production_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_rpc-broker"))
        .args(["-p", "0"])
        .env("APP_ENV", "production")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("APP_ENV is production"), "{message}");
}
