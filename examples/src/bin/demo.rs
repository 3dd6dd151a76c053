//! Everything in one process: the embedded broker, the sample services and the HTTP bridge.
//!
//! ```console
//! $ cargo run --release
//! ```

use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;

use clap::Parser;
use examples::greeting_service::GreetingService;
use http_bridge::{BindError, Bridge};
use rpc_broker::{EmbeddedBroker, Handle, StartError};
use rpc_core::{Config, Runner, log, stop_signal};

/// Starts a NATS broker, the sample services and the HTTP bridge in one process.
#[derive(Parser)]
#[command(name = "demo", version)]
struct Options {
    /// Where the HTTP bridge listens; port 0 takes a free one
    #[arg(
        long,
        env = "BRIDGE_LISTEN",
        default_value = "127.0.0.1:5000",
        value_name = "ADDRESS"
    )]
    http: SocketAddr,
    /// Where the embedded broker listens; port 0 takes a free one
    #[arg(
        long,
        env = "BROKER_LISTEN",
        default_value = "127.0.0.1:4222",
        value_name = "ADDRESS"
    )]
    nats: SocketAddr,
    /// Use these NATS servers, separated by commas, and start no broker
    #[arg(long, env = "NATS_URL", value_name = "URL", hide_env_values = true)]
    nats_url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    log::init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_flag(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mut stop = pin!(stop_signal());
    let (broker, nats_url) = match options.nats_url.filter(|url| !url.trim().is_empty()) {
        Some(url) => (None, url),
        None => {
            let broker = start_broker(options.nats)?;
            let url = broker.url();
            (Some(broker), url)
        }
    };
    let bridge_config = http_bridge::Config {
        listen: options.http,
        ..Default::default()
    };

    let config = Config::new(&nats_url);
    let servers = config.to_string();
    let runner = Runner::new(config).service(GreetingService);
    let services = tokio::select! {
        services = runner.start() => services?,
        // Told to stop while it still waited for a server: there is nothing to finish.
        () = &mut stop => return Ok(()),
    };
    let bridge = Bridge::bind(bridge_config, services.client().clone())?;
    introduce(
        &servers,
        broker.is_some(),
        services.names(),
        bridge.local_addr(),
    );

    bridge.serve(stop).await;
    services.stop().await;
    Ok(())
}

fn start_broker(listen: SocketAddr) -> Result<Handle, StartError> {
    EmbeddedBroker::start(rpc_broker::Config {
        host: listen.ip().to_string(),
        port: listen.port(),
        ..Default::default()
    })
}

/// Says what runs and what to try.
fn introduce(nats: &str, embedded: bool, services: &[&str], http: SocketAddr) {
    let broker = if embedded {
        "embedded broker"
    } else {
        "from NATS_URL"
    };
    let services = services.join(", ");
    println!("NATS      {nats} ({broker})");
    println!("services  {services}");
    println!("HTTP      http://{http}");
    println!();
    println!("Try:");
    println!(
        "  curl -X POST 'http://{http}/greeting_service.hello' -d '[[\"Bob\"], {{\"last_name\": \"Ross\"}}]'"
    );
    println!(
        "  curl -X POST 'http://{http}/greeting_service.hello_sleep' -d '[[], {{\"name\": \"Sleepy Bob\"}}]'"
    );
    println!(
        "  nats -s {nats} request greeting_service.hello '[[\"Bob\"], {{\"last_name\": \"Ross\"}}]'"
    );
    println!();
    println!("READY {nats} http://{http}");
}

/// Words an error, with the flag that helps where one does.
fn with_flag(error: &(dyn Error + 'static)) -> String {
    let in_use = |address: &dyn Display, flag| {
        format!(
            "{address} is already in use; stop what listens there or choose another port with {flag}"
        )
    };
    if let Some(BindError::AddressInUse { address }) = error.downcast_ref() {
        return in_use(address, "--http");
    }
    if let Some(StartError::AddressInUse { address }) = error.downcast_ref() {
        return in_use(address, "--nats");
    }
    error.to_string()
}
