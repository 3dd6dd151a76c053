//! Failures of operations: connecting, running. Those of calls are with the client.

use thiserror::Error;

/// Why there is no connection to NATS.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// A server's URL cannot be read.
    #[error("`{url}` is not the URL of a NATS server: {reason}")]
    Url {
        /// The URL, without its password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No server answered in time.
    #[error("no NATS server at {servers}: {reason}")]
    Unreachable {
        /// The servers that were tried.
        servers: String,
        /// Why the last try failed.
        reason: String,
    },
    /// A server refused the credentials; trying again would not help.
    #[error("the NATS server at {servers} refused the credentials: {reason}")]
    Refused {
        /// The servers that were tried.
        servers: String,
        /// What the server said.
        reason: String,
    },
}

/// Why a [`Runner`](crate::Runner) stopped, or never started.
#[derive(Debug, Error)]
pub enum RunError {
    /// There is no connection to NATS.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The embedded broker did not start.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Broker(#[from] rpc_broker::StartError),
    /// The services cannot be served as they are declared.
    #[error("{0}")]
    Declaration(String),
    /// An `#[on_start]` method failed, so that nothing of its service is served.
    #[error("`{hook}` failed, and its service cannot start: {reason}")]
    OnStart {
        /// Service and method.
        hook: String,
        /// Why.
        reason: String,
    },
    /// The server did not take the subscriptions.
    #[error("the server did not take the subscriptions of `{service}`: {reason}")]
    Subscribe {
        /// The service.
        service: String,
        /// What the server said, or did not say.
        reason: String,
    },
}
