use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(renam = "x")] a: u8, #[rpc(colour = "red")] b: u8) {}
}

fn main() {}
