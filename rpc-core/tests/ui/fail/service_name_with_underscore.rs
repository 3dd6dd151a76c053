use rpc_core::prelude::*;

struct Greeter;

#[rpc(name = "_greeter")]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
