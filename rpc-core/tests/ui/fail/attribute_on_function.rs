use rpc_core::prelude::*;

#[rpc]
async fn hello(name: &str, #[rpc(default)] greeting: &str) {}

fn main() {}
