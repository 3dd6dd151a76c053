//! What the suites share that start real programs and talk to them: processes
//! that end with the test, waiting with a deadline, and the tools to compare with.
//!
//! Only `std`: these suites look at our programs from outside.

// Each suite compiles its own copy of this module and uses a part of it.
#![allow(dead_code)]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take here. Only a hanging program gets this far, so
/// it is generous to a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the tool that an environment variable names.
///
/// Without one the test has to be left out: that is said on the terminal, and is
/// a failure in CI, where a suite that quietly tests nothing would look green.
pub(crate) fn tool(variable: &str, what: &str) -> Option<PathBuf> {
    if let Some(path) = env::var_os(variable).filter(|value| !value.is_empty()) {
        return Some(path.into());
    }
    let message = format!("{variable} is not set, so {what} is not tested; `make tools` gets it");
    assert!(env::var("CI").as_deref() != Ok("true"), "{message}");
    // Not `eprintln!`: the harness hides what a passing test prints that way.
    let _ = writeln!(io::stderr(), "skipped: {message}");
    None
}

/// A running program and everything it prints; it is killed when this is dropped,
/// be it at the end of a test or in the middle of a failing one.
pub(crate) struct Process {
    child: Child,
    name: String,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts a program without input.
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        // Both streams into one channel: which of them carries the log is none of
        // our business, and a pipe that nobody reads would stop the program.
        let (sender, lines) = mpsc::channel();
        forward(
            child.stdout.take().expect("was piped above"),
            sender.clone(),
        );
        forward(child.stderr.take().expect("was piped above"), sender);
        Self {
            child,
            name,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line that contains `text` and returns it.
    pub(crate) fn wait_for_line(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(time_left(deadline)) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(why) => panic!(
                    "{} did not print `{text}` ({why}); it printed:\n{}",
                    self.name,
                    self.seen.join("\n")
                ),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only when it has already ended, which is what we want of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Nobody waits any more: keep reading all the same, so that the
            // program is not stopped by a full pipe.
            let _ = sender.send(line);
        }
    });
}

fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Runs a program to its end and returns what it printed, on both streams; it must
/// succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let mut process = Process::start(command);
    let deadline = Instant::now() + PATIENCE;
    let mut output = String::new();
    loop {
        match process.lines.recv_timeout(time_left(deadline)) {
            Ok(line) => {
                output.push_str(&line);
                output.push('\n');
            }
            // Both streams are closed: the program is at its end.
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{shown} did not end in time; it printed:\n{output}")
            }
        }
    }
    let status = process
        .child
        .wait()
        .expect("the child was not waited for before");
    assert!(
        status.success(),
        "{shown} ended with {status} and printed:\n{output}"
    );
    output
}

/// Our programs, ready for calls, and where.
pub(crate) struct Stack {
    /// Where NATS listens, for example `nats://127.0.0.1:4222`.
    pub(crate) nats: String,
    // Dropped in this order: first who uses the broker, then the broker.
    _services: Process,
    _server: Option<Process>,
}

impl Stack {
    /// Starts the demo with its embedded broker.
    pub(crate) fn on_the_embedded_broker() -> Self {
        let mut demo = Process::start(
            Command::new(env!("CARGO_BIN_EXE_demo"))
                .args(["--http", "127.0.0.1:0", "--nats", "127.0.0.1:0"])
                // It would be used instead of the embedded broker.
                .env_remove("NATS_URL"),
        );
        let ready = demo.wait_for_line("READY");
        let nats = url_in(&ready, "nats://");
        // The line promises both; the bridge has suites of its own.
        url_in(&ready, "http://");
        Self {
            nats,
            _services: demo,
            _server: None,
        }
    }

    /// Starts the services on a real nats-server, or says that there is none.
    pub(crate) fn on_a_real_server() -> Option<Self> {
        let (server, nats) = nats_server(&tool("NATS_SERVER_BIN", "the real nats-server")?);
        let mut services =
            Process::start(Command::new(env!("CARGO_BIN_EXE_services")).env("NATS_URL", &nats));
        services.wait_for_line("READY");
        Some(Self {
            nats,
            _services: services,
            _server: Some(server),
        })
    }
}

/// Starts a nats-server on a port that it picks, and returns its URL.
fn nats_server(program: &Path) -> (Process, String) {
    let mut server = Process::start(Command::new(program).args(["-a", "127.0.0.1", "-p", "-1"]));
    let listening = server.wait_for_line("Listening for client connections on ");
    server.wait_for_line("Server is ready");
    let address = listening
        .rsplit(' ')
        .next()
        .expect("rsplit yields at least one item");
    (server, format!("nats://{address}"))
}

/// Returns an empty home for a program whose settings must not come from the
/// developer's own.
pub(crate) fn empty_home() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty-home");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

/// Returns the URL with this scheme from a line of text.
fn url_in(line: &str, scheme: &str) -> String {
    let start = line
        .find(scheme)
        .unwrap_or_else(|| panic!("no {scheme} URL in `{line}`"));
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '[' | ']');
    line[start..].chars().take_while(|&c| allowed(c)).collect()
}
