//! The brokers, one process each.

use std::io::{BufRead as _, BufReader, stdin};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rpc_broker::{Config, EmbeddedBroker};

use super::{Failure, control};

/// Runs the embedded broker until standard input ends.
pub(crate) fn embedded() -> Result<(), Failure> {
    let broker = EmbeddedBroker::start(Config {
        port: 0,
        ..Config::default()
    })?;
    control::ready(&broker.url());
    wait_for_end();
    Ok(())
}

/// Runs nats-server on a free port until standard input ends.
pub(crate) fn nats_server(program: &Path) -> Result<(), Failure> {
    let child = Command::new(program)
        .args(["--addr", "127.0.0.1", "--port", "-1"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let mut server = Server(child);
    let log = server.0.stderr.take().ok_or("nats-server has no log")?;
    let mut lines = BufReader::new(log).lines();
    let url = loop {
        let line = lines.next().ok_or("nats-server ended early")??;
        if let Some((_, address)) = line.split_once("Listening for client connections on ") {
            break format!("nats://{}", address.trim());
        }
    };
    // A full pipe would stop the server, so its log is read on.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    control::ready(&url);
    wait_for_end();
    Ok(())
}

/// The server's process; dropping it ends it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for_end() {
    stdin().lines().map_while(Result::ok).for_each(drop);
}
