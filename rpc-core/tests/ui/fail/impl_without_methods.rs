use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    async fn hello(&self) {}
}

fn main() {}
