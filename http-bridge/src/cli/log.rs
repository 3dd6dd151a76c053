//! How log lines are written.

use std::io::{IsTerminal as _, stderr};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// What is logged unless `RUST_LOG` says otherwise.
const USUAL: &str = "info,async_nats=warn";
/// The lines of requests that went well.
const ACCESS: &str = "http_bridge::access=debug";

/// What to log, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    pub(super) format: LogFormat,
    pub(super) access: bool,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people, in colour on a terminal
    Pretty,
    /// One JSON object a line
    Json,
}

impl Log {
    /// Sends logs to standard error.
    pub(crate) fn init(self) {
        let mut filter =
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
        if self.access {
            let access = ACCESS.parse().expect("a directive, checked by a test");
            filter = filter.add_directive(access);
        }
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(stderr);
        match self.format {
            LogFormat::Json => lines.json().flatten_event(true).init(),
            LogFormat::Pretty => {
                let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                lines.with_ansi(stderr().is_terminal() && !no_colour).init();
            }
        }
    }
}
