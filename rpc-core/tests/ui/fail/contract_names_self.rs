use rpc_core::prelude::*;

#[rpc]
trait Greeting {
    #[rpc]
    async fn hello(&self, others: Vec<Self>) -> Self
    where
        Self: Sized;
}

fn main() {}
