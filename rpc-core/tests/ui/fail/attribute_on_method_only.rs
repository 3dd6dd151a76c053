use rpc_core::prelude::*;

struct Greeter;

impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(default)] name: &str) {}
}

fn main() {}
