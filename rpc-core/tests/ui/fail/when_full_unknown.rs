use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(when_full = "wait")]
    async fn hello(&self) {}
}

fn main() {}
