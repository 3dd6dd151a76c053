use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}

    #[rpc(name = "hello")]
    async fn goodbye(&self) {}
}

fn main() {}
