//! What the suites share that start real programs and talk to them: processes
//! that end with the test, waiting with a deadline, and the tools to compare with.
//!
//! Only `std`: these suites look at our programs from outside.

// Each suite compiles its own copy of this module and uses a part of it.
#![allow(dead_code)]

pub(crate) mod http;

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

impl Process {
    /// Returns the program's process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub(crate) fn send_sigterm(&self) {
        let kill = format!("kill -TERM {}", self.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{kill} failed");
    }

    /// Sends SIGTERM and waits for the end; returns the exit status and all that was printed.
    pub(crate) fn terminate(self) -> (Option<i32>, Vec<String>) {
        self.send_sigterm();
        self.wait()
    }

    /// Waits for the end; returns the exit status and all that was printed.
    pub(crate) fn wait(mut self) -> (Option<i32>, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(time_left(deadline)) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{} did not end in time", self.name),
            }
        }
        let status = self
            .child
            .wait()
            .expect("the child was not waited for before");
        (status.code(), std::mem::take(&mut self.seen))
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
    let (status, lines) = Process::start(command).wait();
    let output: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    assert_eq!(status, Some(0), "{shown} failed and printed:\n{output}");
    output
}

/// Our programs, ready for calls, and where.
pub(crate) struct Stack {
    /// Where NATS listens, for example `nats://127.0.0.1:4222`.
    pub(crate) nats: String,
    /// Where the bridge listens, for example `http://127.0.0.1:5000`; the demo alone has one.
    pub(crate) http: Option<String>,
    // Dropped in this order: first who uses the broker, then the broker.
    services: Process,
    _server: Option<Process>,
}

impl Stack {
    /// Starts the demo with its embedded broker.
    pub(crate) fn on_the_embedded_broker() -> Self {
        let mut demo = Process::start(&mut demo(&[]));
        let ready = demo.wait_for_line("READY");
        Self {
            nats: url_in(&ready, "nats://"),
            http: Some(url_in(&ready, "http://")),
            services: demo,
            _server: None,
        }
    }

    /// Returns the lines that the demo or the services have printed up to `READY`.
    pub(crate) fn printed(&self) -> &[String] {
        &self.services.seen
    }

    /// Starts the services on a real nats-server, or says that there is none.
    pub(crate) fn on_a_real_server() -> Option<Self> {
        let program = tool("NATS_SERVER_BIN", "the real nats-server")?;
        let (server, nats) = nats_server(&program, &["-p", "-1"]);
        let mut services =
            Process::start(Command::new(env!("CARGO_BIN_EXE_services")).env("NATS_URL", &nats));
        services.wait_for_line("READY");
        Some(Self {
            nats,
            http: None,
            services,
            _server: Some(server),
        })
    }
}

/// Returns the demo with every port free to choose, and more arguments.
pub(crate) fn demo(arguments: &[&str]) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    let free = ["--http", "127.0.0.1:0", "--nats", "127.0.0.1:0"];
    // The last of two equal flags would be an error, so a given one replaces the free one.
    for pair in free.chunks(2).filter(|pair| !arguments.contains(&pair[0])) {
        demo.args(pair);
    }
    demo.args(arguments);
    for variable in ["NATS_URL", "BRIDGE_LISTEN", "BROKER_LISTEN"] {
        demo.env_remove(variable);
    }
    demo
}

/// Starts a nats-server with more arguments, and returns its URL. With the port -1 it picks one.
pub(crate) fn nats_server(program: &Path, arguments: &[&str]) -> (Process, String) {
    let mut command = Command::new(program);
    let mut server = Process::start(command.args(["-a", "127.0.0.1"]).args(arguments));
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
pub(crate) fn url_in(line: &str, scheme: &str) -> String {
    let start = line
        .find(scheme)
        .unwrap_or_else(|| panic!("no {scheme} URL in `{line}`"));
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '[' | ']');
    line[start..].chars().take_while(|&c| allowed(c)).collect()
}
