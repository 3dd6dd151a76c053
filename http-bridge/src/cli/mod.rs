//! The program's options.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;

/// Puts NATS services on the web: POST /<service>.<method> becomes a NATS request.
#[derive(Debug, Parser)]
#[command(name = "http-bridge", version)]
pub(crate) struct Options {
    /// The address to listen on
    #[arg(
        long,
        env = "BRIDGE_LISTEN",
        default_value = "127.0.0.1:5000",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,
    /// The NATS servers, separated by commas
    #[arg(long, env = "NATS_URL", default_value = rpc_core::Config::DEFAULT_SERVER, value_name = "URL", hide_env_values = true)]
    nats_url: String,
    /// The longest a call may take, such as 2s or 500ms
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    call_timeout: Duration,
    /// A host name to answer to besides localhost, when a proxy on this machine passes it on
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
}

impl Options {
    /// Reads the command line and the environment; help ends the program well, a mistake ends it
    /// with one line.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                print!("{error}");
                ExitCode::SUCCESS
            }
            _ => {
                let text = error.to_string();
                eprintln!("http-bridge: {}", text.lines().next().unwrap_or_default());
                ExitCode::FAILURE
            }
        })
    }

    /// Returns how to reach NATS.
    pub(crate) fn nats(&self) -> rpc_core::Config {
        rpc_core::Config::new(&self.nats_url).name("http-bridge")
    }

    /// Returns how to listen and call.
    pub(crate) fn bridge(self) -> http_bridge::Config {
        http_bridge::Config {
            listen: self.listen,
            call_timeout: self.call_timeout,
            allowed_hosts: self.allow_host,
            ..http_bridge::Config::default()
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() && time <= LONGEST => Ok(time),
        Ok(_) => Err("expected more than nothing and at most a day".to_owned()),
        Err(_) => Err("expected a time such as 2s or 500ms".to_owned()),
    }
}

/// Says on one line why the program ends.
pub(crate) fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("http-bridge: {error}");
    ExitCode::FAILURE
}
