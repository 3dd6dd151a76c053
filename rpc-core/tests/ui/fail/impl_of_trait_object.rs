use rpc_core::prelude::*;

trait Greet {}

#[rpc]
impl dyn Greet {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
