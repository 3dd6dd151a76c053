//! What a service is written with: `use rpc_core::prelude::*`.

pub use crate::call;
pub use crate::context::Context;
pub use crate::extract::FromContext;
pub use crate::protocol::{Code, Reply, RpcError};
pub use crate::runner::Runner;
pub use crate::service::Service;
pub use rpc_macros::{RpcError, cron, event_handler, on_start, on_stop, rpc, timer};
