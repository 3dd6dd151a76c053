use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc = "hello"]
    async fn hello(&self) {}
}

fn main() {}
