use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(timeout = "15 seconds")]
    async fn hello(&self) {}
}

fn main() {}
