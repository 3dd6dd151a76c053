use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(default = 1)] a: u8, b: u8) {}
}

fn main() {}
