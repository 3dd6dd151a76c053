//! Why a broker could not start, in words a user can act on.

use std::io;

use thiserror::Error;

/// Why a broker could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Something else listens on the address.
    #[error("{address} is already in use; stop what listens there or choose another port")]
    AddressInUse {
        /// The address, as configured.
        address: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address, as configured.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The address can be reached from other machines.
    #[error(
        "refusing to listen on {address}: the embedded broker has no TLS and serves this machine \
         only; expected a loopback address such as 127.0.0.1"
    )]
    NotLoopback {
        /// The address, as configured.
        address: String,
    },
    /// `APP_ENV` is `production`.
    #[error(
        "refusing to start an embedded broker on {address} because APP_ENV is production; run \
         nats-server and connect to it instead"
    )]
    Production {
        /// The address, as configured.
        address: String,
    },
    /// The broker's thread or its runtime could not be created.
    #[error("cannot start the broker's thread: {0}")]
    Thread(#[source] io::Error),
}
