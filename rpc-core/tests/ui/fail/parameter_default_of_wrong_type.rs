use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(default = "x")] a: u8, #[rpc(default = 5)] b: &str) {}
}

fn main() {}
