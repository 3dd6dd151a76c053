use rpc_core::prelude::*;

struct Greeter;

#[rpc(queue_group = "a b")]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
