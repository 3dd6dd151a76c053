//! Instances of the probe service, each a process, and what they have run.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rpc_core::{Client, Config};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::support::Process;

/// Long enough for any step on a busy machine; nothing waits so long when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Instances of `services --probe` that share a journal.
pub(crate) struct Cluster {
    pub(crate) instances: Vec<Process>,
    url: String,
    journal: PathBuf,
}

impl Cluster {
    /// Starts `count` instances on the server at `url`; returns when all can be called.
    pub(crate) fn start(url: &str, count: usize) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let name = format!("journal-{}-{number}", std::process::id());
        let mut cluster = Self {
            instances: Vec::new(),
            url: url.to_owned(),
            journal: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name),
        };
        cluster.instances = (0..count).map(|_| cluster.launch()).collect();
        cluster
    }

    /// Starts one more instance and waits until it can be called.
    pub(crate) fn launch(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_services"));
        command.arg("--probe").arg("--journal").arg(&self.journal);
        command.env("NATS_URL", &self.url).env_remove("RUST_LOG");
        block_in_place(|| {
            let mut process = Process::start(&mut command);
            process.wait_for_line("READY");
            process
        })
    }

    /// Stops an instance with SIGTERM, which must end well, and starts it again.
    pub(crate) fn restart(&mut self, index: usize) {
        let old = self.instances.remove(index);
        let (status, lines) = block_in_place(|| old.terminate());
        assert_eq!(status, Some(0), "{lines:?}");
        let new = self.launch();
        self.instances.insert(index, new);
    }

    /// Returns the process ids of the instances that ran each key.
    pub(crate) fn ran(&self) -> HashMap<String, Vec<u32>> {
        let journal = fs::read_to_string(&self.journal).unwrap_or_default();
        let mut ran: HashMap<String, Vec<u32>> = HashMap::new();
        for line in journal.lines() {
            let (process, key) = line.split_once(' ').unwrap();
            let processes = ran.entry(key.to_owned()).or_default();
            processes.push(process.parse().unwrap());
        }
        ran
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // First those who write it.
        self.instances.clear();
        let _ = fs::remove_file(&self.journal);
    }
}

pub(crate) async fn connect(url: &str) -> Client {
    let config = Config::new(url).give_up_after(PATIENCE);
    Client::connect(config).await.unwrap()
}

/// Waits until `holds`; the test fails when it does not within [`PATIENCE`].
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}
