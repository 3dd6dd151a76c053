use rpc_core::prelude::*;

struct Greeter;

#[rpc(timeout = "1s")]
impl Greeter {
    #[rpc(version = "1.0.0")]
    async fn hello(&self, #[rpc(name = "x")] a: u8) {}
}

fn main() {}
