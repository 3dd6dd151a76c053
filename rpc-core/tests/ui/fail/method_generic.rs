use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello<T: Default, const N: usize>(&self) {}
}

fn main() {}
