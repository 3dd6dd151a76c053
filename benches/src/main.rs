//! Compares calls through this framework with raw async-nats, in one run on one machine.
//!
//! ```console
//! $ cargo run --release -p benches --bin compare -- --quick
//! ```
//!
//! Read it in this order: `contenders.rs` lists what is compared, `measure.rs` runs one contender
//! after the other, `load.rs` makes the calls, `report/` prints what came out. Every broker,
//! service, bridge and client is a process of its own, this program started with a hidden
//! subcommand: `processes.rs` starts and ends them, `workers/` is what they do.

mod contenders;
mod load;
mod measure;
mod options;
mod processes;
mod progress;
mod report;
mod workers;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::measure::Run;
use crate::options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.worker {
        Some(worker) => worker.run(),
        None => compare(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn compare(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let plan = options.plan()?;
    // Whoever loses this race is dropped, and with it every process that it started.
    let run: Run = tokio::select! {
        run = measure::run(&plan) => run?,
        () = rpc_core::stop_signal() => {
            eprintln!("\ncompare: stopped");
            return Ok(ExitCode::from(130));
        }
    };
    let text = match options.json {
        true => report::json(&plan, &run)?,
        false => report::text(&plan, &run),
    };
    // A reader that has seen enough, such as `head`, is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}
