//! The bridge as a program: `http-bridge --listen 127.0.0.1:5000`.

mod cli;

use std::pin::pin;
use std::process::ExitCode;

use http_bridge::Bridge;
use rpc_core::Client;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// One thread: a request and its reply stay on it, which is worth more than a second one.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = match cli::Options::read() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    settings.log.init();
    run(settings)
        .await
        .map_or_else(|error| cli::fail(&*error), |()| ExitCode::SUCCESS)
}

async fn run(settings: cli::Settings) -> Result<(), Box<dyn std::error::Error>> {
    let mut stop = pin!(rpc_core::stop_signal());
    let client = tokio::select! {
        client = Client::connect(settings.nats) => client?,
        // Told to stop before there was anything to drain.
        () = &mut stop => return Ok(()),
    };
    let bridge = Bridge::bind(settings.bridge, client)?;
    println!("READY {}", bridge.url());
    bridge.serve(stop).await;
    Ok(())
}
