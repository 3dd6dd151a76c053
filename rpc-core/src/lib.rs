//! RPC microservices on NATS: put `#[rpc]` on an `impl` block, and its methods answer on NATS
//! subjects such as `greeting_service.hello`.

#[doc(hidden)]
pub mod __private;
mod bind;
mod catalog;
mod client;
mod codec;
mod config;
mod connection;
mod context;
mod discovery;
mod dispatch;
mod endpoint;
mod error;
mod instance;
pub mod log;
mod mux;
mod outbox;
mod outcome;
pub mod prelude;
pub mod protocol;
mod runner;
mod serve;
mod service;
mod slot;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

pub use catalog::{Catalog, Method};
pub use client::{Client, OutgoingCall};
pub use config::Config;
pub use context::Context;
pub use endpoint::{Endpoint, EndpointSpec, Options};
pub use error::{CallError, ConnectError, RunError};
pub use protocol::{Code, Reply, RpcError};
pub use rpc_macros::rpc;
pub use runner::{Runner, Running, stop_signal};
pub use service::Service;

/// The result of [`Runner::run`], for `main`.
pub type Result<T, E = RunError> = std::result::Result<T, E>;
