//! What a greeting service answers. Services implement the trait, clients use [`GreetingClient`];
//! both depend on this crate, and neither on the other.

pub use rpc_core;
use rpc_core::prelude::*;

/// Greets people.
#[rpc]
pub trait Greeting {
    /// Says hello.
    #[rpc(timeout = "15s", idempotent)]
    async fn hello(&self, first_name: &str, #[rpc(default)] last_name: &str) -> String;
}
