use rpc_core::prelude::*;

struct Greeter;

#[rpc(name = "wamp")]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
