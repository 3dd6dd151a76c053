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
        Self::start_on(free_port(), config)
    }

    /// Starts it on a port that was found to be free.
    pub(crate) fn start_on(port: u16, config: &str) -> Option<Self> {
        let Some(program) = env::var_os("NATS_SERVER_BIN").filter(|path| !path.is_empty()) else {
            let message = "NATS_SERVER_BIN is not set, so a test that needs a real server is left \
                           out; `make tools` gets it";
            assert!(env::var("CI").as_deref() != Ok("true"), "{message}");
            // Not `eprintln!`: the harness hides what a passing test prints that way.
            let _ = writeln!(io::stderr(), "skipped: {message}");
            return None;
        };
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

    /// Makes the server read another configuration.
    pub(crate) fn reload(&self, config: &str) {
        fs::write(&self.config, config).unwrap();
        self.signal("HUP");
    }

    /// Tells the server that it shall shut down slowly (lame duck mode).
    pub(crate) fn retire(&self) {
        self.signal("USR2");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Returns whether the server has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Returns the URL for whom the server takes without a name.
    pub(crate) fn open_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
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

/// Returns a port that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
