use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, (a, b): (u8, u8), _: u8) {}
}

fn main() {}
