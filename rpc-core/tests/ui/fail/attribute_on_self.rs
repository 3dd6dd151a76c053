use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(#[rpc(keyword)] &self) {}
}

fn main() {}
