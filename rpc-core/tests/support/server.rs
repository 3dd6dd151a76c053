//! A real nats-server of a test's own, with a configuration that the embedded broker does not know.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// Ends with the test.
pub(crate) struct Server {
    child: Child,
    config: PathBuf,
    port: u16,
}

impl Server {
    /// Starts the server that `NATS_SERVER_BIN` names; without one the test is left out, which is
    /// said on the terminal and is a failure in CI.
    pub(crate) fn start(config: &str) -> Option<Self> {
        let Some(program) = env::var_os("NATS_SERVER_BIN").filter(|path| !path.is_empty()) else {
            let message =
                "NATS_SERVER_BIN is not set, so permissions are not tested; `make tools` gets it";
            assert!(env::var("CI").as_deref() != Ok("true"), "{message}");
            // Not `eprintln!`: the harness hides what a passing test prints that way.
            let _ = writeln!(io::stderr(), "skipped: {message}");
            return None;
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let path = env::temp_dir().join(format!("nats-{}-{port}.conf", std::process::id()));
        fs::write(&path, config).unwrap();
        let child = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-c"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            config: path,
            port,
        };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "the server does not start");
            sleep(Duration::from_millis(5));
        }
        Some(server)
    }

    pub(crate) fn url(&self, user: &str, password: &str) -> String {
        format!("nats://{user}:{password}@127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.config);
    }
}
