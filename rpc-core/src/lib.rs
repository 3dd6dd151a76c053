//! RPC microservices on NATS: put `#[rpc]` on an `impl` block, and its methods answer on NATS
//! subjects such as `greeting_service.hello`.

#[doc(hidden)]
pub mod __private;
mod bind;
mod client;
mod codec;
mod context;
mod dispatch;
mod endpoint;
mod outcome;
pub mod prelude;
pub mod protocol;
mod service;
mod slot;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

pub use client::Client;
pub use context::Context;
pub use endpoint::{Endpoint, EndpointSpec, Options};
pub use protocol::{Code, Reply, RpcError};
pub use rpc_macros::rpc;
pub use service::Service;
