use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(kwargs)] extra: Vec<u8>) {}
}

fn main() {}
