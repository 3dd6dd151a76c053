use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, context: Context) {}
}

fn main() {}
