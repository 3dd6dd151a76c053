//! What the started processes do: one hidden subcommand each.

pub(crate) mod brokers;
pub(crate) mod clients;
pub(crate) mod control;
pub(crate) mod edges;
pub(crate) mod http;
pub(crate) mod services;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use tokio::runtime::{Builder, Runtime};

/// What goes wrong in a worker ends it with one line.
type Failure = Box<dyn Error>;

/// A process of the measurement.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Worker {
    /// The embedded broker.
    #[command(hide = true)]
    Broker,
    /// The real nats-server, ended when this process is.
    #[command(hide = true)]
    NatsServer { program: PathBuf },
    /// A service.
    #[command(hide = true)]
    Service {
        responder: services::Responder,
        flavor: Flavor,
        nats: String,
    },
    /// An HTTP server in front of NATS.
    #[command(hide = true)]
    Edge { edge: edges::Edge, nats: String },
    /// A client that makes load.
    #[command(hide = true)]
    Client {
        caller: clients::Caller,
        flavor: Flavor,
        address: String,
    },
}

impl Worker {
    /// Does the work until standard input ends.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        // As the programs do it: a disabled log line has a price too.
        rpc_core::log::init();
        match self {
            Self::Broker => brokers::embedded()?,
            Self::NatsServer { program } => brokers::nats_server(program)?,
            Self::Service {
                responder,
                flavor,
                nats,
            } => flavor
                .runtime()?
                .block_on(services::serve(*responder, nats))?,
            // One thread, as the bridge's own program has it.
            Self::Edge { edge, nats } => Flavor::CurrentThread
                .runtime()?
                .block_on(edges::serve(*edge, nats))?,
            Self::Client {
                caller,
                flavor,
                address,
            } => clients::answer(*caller, &flavor.runtime()?, address)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The runtime of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flavor {
    /// `#[tokio::main(flavor = "current_thread")]`
    CurrentThread,
    /// `#[tokio::main]`: as many threads as there are cores.
    MultiThread,
}

impl Flavor {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CurrentThread => "current-thread",
            Self::MultiThread => "multi-thread",
        }
    }

    fn runtime(self) -> std::io::Result<Runtime> {
        match self {
            Self::CurrentThread => Builder::new_current_thread().enable_all().build(),
            Self::MultiThread => Builder::new_multi_thread().enable_all().build(),
        }
    }
}
