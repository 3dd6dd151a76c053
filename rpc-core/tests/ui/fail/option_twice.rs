use rpc_core::prelude::*;

struct Greeter;

#[rpc(name = "a", name = "b")]
impl Greeter {
    #[rpc(limit = 1)]
    #[rpc(limit = 2)]
    async fn hello(&self, #[rpc(keyword, keyword)] a: u8) {}
}

fn main() {}
