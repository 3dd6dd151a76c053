use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}

    async fn other(&self, #[rpc(default)] name: &str) {}
}

fn main() {}
