use rpc_core::prelude::*;

struct Greeter;

#[rpc]
#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
