use rpc_core::prelude::*;

struct Greeter<'a> {
    name: &'a str,
}

#[rpc]
impl<'a> Greeter<'a> {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
