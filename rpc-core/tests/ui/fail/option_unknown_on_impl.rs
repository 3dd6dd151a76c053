use rpc_core::prelude::*;

struct Greeter;

#[rpc(nmae = "greeter", colour = "red")]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
