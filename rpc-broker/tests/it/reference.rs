//! The real nats-server, for tests that compare with it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::transcript::Settings;

/// A running nats-server, killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Reference {
    process: Child,
    directory: PathBuf,
    pub(crate) address: SocketAddr,
}

/// Returns the path of the server's binary, from `NATS_SERVER_BIN`.
///
/// Without it, the test that asks says that it was skipped; on CI it fails
/// instead, so that the comparison cannot silently stop happening.
pub(crate) fn binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NATS_SERVER_BIN") {
        return Some(path.into());
    }
    let reason = "NATS_SERVER_BIN does not name a nats-server to compare with";
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{reason}, which CI requires"
    );
    eprintln!("skipped: {reason}");
    None
}

impl Reference {
    /// Starts a server with these settings on a free port.
    pub(crate) fn start(binary: &PathBuf, settings: &Settings) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("rpc-broker-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a temporary directory");
        let file = directory.join("server.conf");
        std::fs::write(&file, settings.to_server_file()).expect("a configuration file");
        let mut process = Command::new(binary)
            .args(["--addr", "127.0.0.1", "--port", "-1", "--config"])
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .expect("NATS_SERVER_BIN starts");
        let log = process.stderr.take().expect("stderr is piped");
        let mut lines = BufReader::new(log).lines().map_while(Result::ok);
        let address = lines
            .by_ref()
            .find_map(|line| {
                let (_, address) = line.split_once("client connections on ")?;
                address.trim().parse().ok()
            })
            .expect("nats-server says where it listens");
        // The log is read to its end, or the server would block on it.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            directory,
            address,
        }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
