//! The sample services alone, on the servers that `NATS_URL` names.
//!
//! ```console
//! $ NATS_URL=nats://127.0.0.1:4222 cargo run --bin services
//! READY greeting_service
//! ```

use std::process::ExitCode;

use examples::greeting_service::GreetingService;
use rpc_core::Runner;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> rpc_core::Result<()> {
    Runner::from_env()?.service(GreetingService).run().await
}
