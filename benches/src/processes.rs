//! The processes of a measurement: this program again, with a hidden subcommand.
//!
//! One is ready when it prints `READY <address>`. After that it answers each line on its standard
//! input with one line, and ends when that input does: even when this process is killed, nothing
//! stays behind.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long a process may take to start, and to answer beyond the time a load takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running process; dropping it ends it.
pub(crate) struct Process {
    what: String,
    /// What it said when it was ready: where it listens.
    pub(crate) address: String,
    child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts this program with `arguments` and waits until it is ready.
    pub(crate) async fn start(arguments: &[&str]) -> Result<Self, String> {
        let what = arguments.join(" ");
        let failed = |error: std::io::Error| format!("cannot start `{what}`: {error}");
        let mut child = Command::new(own_program().map_err(failed)?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Errors only: that a process ended is no news here. What is off stays as cheap.
            .env("RUST_LOG", "error")
            .env_remove("NATS_URL")
            // The one with a process of its own ends both when its input does; killed, it would
            // leave the server behind.
            .kill_on_drop(arguments.first() != Some(&"nats-server"))
            .spawn()
            .map_err(failed)?;
        let (Some(questions), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("`{what}` has no pipes"));
        };
        let mut process = Self {
            what,
            address: String::new(),
            child,
            questions,
            answers: BufReader::new(output).lines(),
        };
        let ready = process.answer(PATIENCE).await?;
        process.address = match ready.strip_prefix("READY") {
            Some(address) => address.trim().to_owned(),
            None => return Err(format!("`{}` said {ready:?}", process.what)),
        };
        Ok(process)
    }

    /// Asks one line and returns the one that it answers; `time` is what the work itself takes.
    pub(crate) async fn ask(&mut self, question: &str, time: Duration) -> Result<String, String> {
        let line = format!("{question}\n");
        if let Err(error) = self.questions.write_all(line.as_bytes()).await {
            return Err(format!("`{}` has ended: {error}", self.what));
        }
        self.answer(time + PATIENCE).await
    }

    /// Returns how much CPU time it has used, in nanoseconds.
    pub(crate) async fn cpu_nanos(&mut self) -> Result<u64, String> {
        let answer = self.ask("cpu", Duration::ZERO).await?;
        answer
            .parse()
            .map_err(|_| format!("`{}` said {answer:?}", self.what))
    }

    /// Ends it; returns when it is gone.
    pub(crate) async fn end(mut self) {
        drop(self.questions);
        // Its own end first: a worker may have a process of its own to end.
        if timeout(Duration::from_secs(2), self.child.wait())
            .await
            .is_err()
        {
            let _ = self.child.kill().await;
        }
    }

    async fn answer(&mut self, time: Duration) -> Result<String, String> {
        match timeout(time, self.answers.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(Ok(None)) => Err(format!("`{}` ended early", self.what)),
            Ok(Err(error)) => Err(format!("`{}`: {error}", self.what)),
            Err(_) => Err(format!("`{}` did not answer within {time:?}", self.what)),
        }
    }
}

/// Returns this program, even if a new build has replaced its file since it started.
fn own_program() -> std::io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    match running.exists() {
        true => Ok(running),
        false => std::env::current_exe(),
    }
}
