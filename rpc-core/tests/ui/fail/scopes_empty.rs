use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(scopes())]
    async fn hello(&self) {}
}

fn main() {}
