use rpc_core::prelude::*;

struct Greeter;

#[rpc(name = "greeting service")]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
