use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(name = "say.hello")]
    async fn hello(&self) {}

    #[rpc]
    async fn grüße(&self) {}
}

fn main() {}
