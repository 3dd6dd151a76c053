use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(limit = 0)]
    async fn hello(&self) {}
}

fn main() {}
