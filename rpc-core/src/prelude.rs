//! What a service is written with: `use rpc_core::prelude::*`.

pub use crate::call;
pub use crate::context::Context;
#[cfg(feature = "server")]
pub use crate::extract::FromContext;
pub use crate::protocol::{Code, Reply, RpcError};
#[cfg(feature = "server")]
pub use crate::runner::Runner;
#[cfg(feature = "server")]
pub use crate::service::Service;
pub use rpc_macros::{RpcError, rpc};
#[cfg(feature = "server")]
pub use rpc_macros::{cron, event_handler, on_start, on_stop, timer};
