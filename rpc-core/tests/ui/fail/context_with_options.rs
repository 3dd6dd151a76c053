use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(default)] context: &Context) {}
}

fn main() {}
