//! Logs for programs that set up none of their own.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

/// Sends logs to standard error, filtered by `RUST_LOG` (`info` by default), in colour on a
/// terminal unless `NO_COLOR` is set. Does nothing when the program has set up logs already.
pub fn init() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,async_nats=warn"));
    let colour =
        stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(colour)
        .try_init();
}
