//! The two brokers, and how each of them dies and comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rpc_broker::{EmbeddedBroker, Handle};
use tokio::task::block_in_place;

use crate::support::{Process, nats_server, tool};

/// Which broker a scenario runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Embedded,
    Real,
}

/// A broker that can be killed and started again on its port.
pub(crate) struct Server {
    running: Option<Running>,
    program: PathBuf,
    kind: Kind,
    pub(crate) port: u16,
    /// How often it asks a silent connection whether it lives, from its next launch on; two minutes
    /// by default, on both.
    pub(crate) ping_interval: Option<Duration>,
}

#[expect(dead_code, reason = "both end when they are dropped")]
enum Running {
    Embedded(Handle),
    Real(Process),
}

impl Server {
    /// Starts a broker on a free port, or says that there is none.
    pub(crate) fn start(kind: Kind) -> Option<Self> {
        let program = match kind {
            Kind::Embedded => PathBuf::new(),
            Kind::Real => tool("NATS_SERVER_BIN", "resilience on the real nats-server")?,
        };
        let mut server = Self {
            running: None,
            program,
            kind,
            port: 0,
            ping_interval: None,
        };
        server.launch();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Returns what the figures call it.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Embedded => "embedded",
            Kind::Real => "nats-server",
        }
    }

    /// Kills it: the real one with SIGKILL. The embedded one is a thread of this process, so it
    /// closes its connections and ends.
    pub(crate) fn kill(&mut self) {
        block_in_place(|| self.running = None);
    }

    /// Starts it again, on the same port; returns when it takes connections.
    pub(crate) fn launch(&mut self) {
        let running = match self.kind {
            Kind::Embedded => Running::Embedded(self.launch_embedded()),
            Kind::Real => Running::Real(self.launch_real()),
        };
        self.running = Some(running);
    }

    fn launch_embedded(&mut self) -> Handle {
        let mut config = rpc_broker::Config {
            port: self.port,
            ..Default::default()
        };
        if let Some(interval) = self.ping_interval {
            config.ping_interval = interval;
        }
        let broker = EmbeddedBroker::start(config).unwrap();
        self.port = broker.port();
        broker
    }

    fn launch_real(&mut self) -> Process {
        let port = match self.port {
            0 => "-1".to_owned(),
            port => port.to_string(),
        };
        // There is no flag for it, only a file.
        let text = match self.ping_interval {
            Some(interval) => format!("ping_interval: \"{}ms\"\n", interval.as_millis()),
            None => String::new(),
        };
        let name = format!("nats-server-{}.conf", std::process::id());
        let settings = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&settings, text).unwrap();
        let file = settings.to_string_lossy();
        let (server, url) = nats_server(&self.program, &["-p", &port, "-c", &file]);
        // It has read the file by now.
        let _ = fs::remove_file(&settings);
        self.port = url.rsplit(':').next().unwrap().parse().unwrap();
        server
    }
}
