//! `rpc-broker`: the embedded broker as a program of its own.
//!
//! ```text
//! $ rpc-broker -p 4222
//! READY nats://127.0.0.1:4222 (core NATS, no JetStream; stop with Ctrl-C)
//! ```

use std::process::ExitCode;

use clap::Parser;
use rpc_broker::{Config, EmbeddedBroker, StartError};
use tracing_subscriber::EnvFilter;

/// Runs a core NATS broker on this machine, for development and tests.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Loopback address to listen on.
    #[arg(
        short = 'a',
        long = "addr",
        env = "RPC_BROKER_HOST",
        default_value = "127.0.0.1"
    )]
    host: String,
    /// Port to listen on; 0 takes a free one.
    #[arg(short, long, env = "RPC_BROKER_PORT", default_value_t = 4222)]
    port: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { host, port } = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into()))
        .with_writer(std::io::stderr)
        .init();
    match run(Config {
        host,
        port,
        ..Config::default()
    })
    .await
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), String> {
    let stop = stop_signal().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let broker = EmbeddedBroker::start(config).map_err(|error| match error {
        StartError::AddressInUse { .. } => {
            format!("{error}; stop what listens there or choose another port with -p")
        }
        _ => error.to_string(),
    })?;
    println!(
        "READY {} (core NATS, no JetStream; stop with Ctrl-C)",
        broker.url()
    );
    stop.await;
    broker.shutdown();
    Ok(())
}

/// Listens for SIGINT and SIGTERM from now on.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    })
}
