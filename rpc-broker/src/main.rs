//! `rpc-broker`: the embedded broker as a program of its own. Once it listens it
//! prints `READY nats://127.0.0.1:4222 …`; SIGINT and SIGTERM stop it.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use rpc_broker::{Config, EmbeddedBroker, StartError};
use tokio::signal::unix::{SignalKind, signal};

/// Runs a core NATS broker on this machine, for development and tests.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Loopback address to listen on
    #[arg(
        short = 'a',
        long,
        env = "RPC_BROKER_HOST",
        default_value = "127.0.0.1"
    )]
    host: String,
    /// Port to listen on; 0 takes a free one
    #[arg(short, long, env = "RPC_BROKER_PORT", default_value_t = 4222)]
    port: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let log = tracing_subscriber::fmt().with_ansi(false);
    log.with_writer(std::io::stderr).init();
    let Err(error) = run(Cli::parse()).await else {
        return ExitCode::SUCCESS;
    };
    let flag = match error.downcast_ref() {
        Some(StartError::AddressInUse { .. }) => " with -p",
        _ => "",
    };
    eprintln!("error: {error}{flag}");
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> Result<(), Box<dyn Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let broker = EmbeddedBroker::start(Config {
        host: cli.host,
        port: cli.port,
        ..Config::default()
    })?;
    let url = broker.url();
    println!("READY {url} (core NATS, no JetStream; stop with Ctrl-C)");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
