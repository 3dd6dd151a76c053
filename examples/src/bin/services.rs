//! The sample services alone, on the servers that `NATS_URL` names.
//!
//! ```console
//! $ NATS_URL=nats://127.0.0.1:4222 cargo run --bin services
//! READY greeting_service
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::FalseyValueParser;
use examples::greeting_service::GreetingService;
use examples::probe_service::{Ledger, ProbeService};
use rpc_core::Runner;

/// Runs the sample services on the NATS servers that `NATS_URL` names.
#[derive(Parser)]
#[command(name = "services", version)]
struct Options {
    /// Also run the service that tests of failures call
    #[arg(long, env = "PROBE", value_parser = FalseyValueParser::new())]
    probe: bool,
    /// Where the probe notes what has run, for instances that share a file
    #[arg(long, env = "PROBE_JOURNAL", value_name = "FILE", requires = "probe")]
    journal: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mut runner = Runner::from_env()?.service(GreetingService);
    if options.probe {
        let ledger = match options.journal {
            Some(path) => Ledger::with_journal(&path)?,
            None => Ledger::default(),
        };
        runner = runner.service(ProbeService::new(ledger));
    }
    Ok(runner.run().await?)
}
