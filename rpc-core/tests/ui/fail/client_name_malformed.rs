use rpc_core::prelude::*;

struct Greeter;

#[rpc(client = "greeter client")]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
