use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(limit = , "name", safe idempotent)]
    async fn hello(&self) {}
}

fn main() {}
