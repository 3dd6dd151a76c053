use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, name: impl Into<String>, names: Vec<impl Into<String>>) {}
}

fn main() {}
