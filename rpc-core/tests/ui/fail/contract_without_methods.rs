use rpc_core::prelude::*;

#[rpc]
trait Greeting {
    async fn hello(&self);
}

fn main() {}
