use rpc_core::prelude::*;

struct Greeter;

#[rpc(version = "1.0")]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
