use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(args)] a: Vec<u8>, #[rpc(args)] b: Vec<u8>) {}
}

fn main() {}
