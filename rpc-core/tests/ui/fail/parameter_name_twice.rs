use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, from: u8, #[rpc(rename = "from")] sender: u8) {}
}

fn main() {}
