use rpc_core::prelude::*;

#[rpc]
trait Greeting<T> {
    #[rpc]
    async fn hello(&self, name: T);
}

fn main() {}
